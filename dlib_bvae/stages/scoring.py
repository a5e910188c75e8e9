"""One metric of one representation → its results folder."""

from __future__ import annotations

import hashlib
import inspect
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np

from dlib_bvae import metrics
from dlib_bvae.artifacts import config_dict, describe, device, peak_memory_mib, read_results, write_stage
from dlib_bvae.artifacts.lifecycle import commit, recover, start
from dlib_bvae.datasets.derived.training_distribution import SPLITS
from dlib_bvae.datasets.derived.training_distribution import split as split_of
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics.engine.repeats import combined
from dlib_bvae.visualize.matrices import save_matrices

_LONGEST_NAME = 80
_MOST_SHOWN = 8  # scores in the line that tells of a result


class Representation(NamedTuple):
    """Codes (images, latents) of `data` in index order; the directory of their stage.

    decoder: makes the function latents → images, or None where there is none. model: makes all that the model can do
    (dlib_bvae.models.signatures.Model), or None.
    """

    directory: Path
    data: Any
    codes: np.ndarray
    decoder: Callable[[], Callable | None]
    model: Callable[[], Any]


class Settings(NamedTuple):
    """What evaluation() says."""

    random_seed: int
    split: str
    repeats: int


@gin.configurable("evaluation")
def evaluation(random_seed: int = 0, split: str = "all", repeats: int = 1) -> Settings:
    """The seed of the metrics, and what they are scored on: "all" images, or of a data set with held-out combinations
    the images "in" training or left "out" (dlib_bvae.datasets.derived.training_distribution.split).

    repeats: score with as many seeds, random_seed and those that follow it; see dlib_bvae.metrics.engine.repeats.
    """
    check_integer("evaluation.random_seed", random_seed, 0)
    check_integer("evaluation.repeats", repeats, 1)
    if split not in ("all", *SPLITS):
        raise UserError(f"evaluation.split must be one of all, {', '.join(SPLITS)}; got {split!r}")
    return Settings(random_seed, split, repeats)


def score_once(name: str, representation: Representation, overwrite: bool) -> Path:
    """Scores by the metric `name` as the open configuration says, once; returns the folder of its results.

    Raises UserError for what the metric refuses; nothing is written then.
    """
    final = representation.directory / "metrics" / variant(name, config_dict(gin.config_str()))
    encoded = read_results(representation.directory, "postprocess")["uuid"]
    if recover(final, "evaluation") and not overwrite:
        before = read_results(final, "evaluation")
        if before["encoded"] == encoded:
            print(f"{final}: scored already: {_shown(before)}")
            return final
        print(f"{final}: scored codes of an earlier encoding; scoring again")
    began = time.monotonic()
    settings = evaluation()
    data = work_dir(representation.data, settings.split)
    codes = representation.codes if data is representation.data else representation.codes[data.rows]
    scores = _scores(name, data, codes, settings, _wanted(name, representation))
    seconds = time.monotonic() - began
    text = gin.operative_config_str()
    config = config_dict(text)
    results = {
        **scores,
        "score_names": [key for key, value in scores.items() if type(value) in (int, float)],
        "metric": name,
        "metric_parameters": {**parameters(name, config), **_below(config, used_classifier(config)), **_on(settings)},
        "num_images": data.num_images,
        "random_seed": settings.random_seed,
        "encoded": encoded,
        "elapsed_time": seconds,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    # An interrupted evaluation left nothing worth keeping: it takes seconds.
    part = start(final, gin.config_str(), overwrite=True)
    save_matrices(part, scores, metrics.matrices(name), data)
    write_stage(part, "evaluation", results=results, config=config, gin_text=text, earlier=representation.directory)
    commit(final)
    print(f"{final}: {_shown(results)} ({seconds:.1f} s)")
    return final


def work_dir(data: Any, split: str) -> Any:
    """The images of `data` that are scored; of a split, with their indices as .rows."""
    return data if split == "all" else split_of(data, split)


def _scores(name: str, data: Any, codes: np.ndarray, settings: Settings, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the metric returns; of several repeats what metrics.repeats makes of them."""
    metric = metrics.METRICS.get(name)
    seeds = range(settings.random_seed, settings.random_seed + settings.repeats)
    found = [metric(data, codes, seed, **wanted) for seed in seeds]
    if len(found) == 1:
        return found[0]
    of_active = [key for key, matrix in metrics.matrices(name).items() if "active code" in matrix[:2]]
    return combined(found, list(seeds), of_active)


def _on(settings: Settings) -> dict[str, Any]:
    """What was scored otherwise than by default, and cannot be compared with it."""
    on = {} if settings.split == "all" else {"evaluation.split": settings.split}
    return on if settings.repeats == 1 else {**on, "evaluation.repeats": settings.repeats}


def _wanted(name: str, representation: Representation) -> dict[str, Any]:
    """The model's `decode`, or the whole `model`, for a metric that asks for it; else nothing, and no TensorFlow."""
    makers = {"decode": representation.decoder, "model": representation.model}
    asked = inspect.signature(metrics.METRICS.get(name)).parameters.keys() & makers.keys()
    made = {key: makers[key]() for key in asked}
    return {key: value for key, value in made.items() if value is not None}


def variant(name: str, bound: dict[str, Any]) -> str:
    """The folder of a metric: its name, and every binding that is not the metric's default."""
    defaults = {
        f"{selector}.{key}": list(value.default) if isinstance(value.default, tuple) else value.default
        for selector in (name, "evaluation")
        for key, value in inspect.signature(gin.get_configurable(selector)).parameters.items()
    }
    own = (name, "evaluation", *metrics.CLASSIFIERS.names(), *EXTRACTORS.names())
    kept = {
        key.removeprefix(f"{name}."): value
        for key, value in sorted(bound.items())
        if key.split(".")[0] in own and value != defaults.get(key, "")
    }
    if not kept:
        return name
    text = ",".join(f"{key}={value}" for key, value in kept.items())
    safe = re.sub(r"[^A-Za-z0-9_.,=+-]+", "_", text)
    if len(safe) > _LONGEST_NAME:
        safe = safe[: _LONGEST_NAME - 11] + "-" + hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{name}-{safe}"


def used_classifier(config: dict[str, Any]) -> list[str]:
    """The classifiers that ran, by the operative configuration."""
    return sorted({key.split(".")[0] for key in config} & set(metrics.CLASSIFIERS.names()))


def parameters(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Every parameter of the metric that was in force."""
    signature = inspect.signature(gin.get_configurable(name)).parameters
    defaults = {
        key: value.default
        for key, value in signature.items()
        if value.kind is inspect.Parameter.KEYWORD_ONLY and key not in ("decode", "model")
    }
    return {**defaults, **{k.removeprefix(f"{name}."): v for k, v in config.items() if k.startswith(f"{name}.")}}


def _below(config: dict[str, Any], selectors: list[str]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key.split(".")[0] in selectors}


def _shown(results: dict[str, Any]) -> str:
    names = results["score_names"]
    more = len(names) - _MOST_SHOWN
    std = results.get("repeats", {}).get("std", {})
    shown = [f"{name} {results[name]:.4f}" + (f" ± {std[name]:.4f}" if std else "") for name in names[:_MOST_SHOWN]]
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
