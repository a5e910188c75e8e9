"""Commands on the run "one" in a folder, for tests of what they do to what others left; what must be true after each."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dlib_bvae.artifacts import read_identity, read_results
from dlib_bvae.stages import evaluate, postprocess, sensitivity, train, visualize
from support.tiny_runs import CELLS, DATA, FITS, PICTURES

OF_TIME = (
    "elapsed_time",
    "environment",
    "images_per_second",
    "peak_memory_mib",
    "started",
    "uuid",
    "encoded",
    "trained",
)
OF_PLACE = ("run", "run_set", "source")
FEW = "postprocess.max_images = 300"


def fit(folder: Path, *lines: str, overwrite: bool = False) -> Path:
    """Fits an oracle on dummy_data."""
    return train.run([], [*DATA, *FITS["oracle"], *lines], folder / "one", overwrite)


def encode(folder: Path, *lines: str, **more: Any) -> Path:
    """Encodes it."""
    return postprocess.run([], lines, folder / "one", **more)


def score(folder: Path, *lines: str, metric: str = "active_units", **more: Any) -> list[Path]:
    """Scores it; the default metric draws no pictures."""
    return evaluate.run(metric, [], [f"{metric}.num_train = 100", *lines], folder / "one", **more)


def draw(folder: Path, *lines: str, **more: Any) -> Path:
    """Draws a few pictures."""
    return visualize.run([], [*PICTURES, *lines], folder / "one", **more)


def study(folder: Path, *lines: str, **more: Any) -> list[Path]:
    """Scores one cell of a sensitivity study."""
    return sensitivity.run([folder / "one"], [], [*CELLS, *lines], folder / "tables", **more)


# Every command that may come after one that died, under the parameters of that one and under others.
LATER = {
    "fit": fit,
    "fit overwrite": partial(fit, overwrite=True),
    "encode": encode,
    "encode overwrite": partial(encode, overwrite=True),
    "encode few": lambda folder: encode(folder, FEW),
    "score": score,
    "score few": lambda folder: score(folder, FEW),
    "score others": lambda folder: score(folder, "active_units.threshold = 0.1"),
    "score another": lambda folder: score(folder, metric="mig"),
    "score overwrite": partial(score, overwrite=True),
    "draw": draw,
    "draw others": lambda folder: draw(folder, "visualize.random_seed = 3"),
    "study": study,
    "study others": lambda folder: study(folder, "sensitivity.random_seed = 3"),
}


def quietly(call: Callable[[Path], Any], folder: Path) -> Any:
    """What a call returns, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call(folder)


def results(folder: Path) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Stage directory → its results but for what depends on time and place, and the bytes of its codes."""
    found = {}
    for path in sorted(folder.rglob("results/json/*_results.json")):
        directory, stage = path.parents[2], path.stem.removesuffix("_results")
        values = read_results(directory, stage)
        kept = {key: value for key, value in values.items() if key not in (*OF_TIME, *OF_PLACE)}
        codes = directory / "codes.npy"
        found[str(directory.relative_to(folder))] = kept, codes.read_bytes() if codes.exists() else b""
    return found


def assert_nothing_is_stale(run: Path) -> None:
    """Every result in a run is of the training and codes that stand there, and its identity is that of its inputs."""
    trained = read_results(run / "train", "train") if (run / "train").exists() else None
    for path in run.rglob("results/json/postprocess_results.json"):
        codes = path.parents[2]
        assert trained is None or read_results(codes, "postprocess")["trained"] == trained["uuid"]
        encoded = read_results(codes, "postprocess")
        made = [*codes.glob("metrics/*/results/json/evaluation_results.json")]
        made += codes.glob("sensitivity/results/json/sensitivity_results.json")
        for score in made:
            directory, stage = score.parents[2], score.stem.removesuffix("_results")
            found = read_results(directory, stage)
            assert found["encoded"] == encoded["uuid"]
            assert found["identity"] == read_identity(directory, stage).digest
            assert read_identity(directory, stage).inputs["codes"] == encoded["identity"]
