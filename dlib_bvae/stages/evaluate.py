"""The evaluation stage: metrics of a run's cached codes."""

from __future__ import annotations

import hashlib
import inspect
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gin

from dlib_bvae import metrics
from dlib_bvae.config import configuration
from dlib_bvae.datasets.wrappers.held_out import SPLITS
from dlib_bvae.datasets.wrappers.held_out import split as split_of
from dlib_bvae.errors import UserError, check_whole
from dlib_bvae.representations.codes import read_codes
from dlib_bvae.representations.reductions import REPRESENTATIONS
from dlib_bvae.results import config_dict, describe, device, peak_memory_mib, read_results, run_lock, write_stage
from dlib_bvae.stages import postprocess
from dlib_bvae.stages.directory import promote, settle, start
from dlib_bvae.stages.runs import same_data, trained_run

_LONGEST_NAME = 80


def run(
    metric: str,
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Scores the codes of `model_dir` by every metric in the comma-separated `metric` ("all" for all).

    Each result goes to <model_dir>/mean/metrics/<metric>; parameters other than the metric's own stand in the name.
    Encodes first where that was not done, as postprocess.postprocess_fn says. Raises UserError for an unknown metric.
    """
    names = metrics.names() if metric == "all" else [name.strip() for name in metric.split(",")]
    for name in names:
        metrics.METRICS.get(name)
    names = [metrics.METRICS.canonical(name) for name in names]
    model_dir = trained_run(model_dir)
    registries = [metrics.METRICS, metrics.CLASSIFIERS, REPRESENTATIONS]
    with run_lock(model_dir):
        data = same_data(model_dir)
        if not hasattr(data, "factors_num_values"):
            raise UserError(
                f"{data.name} has no known factors, so no disentanglement can be scored on it; evaluate a run on a data set "
                "that has them (the README's table names them)"
            )
        with configuration(gin_config, gin_bindings, registries):
            representation = postprocess.encode_once(model_dir, data)
        codes = read_codes(representation)
        done = []
        for name in names:
            # A configuration each: else a result would tell the parameters of the metrics before it as its own.
            with configuration(gin_config, gin_bindings, registries):
                done.append(_score_once(name, data, codes, representation, overwrite))
        return done


@gin.configurable("evaluation")
def evaluation(random_seed: int = 0, split: str = "all") -> tuple[int, str]:
    """The seed of the metrics, and what they are scored on: "all" images, or of a data set with held-out combinations
    the images "in" training or left "out" (dlib_bvae.datasets.wrappers.held_out.split).
    """
    check_whole("evaluation.random_seed", random_seed, 0)
    if split not in ("all", *SPLITS):
        raise UserError(f"evaluation.split must be one of all, {', '.join(SPLITS)}; got {split!r}")
    return random_seed, split


def _score_once(name: str, data: Any, codes: Any, representation: Path, overwrite: bool) -> Path:
    bound = config_dict(gin.config_str())
    final = representation / "metrics" / variant(name, bound)
    encoded = read_results(representation, "postprocess")["uuid"]
    if settle(final, "evaluation") and not overwrite:
        before = read_results(final, "evaluation")
        if before["encoded"] == encoded:
            print(f"{final}: scored already: {_shown(before)}")
            return final
        print(f"{final}: scored codes of an earlier encoding; scoring again")
    seed, split = evaluation()
    decode = _decoder_for(name, representation, data)
    on = {} if split == "all" else {"evaluation.split": split}
    if on:
        data = split_of(data, split)
        codes = codes[data.rows]
    began = time.monotonic()
    # An interrupted evaluation left nothing worth keeping: it takes seconds.
    part = start(final, gin.config_str(), overwrite=True)
    scores = metrics.METRICS.get(name)(data, codes, seed, **decode)
    text = gin.operative_config_str()
    config = config_dict(text)
    results = {
        **scores,
        "score_names": [key for key, value in scores.items() if type(value) in (int, float)],
        "metric": name,
        "metric_parameters": {**_parameters(name, config), **_below(config, used_classifier(config)), **on},
        "num_images": data.num_images,
        "random_seed": seed,
        "encoded": encoded,
        "elapsed_time": time.monotonic() - began,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    write_stage(part, "evaluation", results=results, config=config, gin_text=text, earlier=representation)
    promote(final)
    print(f"{final}: {_shown(results)} ({results['elapsed_time']:.1f} s)")
    return final


def _decoder_for(name: str, representation: Path, data: Any) -> dict[str, Callable]:
    """{"decode": latents → images} of the run, for a metric that asks for it; else nothing, and no TensorFlow."""
    if "decode" not in inspect.signature(metrics.METRICS.get(name)).parameters:
        return {}
    return {"decode": postprocess.decoder_of(representation.parent, data)}


def variant(name: str, bound: dict[str, Any]) -> str:
    """The folder of a metric: its name, and every binding that is not the metric's default."""
    defaults = {
        f"{selector}.{key}": list(value.default) if isinstance(value.default, tuple) else value.default
        for selector in (name, "evaluation")
        for key, value in inspect.signature(gin.get_configurable(selector)).parameters.items()
    }
    own = (name, "evaluation", *metrics.CLASSIFIERS.names())
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


def _parameters(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Every parameter of the metric that was in force."""
    signature = inspect.signature(gin.get_configurable(name)).parameters
    defaults = {
        key: value.default
        for key, value in signature.items()
        if value.kind is inspect.Parameter.KEYWORD_ONLY and key != "decode"
    }
    return {**defaults, **{k.removeprefix(f"{name}."): v for k, v in config.items() if k.startswith(f"{name}.")}}


def _below(config: dict[str, Any], selectors: list[str]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key.split(".")[0] in selectors}


def _shown(results: dict[str, Any]) -> str:
    return ", ".join(f"{name} {results[name]:.4f}" for name in results["score_names"])
