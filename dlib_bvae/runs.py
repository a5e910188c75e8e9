"""Runs from Python: train, encode, evaluate, visualize and table take names, paths and bindings, and hand back values.

They do what the commands do, in the same run directories, and print no lines; warnings and a progress line go to standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.dlib_names import ONLY_THEIRS
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.metrics.scores import Scores
from dlib_bvae.runtime import RUNS, interruptible, load_tensorflow, quiet

if TYPE_CHECKING:
    import pandas as pd

    from dlib_bvae.models.trained import TrainedModel

__all__ = ["Run", "encode", "evaluate", "evaluate_codes", "table", "train", "visualize"]

Texts: TypeAlias = str | Path | Sequence[str | Path]  # one, or several
_PICTURE = Path("train", "reconstructions.png")


class Run:
    """A trained run in a directory. In a notebook it shows images and their reconstructions.

    directory: of dlib_bvae_train. results: of the training. Raises UserError where no training is finished there.
    """

    def __init__(self, directory: str | Path):
        from dlib_bvae.stages.inputs import trained_results, trained_run

        self.directory = trained_run(Path(directory).expanduser())
        self.results: dict[str, Any] = trained_results(self.directory)

    def __repr__(self) -> str:
        known = self.results
        facts = [f"{known['model']} on {known['dataset']}", f"seed {known['seed']}"]
        facts += [pluralize(known["steps"], "step")] if "steps" in known else []
        unit = " nats" if "reconstruction" in known else ""  # a loss without a likelihood has none
        facts += [f"loss {known['loss']:.2f}{unit}"] if "loss" in known else []
        return f"Run({str(self.directory)!r}): {', '.join(facts)}"

    def _repr_png_(self) -> bytes | None:
        path = self.directory / _PICTURE
        return path.read_bytes() if path.is_file() else None

    def model(self) -> TrainedModel:
        """Its network: encode, decode, reconstruct, sample, traverse; see models.load."""
        from dlib_bvae import models

        return models.load(self.directory)


RunLike: TypeAlias = str | Path | Run


def train(
    gin_config: Texts = (), bindings: Texts = (), directory: str | Path | None = None, overwrite: bool = False
) -> Run:
    """Trains what gin files and bindings say, as dlib_bvae_train does, and returns the run.

    gin_config: one file or several, from the working directory or installed. bindings: as of --gin_bindings. directory: of
    the run (None: runs/ and the name of the last file). A finished run is not trained again, an interrupted one continues.
    Raises UserError for bad input.
    """
    load_tensorflow()
    from dlib_bvae.stages import train as stage

    place = None if directory is None else Path(directory).expanduser()
    with quiet(), interruptible():
        return Run(stage.run(_texts(gin_config), _texts(bindings), place, overwrite))


def encode(
    run: RunLike,
    gin_config: Texts = (),
    bindings: Texts = (),
    *,
    step: int | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> np.ndarray:
    """The codes of a run's data set, encoded once as dlib_bvae_postprocess does: float32 (images, latents), memory-mapped.

    step: of a model that training kept (model.export_steps). trust: see evaluate. Raises UserError for bad input.
    """
    from dlib_bvae.representations.codes import read_codes
    from dlib_bvae.stages import postprocess

    with quiet(), interruptible(), trusting(everything=trust):
        return read_codes(
            postprocess.run(_texts(gin_config), _texts(bindings), _directory(run), overwrite=overwrite, step=step)
        )


@overload
def evaluate(
    run: RunLike,
    metric: str,
    gin_config: Texts = ...,
    bindings: Texts = ...,
    *,
    repeats: int | None = ...,
    null: int | None = ...,
    step: int | None = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> Scores: ...


@overload
def evaluate(
    run: RunLike,
    metric: Sequence[str],
    gin_config: Texts = ...,
    bindings: Texts = ...,
    *,
    repeats: int | None = ...,
    null: int | None = ...,
    step: int | None = ...,
    overwrite: bool = ...,
    trust: bool = ...,
) -> dict[str, Scores]: ...


def evaluate(
    run: RunLike,
    metric: str | Sequence[str],
    gin_config: Texts = (),
    bindings: Texts = (),
    *,
    repeats: int | None = None,
    null: int | None = None,
    step: int | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> Scores | dict[str, Scores]:
    """Scores a run by one metric, or by several: {name: scores}, as dlib_bvae_evaluate does, and keeps the results in the run.

    What is scored already is read. repeats: seeds to score with. null: random matchings of codes to images, which say what
    chance gives. trust: a run that was trained elsewhere may import its modules. Raises UserError for bad input, also for one of
    several metrics that refuses; the scores of the others are kept.
    """
    from dlib_bvae.stages import evaluate as stage

    names, files, lines, place = _metrics(metric), _texts(gin_config), _texts(bindings), _directory(run)
    with quiet(), interruptible(), trusting(everything=trust):
        done = stage.run(",".join(names), files, lines, place, overwrite, repeats, None, step, None, null)
    scores = _scores(names, done)
    return scores[metric] if isinstance(metric, str) else scores


def evaluate_codes(
    codes: str | Path,
    dataset: str,
    metric: str | Sequence[str],
    gin_config: Texts = (),
    bindings: Texts = (),
    *,
    name: str | None = None,
    training_seed: int = 0,
    directory: str | Path | None = None,
    repeats: int | None = None,
    null: int | None = None,
    overwrite: bool = False,
) -> dict[str, Scores]:
    """Scores codes of any framework as dlib_bvae_evaluate --codes does: {metric: scores}, kept for tables and boards.

    codes: a .npy, .npz or HDF5 file (images, latents), one row per image in the data set's order. dataset: its name; parameters
    of it are bindings. name: in tables (None: the file's). training_seed: tables pool what differs in it. directory: of the
    results (None: runs/ and the name). metric, repeats, null: see evaluate. Raises UserError for bad input.
    """
    from dlib_bvae.stages import evaluate as stage
    from dlib_bvae.stages.external import external_codes

    place = None if directory is None else Path(directory).expanduser()
    path = Path(codes).expanduser()
    source = external_codes(path, dataset=dataset, name=name, output_dir=place, training_seed=training_seed)
    names, files, lines = _metrics(metric), _texts(gin_config), _texts(bindings)
    with quiet(), interruptible():
        done = stage.run(",".join(names), files, lines, None, overwrite, repeats, source, None, None, null)
    return _scores(names, done)


def visualize(
    run: RunLike, gin_config: Texts = (), bindings: Texts = (), *, overwrite: bool = False, trust: bool = False
) -> Path:
    """Draws a run as dlib_bvae_visualize does and returns the page. trust: see evaluate. Raises UserError for bad input."""
    from dlib_bvae.stages import visualize as stage

    with quiet(), interruptible(), trusting(everything=trust):
        return stage.run(_texts(gin_config), _texts(bindings), _directory(run), overwrite) / "index.html"


def table(directory: str | Path = RUNS) -> pd.DataFrame:
    """All scores below a directory: a row for each score of each evaluation, with the run's and the metric's settings as columns.

    Columns: model, dataset, representation, metric, score, value, null_mean, null_std, z, p, adjusted, seed, path (of the
    evaluation, from `directory`); adjusted_random (see analysis.adjusted_random) where a random encoder was scored; then every
    parameter that is not the same for all rows, under its gin name.
    Raises UserError where there is no evaluation; what is left out is named on standard error.
    """
    from dlib_bvae.analysis.chance import random_ends
    from dlib_bvae.analysis.frame import collect_some
    from dlib_bvae.analysis.tables import by_score

    frame = collect_some(Path(directory).expanduser(), "stand in a table")
    return by_score(frame, random_ends(frame))


def _metrics(metric: str | Sequence[str]) -> list[str]:
    names = [metric] if isinstance(metric, str) else list(metric)
    if not names or any(not name or name == "all" or "," in name for name in names):
        raise UserError(f"metric must be a name such as 'beta_vae', or a list of names; got {metric!r}")
    return names


def _scores(names: list[str], directories: list[Path]) -> dict[str, Scores]:
    from dlib_bvae.artifacts import read_results
    from dlib_bvae.metrics import METRICS

    found = [Scores(read_results(each, "evaluation")) for each in directories]
    scores = {each["metric"]: each for each in found}
    return {name: scores[METRICS.canonical(ONLY_THEIRS.get(name, name))] for name in names}


def _directory(run: RunLike) -> Path:
    return run.directory if isinstance(run, Run) else Path(run).expanduser()


def _texts(given: Texts) -> list[str]:
    return [str(given)] if isinstance(given, (str, Path)) else [str(each) for each in given]
