"""A board with all that its page must tell apart, through the real board.build.

Five seeds, reference rows, a collapsed β, a method that learns from pairs, two networks, exported steps. The scores are
constructed and say nothing of the methods: on `dsprites_rendered` β-VAE with β = 4 leads by the β-VAE metric, above PCA.
`shapes3d_rendered` has two seeds, no nulls and no reference rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.board import build
from support.leaderboard_runs import null_of, score, train
from support.results import write

SEEDS = 5
STEPS = 100  # of training
EXPORTED = (25, 50)  # steps whose codes are scored, too
DSPRITES, SHAPES3D = "dsprites_rendered", "shapes3d_rendered"
FINGERPRINTS = {DSPRITES: "d" * 16, SHAPES3D: "5" * 16}
NUM_IMAGES = 737_280
CHANCE = {"beta_vae": 0.22, "factor_vae_score": 0.23, "mig": 0.01, "dci": 0.02}
CONV = {"encoder.encoder_fn": "@burgess_encoder", "decoder.decoder_fn": "@burgess_decoder", "model.optimizer": "@adam"}
MLP = {
    "encoder.encoder_fn": "@higgins_encoder",
    "decoder.decoder_fn": "@higgins_decoder",
    "model.optimizer": "@adagrad",
}


class Kind(NamedTuple):
    """A configuration: its name, its part of the gin configuration, its mean score by the β-VAE metric, and active latents."""

    name: str
    config: Mapping[str, Any]
    accuracy: float
    active: int = 8
    reference: bool = False


def _beta(beta: float, accuracy: float, active: int = 8, network: Mapping[str, str] = CONV, name: str = "beta") -> Kind:
    return Kind(f"{name}{beta:g}", {"model.model": "@vae()", "vae.beta": beta, **network}, accuracy, active)


def _factor(gamma: float, accuracy: float) -> Kind:
    return Kind(f"factor{gamma:g}", {"model.model": "@factor_vae()", "factor_vae.gamma": gamma, **CONV}, accuracy)


def _reference(name: str, accuracy: float, active: int = 10) -> Kind:
    return Kind(name, {"model.model": f"@{name}()", f"{name}.num_latent": 10}, accuracy, active, reference=True)


KINDS = (
    _beta(1.0, 0.72, 10),
    _beta(2.0, 0.78, 9),
    _beta(4.0, 0.86),
    _beta(40.0, 0.60, 6),
    _beta(10.0, 0.215, 1),  # collapsed, as good as chance
    _beta(4.0, 0.80, network=MLP, name="mlp_beta"),
    _factor(10.0, 0.85),
    _factor(40.0, 0.81),
    Kind("ada", {"model.model": "@ada_gvae()", "ada_gvae.beta": 1.0, **CONV}, 0.95),
    _reference("noise", 0.22),
    _reference("random_encoder", 0.55),
    _reference("pca", 0.765),
    _reference("oracle", 1.0, 5),
)


def fill(root: Path) -> None:
    """Writes the run directories below `root`."""
    for kind in KINDS:
        for seed in range(SEEDS):
            _run(root, kind, DSPRITES, seed, steps=EXPORTED if kind.name == "beta4" else ())
    for kind in KINDS[:3]:
        for seed in range(2):
            _run(root, kind, SHAPES3D, seed, nulls=False)


def board(folder: Path) -> dict[str, Any]:
    """The board of the run directories in `folder`/runs, which are written there, for the page `folder`/board/index.html."""
    with mock.patch("os.fsync"):  # a test's files need not outlive a power cut
        fill(folder / "runs")
    frame, problems = collect(folder / "runs")
    assert problems == []
    return build(frame, folder / "runs", folder / "board")


def _run(root: Path, kind: Kind, dataset: str, seed: int, *, nulls: bool = True, steps: Iterable[int] = ()) -> None:
    config = {"model.name": kind.name, "model.training_steps": STEPS, **kind.config}
    encoded = train(
        root,
        f"{dataset}_{kind.name}_{seed}",
        seed=seed,
        config=config,
        dataset=dataset,
        fingerprint=FINGERPRINTS[dataset],
        origin="rendered",
        supervision="pairs" if kind.name == "ada" else "none",
        steps=0 if kind.reference else STEPS,
        num_parameters=200 if kind.reference else 1_000_000 if "higgins" in str(kind.config) else 500_000,
        reconstruction=20.0 + 10.0 * float(kind.config.get("vae.beta", 4.0)) + seed,
        elapsed_time=3.0 if kind.reference else 600.0 + 10 * seed,
    )
    _encoded(encoded, None)
    _scores(encoded, kind, seed, 1.0, nulls)
    for step in steps:
        at_step = encoded.with_name(f"mean-step{step}")
        _encoded(at_step, step)
        _scores(at_step, kind, seed, step / STEPS, nulls)


def _encoded(directory: Path, step: int | None) -> None:
    results = {"representation": directory.name, "num_images": NUM_IMAGES, "num_latents": 10, "step": step}
    given = {} if step is None else {"step": step}
    write(directory, "postprocess", results, {"postprocess.random_seed": 0}, directory.parent / "train", given=given)


def _scores(encoded: Path, kind: Kind, seed: int, trained: float, nulls: bool) -> None:
    """All metrics of one representation; trained: the share of training that is done."""
    draw = np.random.default_rng([seed, *kind.name.encode()])
    near = lambda value, sd=0.012: float(np.clip(draw.normal(value, sd), 0, 1))
    accuracy = CHANCE["beta_vae"] + (kind.accuracy - CHANCE["beta_vae"]) * trained
    above = max(0.0, (accuracy - 0.5) / 0.5)
    found: dict[str, dict[str, float]] = {
        "beta_vae": {"train_accuracy": near(accuracy + 0.01), "eval_accuracy": near(accuracy)},
        "factor_vae_score": {"train_accuracy": near(accuracy - 0.04), "eval_accuracy": near(accuracy - 0.05)},
        "mig": {"discrete_mig": near(0.3 * above, 0.01)},
        "dci": {
            "informativeness_train": near(0.6 + 0.3 * above),
            "informativeness_test": near(0.58 + 0.3 * above),
            "disentanglement": near(0.5 * above, 0.01),
            "completeness": near(0.45 * above, 0.01),
        },
        "active_units": {"active_units": kind.active, "active_fraction": kind.active / 10},
    }
    if not kind.reference:
        found["reconstruction_error"] = {
            "squared_error": 20 + 40 * (1 - above) + seed,
            "bernoulli_error": 50 + 40 * (1 - above) + seed,
        }
    for metric, scores in found.items():
        null = null_of(metric, scores, CHANCE[metric], seed=seed) if nulls and metric in CHANCE else {}
        score(encoded, metric, scores, defaults(metric), seed, **null)


def defaults(metric: str) -> dict[str, Any]:
    """The parameters of a metric that stand in its results, each with its default."""
    known = inspect.signature(metrics.METRICS.get(metric)).parameters.values()
    return {each.name: each.default for each in known if each.kind is each.KEYWORD_ONLY and each.name != "decode"}
