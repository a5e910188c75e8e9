"""Run directories with known scores, as the stages write them, for tests of the leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.metrics.engine.null import against
from support.results import write

# A red square of 1 × 1 pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)


def train(root: Path, name: str, *, seed: int = 0, config: Mapping[str, Any] | None = None, **results: Any) -> Path:
    """A trained and encoded run with its picture; returns the directory of its representation."""
    directory = root / name
    told = {
        "vae.beta": 4.0,
        "model.model": "@vae()",
        "model.batch_size": 64,
        "model.name": "beta_vae",
        **(config or {}),
    }
    known = {
        "model": told["model.name"],
        "dataset": "dsprites_rendered",
        "fingerprint": "f" * 16,
        "seed": seed,
        "steps": 100,
        "num_parameters": 1000,
        "reconstruction": 20.0,
        "elapsed_time": 60.0,
    }
    write(directory / "train", "train", {**known, **results}, {**told, "model.random_seed": seed})
    (directory / "train" / "reconstructions.png").write_bytes(PNG)
    encoded = {"representation": "mean", "num_images": 1000}
    write(directory / "mean", "postprocess", encoded, {"postprocess.random_seed": 0}, directory / "train")
    return directory / "mean"


def score(
    encoded: Path,
    metric: str,
    scores: Mapping[str, float],
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    **more: Any,
) -> Path:
    """An evaluation of an encoded run, with `more` in its results; returns its directory."""
    parameters = {"num_train": 10} if parameters is None else parameters
    directory = encoded / "metrics" / "-".join([metric, *map(str, parameters.values()), str(seed)])
    results = {
        "metric": metric,
        "metric_parameters": dict(parameters),
        "random_seed": seed,
        "score_names": list(scores),
        **scores,
        **more,
    }
    told = {"evaluation.random_seed": seed, **{f"{metric}.{key}": value for key, value in parameters.items()}}
    write(directory, "evaluation", results, told, encoded)
    return directory


def null_of(metric: str, scores: Mapping[str, float], mean: float, number: int = 20, seed: int = 0) -> dict[str, Any]:
    """What a result with these scores has of its null, whose values are `mean` ± 0.01, normal by the seed."""
    values = {name: np.random.default_rng(seed).normal(mean, 0.01, number).tolist() for name in scores}
    return against(scores, values, metrics.scores_of(metric))


def bring(
    root: Path,
    name: str,
    source: str | None = None,
    submission: Mapping[str, Any] | None = None,
    seed: int = 0,
    saved_model: str | None = None,
    **more: Any,
) -> Path:
    """Codes of another framework as dlib_bvae_evaluate writes them, with `more` in their results; returns their directory.

    source: of --codes; saved_model: of --saved_model, one of the two. submission: what verification adds beside them.
    """
    directory = root / name / "codes"
    results = {
        "model": name,
        "training_seed": seed,
        "dataset": "dsprites_rendered",
        "fingerprint": "f" * 16,
        "representation": "codes",
        "num_images": 1000,
        **({"source": source} if source is not None else {"saved_model": saved_model}),
        **more,
    }
    write(directory, "postprocess", results, {"dataset.name": "dsprites_rendered"})
    if submission is not None:
        write(directory, "submission", {"name": name, **submission})
    return directory
