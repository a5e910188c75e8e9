"""Run directories of a study with the results that its stages leave, without a model."""

import inspect
import re
import time
from pathlib import Path

from dlib_bvae.config import bound, configuration, current
from dlib_bvae.metrics import METRICS
from dlib_bvae.stages import evaluation_settings  # noqa: F401  # its parameters are known to gin then
from dlib_bvae.studies.study import Run
from support.results import write

_LONG = 300.0  # seconds; the machine that tests run on may be slow


def finish(run: Run, store: Path, seconds: float = 1.0, scored: bool = True) -> None:
    """Results of a training, and where `scored` of an encoding and of the first evaluation, each of so many seconds."""
    directory, took = run.directory(store), {"elapsed_time": seconds}
    trained = write(directory / "train", "train", took)
    if not scored:
        return
    encoded = write(
        directory / "mean", "postprocess", {**took, "trained": trained["uuid"]}, earlier=directory / "train"
    )
    evaluation = run.evaluations[0]
    metric = evaluation.metric
    with configuration(evaluation.gin_config, evaluation.gin_bindings, [METRICS]):
        parameters = [f"{metric}.{name}" for name in inspect.signature(METRICS.get(metric)).parameters]
        used = current([*parameters, "evaluation.sampling"])
        fields = {"given": {"metric": metric}, "sources": {"encoded": encoded["uuid"]}, "bound": tuple(bound())}
    place = directory / "mean" / "metrics" / metric
    write(place, "evaluation", {**took, "encoded": encoded["uuid"]}, used, directory / "mean", **fields)


def wait_for(condition) -> None:
    """Waits until `condition()` holds, and fails where it does not for minutes."""
    end = time.monotonic() + _LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pid_of(directory: Path) -> int:
    """The process that works in a run directory."""
    return int(re.search(r'"pid": (\d+)', (directory / ".lock").read_text())[1])
