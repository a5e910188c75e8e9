"""Rows as dlib_bvae_aggregate writes them, with scores that a test chooses."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

FOUR = ["scale", "orientation", "position_x", "position_y"]
_NETWORKS = {"Conv": "burgess", "MLP": "higgins"}
_FITTED = {"PCA": "@pca()", "ICA": "@fast_ica()"}


def training(dataset: str, model: str, seed: int, architecture: str = "", **other: Any) -> dict[str, Any]:
    """What all rows of one training share; model: "4-VAE", "PCA" …; other: more columns, __ for a dot."""
    row = {
        "train_results.uuid": f"{dataset} {architecture} {model} {seed} {sorted(other.items())}",
        "train_results.seed": seed,
        "train_results.dataset": dataset,
        "train_results.fingerprint": "0123456789abcdef",
        "train_results.model": model,
        "postprocess_results.representation": "mean",
        "postprocess_results.num_images": 737280,
        "config": "1e10000000",
    }
    if model in _FITTED:
        row |= {"train_config.model.model": _FITTED[model], "train_results.num_samples": 25000}
    else:
        name = _NETWORKS[architecture]
        row |= {
            "train_config.model.model": "@vae()",
            "train_config.vae.beta": float(model.removesuffix("-VAE")),
            "train_config.encoder.encoder_fn": f"@{name}_encoder",
            "train_config.decoder.decoder_fn": f"@{name}_decoder",
            "train_config.reconstruction_loss.loss_fn": "@bernoulli_loss",
            "train_config.model.optimizer": "@adam",
            "train_config.adam.learning_rate": 5e-4,
            "train_config.model.batch_size": 64,
            "train_config.encoder.num_latent": 10,
            "train_results.steps": 6000,
            "train_results.reconstruction": 50.0,
        }
    return row | {key.replace("__", "."): value for key, value in other.items()}


def beta_vae(
    row: dict[str, Any], percent: float, pairs: int = 64, classifier: str = "logistic_regression", factors=None
):
    """An evaluation by the β-VAE metric."""
    stem = "evaluation_results.metric_parameters"
    return scored(row, "beta_vae", eval_accuracy=percent / 100) | {
        f"{stem}.batch_size": pairs,
        f"{stem}.classifier": classifier,
        f"{stem}.factors": factors and json.dumps(factors),
        f"{stem}.num_train": 10000,
        "evaluation_config.evaluation.split": "all",
    }


def scored(row: dict[str, Any], metric: str, **scores: Any) -> dict[str, Any]:
    """An evaluation by another metric."""
    return row | {
        "evaluation_results.metric": metric,
        "evaluation_results.score_names": json.dumps(sorted(scores)),
        **{f"evaluation_results.{name.replace('__', '.')}": value for name, value in scores.items()},
    }


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """All rows, each an evaluation of its own."""
    return pd.DataFrame([{**row, "evaluation_results.uuid": f"evaluation {place}"} for place, row in enumerate(rows)])


def cell(
    dataset: str, model: str, percents: list[float], architecture: str = "", **setting: Any
) -> list[dict[str, Any]]:
    """One evaluation by the β-VAE metric for each of seeds 1, 2, …"""
    return [
        beta_vae(training(dataset, model, seed, architecture), percent, **setting)
        for seed, percent in enumerate(percents, start=1)
    ]


def whole_study() -> pd.DataFrame:
    """Three seeds of everything on dsprites_rendered, with MIG, and image quality on cifar10."""
    rows = []
    models = [("Conv", f"{beta}-VAE") for beta in ("0.1", "1", "4", "10")]
    models += [("MLP", model) for _, model in models] + [("", "PCA"), ("", "ICA")]
    for place, (architecture, model) in enumerate(models):
        for pairs in (16, 64, 128, 256):
            for factors in (None, FOUR):
                low = 50.0 + place + pairs / 20 + (10 if factors else 0)
                rows += cell(
                    "dsprites_rendered", model, [low, low + 4, low + 2], architecture, pairs=pairs, factors=factors
                )
        for other, classifier in enumerate(("linear", "mlp", "random_forest")):
            scores = [52.0 + place, 55.0 + place, 53.4 + place + other / 5]
            rows += cell("dsprites_rendered", model, scores, architecture, classifier=classifier)
        for seed in (1, 2, 3):
            gap = 0.2 + seed / 100
            rows.append(scored(training("dsprites_rendered", model, seed, architecture), "mig", discrete_mig=gap))
    for _, model in models[:4]:
        beta = float(model.removesuffix("-VAE"))
        for seed in (1, 2, 3):
            row = training("cifar10", model, seed, "Conv", train_results__reconstruction=100 + beta + seed / 10)
            scores = {"fid_reconstruction": 100 + beta + (beta > 1) * seed % 3, "fid_sample": 200 + beta}
            scores |= {"fd_other_reconstruction": 7 + beta}
            rows.append(scored(row, "image_quality", **scores, protocol__images_each_side=10000))
    return frame(rows)


def assert_alike(found: Sequence[str], expected: Sequence[str]) -> None:
    """The same lines; a number may differ by one in its last digit, as versions of numpy round a half either way."""
    assert [_NUMBER.sub("#", line) for line in found] == [_NUMBER.sub("#", line) for line in expected]
    for one, other in zip(found, expected, strict=True):
        for first, second in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True):
            decimals = len(first.partition(".")[2])
            apart = abs(float(first.replace(",", "")) - float(second.replace(",", "")))
            assert apart <= (1.01 * 10.0**-decimals if decimals else 0), (one, other)


_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
