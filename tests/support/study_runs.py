"""Run directories of a study with the results that its stages leave, without a model."""

from pathlib import Path

from dlib_bvae.studies.study import Run
from support.results import write


def finish(run: Run, store: Path, seconds: float = 1.0, scored: bool = True) -> None:
    """Results of a training, and where `scored` of an encoding and of the first evaluation, each of so many seconds."""
    directory = run.directory(store)
    stages = [("train", "train"), ("mean", "postprocess"), (run.evaluations[0].folder, "evaluation")]
    for folder, stage in stages if scored else stages[:1]:
        earlier = None if stage == "train" else directory / "train"
        write(directory / folder, stage, {"elapsed_time": seconds}, earlier=earlier)
