"""The evaluation stage: a representation in, the scores of each metric out, each in a results folder of its own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gin
import numpy as np

from dlib_bvae import metrics
from dlib_bvae.artifacts import (
    config_dict,
    describe,
    device,
    is_done,
    peak_memory_mib,
    read_results,
    run_lock,
    write_stage,
)
from dlib_bvae.artifacts.lifecycle import commit, recover, start
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.errors import NotApplicable, UserError, is_disk_full, warn_once
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics.engine.boosting import recorded_trees
from dlib_bvae.metrics.engine.repeats import combined
from dlib_bvae.representations.codes import REPRESENTATIONS, read_codes
from dlib_bvae.stages import external, postprocess
from dlib_bvae.stages.dry_run import refuse_early
from dlib_bvae.stages.evaluation_settings import Settings, evaluation, split_subset
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import Representation, same_data, trained_run
from dlib_bvae.visualize.matrices import save_matrices

Configured = Callable[[], contextlib.AbstractContextManager[None]]
REGISTRIES = [metrics.METRICS, metrics.CLASSIFIERS, EXTRACTORS, REPRESENTATIONS]
_LONGEST_NAME = 80
_MOST_SHOWN = 8  # scores in the line that tells of a result


def run(
    metric: str,
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    repeats: int | None = None,
    source: ExternalCodes | None = None,
) -> list[Path]:
    """Scores the codes of `model_dir`, or of `source`, by every metric in the comma-separated `metric` ("all" for all).

    A name is one of the registry, or of a metric in a module that a gin file imports.
    Each result goes to <representation>/metrics/<metric>; parameters other than the metric's own stand in the name.
    Encodes first where that was not done, as postprocess.postprocess_fn says. repeats: sets evaluation.repeats.
    A metric that refuses does not stop those after it. Raises UserError for an unknown metric before any is scored, and
    at the end for refusals, except that "all" names what cannot apply to these codes and data and leaves it out.
    """
    bindings = [*gin_bindings, *([] if repeats is None else [f"evaluation.repeats = {repeats}"])]
    registries = REGISTRIES if source is None else [*REGISTRIES, DATASETS]
    bindings = bindings if source is None else source.bindings(bindings)
    configured = functools.partial(configuration, gin_config, bindings, registries)
    with configured():
        names = _metrics(metric)
    if source is not None:
        with configured():
            data, codes = external.opened(source)
        if codes is None:
            refuse_early(names, data, configured)
        with configured(), run_lock(source.output_dir, "--output_dir"):
            representation = external.represent(source, data, codes, overwrite)
    else:
        representation = _of_run(trained_run(model_dir), names, configured)
    with run_lock(representation.directory.parent, "--model_dir" if source is None else "--output_dir"):
        return _score(names, representation, metric == "all", configured, overwrite)


def _of_run(model_dir: Path, names: Sequence[str], configured: Configured) -> Representation:
    with run_lock(model_dir):
        data = same_data(model_dir)
        with configured():
            stage = postprocess.stage_of(model_dir, postprocess.postprocessing()[0])
        if not is_done(stage, "postprocess"):
            refuse_early(names, data, configured)
        with configured():
            directory, part = postprocess.encode_once(model_dir, data)
        decoder = functools.partial(postprocess.decoder_of, model_dir, data)
        model = functools.partial(postprocess.model_of, model_dir)
        return Representation(directory, part, read_codes(directory), decoder, model)


def _metrics(text: str) -> list[str]:
    """The metrics' names in `text`, each once; those of modules that the open configuration imports are added to the registry.

    Raises UnknownName, and UserError for one that gin does not know.
    """
    if text == "all":
        wrong = {name: why for name in metrics.installed() if (why := _unknown_to_gin(name))}
        for why in wrong.values():
            warn_once(f"left out: {why}")
        return [name for name in metrics.installed() if name not in wrong]
    names = [metrics.METRICS.canonical(name.strip()) for name in text.split(",")]
    for name in names:
        _add_imported(name)
        if why := _unknown_to_gin(name):
            raise UserError(why)
    return list(dict.fromkeys(names))


def _add_imported(name: str) -> None:
    """Adds a metric that no registry has and a gin file's import has brought: a configurable (data, codes, random_state, …)."""
    if name in metrics.METRICS:
        return
    try:
        found = gin.get_configurable(name)
    except ValueError:
        return
    if list(inspect.signature(found).parameters)[:3] == ["data", "codes", "random_state"]:
        metrics.METRICS.add(name, found)


def _unknown_to_gin(name: str) -> str | None:
    """What to do about a metric that gin cannot configure by its name; None where it can."""
    metric = metrics.METRICS.get(name)
    try:
        gin.get_configurable(name)
        return None
    except ValueError:
        return (
            f"the metric {name} is no gin configurable of that name; decorate {metric.__module__}.{metric.__name__} with "
            f'@gin.configurable("{name}", denylist=["data", "codes", "random_state"])'
        )


def _score(
    names: list[str],
    representation: Representation,
    skip_inapplicable: bool,
    configured: Configured,
    overwrite: bool,
) -> list[Path]:
    """Scores by each metric; skip_inapplicable: those that cannot apply are left out, which is no error."""
    done: list[Path] = []
    refusals: dict[str, UserError] = {}
    for name in names:
        try:
            # A configuration each: else a result would record the parameters of the metrics before it as its own.
            with configured():
                done.append(score_once(name, representation, overwrite))
        except UserError as refusal:
            refusals[name] = refusal
        except Exception as error:  # a defect of one metric does not cost the scores of the others
            if is_disk_full(error) or (len(names) == 1 and _is_ours(name)):
                raise
            refusals[name] = _defect(name, error)
    _tell(refusals, len(names), skip_inapplicable)
    return done


def _tell(refusals: dict[str, UserError], asked: int, skip_inapplicable: bool) -> None:
    """Names what was refused on standard error; raises UserError where that is an error."""
    if asked == 1 and refusals:
        raise next(iter(refusals.values()))
    skipped = [name for name, refusal in refusals.items() if skip_inapplicable and isinstance(refusal, NotApplicable)]
    for name, refusal in refusals.items():
        print(f"{'left out' if name in skipped else 'refused'}: {name}: {refusal}", file=sys.stderr)
    if refused := [name for name in refusals if name not in skipped]:
        raise UserError(
            f"{len(refused)} of {asked} metrics could not be scored: {', '.join(refused)}; the lines above say why"
        )
    if len(skipped) == asked:
        raise UserError("no metric applies to these codes and data; the lines above say why")


def _is_ours(name: str) -> bool:
    return metrics.METRICS.get(name).__module__.startswith("dlib_bvae.")


def _defect(name: str, error: Exception) -> UserError:
    """What to say of an exception that is no refusal: where it was raised, and in whose code."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    owner = "this package" if _is_ours(name) else "the package that brings it"
    text = (str(error).splitlines() or [""])[0]
    return UserError(
        f"the metric {name} failed with {type(error).__name__}: {text} ({place.filename}, line {place.lineno}); report it to "
        f"the authors of {owner}, or leave the metric out"
    )


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
    subset = split_subset(representation.data, settings.split)
    data = subset or representation.data
    codes = representation.codes if subset is None else representation.codes[subset.rows]
    with recorded_trees() as trees:
        scores = _scores(name, data, codes, settings, _wanted(name, representation))
    seconds = time.monotonic() - began
    text = gin.operative_config_str()
    config = config_dict(text)
    ours = {
        "score_names": [key for key, value in scores.items() if type(value) in (int, float)],
        "metric": name,
        "metric_parameters": {
            **parameters(name, config),
            **_below(config, used_classifier(config)),
            **_on(settings),
            **trees,
        },
        "num_images": data.num_images,
        "random_seed": settings.random_seed,
        "encoded": encoded,
        "elapsed_time": seconds,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    if taken := sorted(scores.keys() & {*ours, "uuid"}):
        raise UserError(
            f"the metric {name} calls a score {taken[0]!r}, which results have already; it must rename that"
        )
    results = {**scores, **ours}
    # An interrupted evaluation left nothing worth keeping: it takes seconds.
    part = start(final, gin.config_str(), overwrite=True)
    save_matrices(part, scores, metrics.matrices(name), data)
    write_stage(part, "evaluation", results=results, config=config, gin_text=text, earlier=representation.directory)
    commit(final)
    print(f"{final}: {_shown(results)} ({seconds:.1f} s)")
    return final


def _scores(name: str, data: Any, codes: np.ndarray, settings: Settings, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the metric returns; of several repeats what metrics.repeats makes of them."""
    metric = metrics.METRICS.get(name)
    seeds = range(settings.random_seed, settings.random_seed + settings.repeats)
    found = [_checked(name, metric(data, codes, seed, **wanted)) for seed in seeds]
    if len(found) == 1:
        return found[0]
    of_active = [key for key, matrix in metrics.matrices(name).items() if "active code" in matrix[:2]]
    return combined(found, list(seeds), of_active)


def _checked(name: str, result: object) -> dict[str, Any]:
    """What a metric returned, with Python's numbers for numpy's. Raises UserError where it is no {score name: value}."""
    if not isinstance(result, Mapping) or not all(isinstance(key, str) for key in result):
        raise UserError(
            f"the metric {name} must return its scores as a dictionary {{name: value}}; it returned {result!r:.100}"
        )
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in result.items()}


def _on(settings: Settings) -> dict[str, Any]:
    """What was scored otherwise than by default, and cannot be compared with it."""
    on = {} if settings.split == "all" else {"evaluation.split": settings.split}
    return on if settings.repeats == 1 else {**on, "evaluation.repeats": settings.repeats}


def _wanted(name: str, representation: Representation) -> dict[str, Any]:
    """The model's `decode`, or the whole `model`, for a metric that asks for it; else nothing, and no TensorFlow."""
    makers = {"decode": representation.decoder, "model": representation.model}
    asked = inspect.signature(metrics.METRICS.get(name)).parameters.keys() & makers.keys()
    functions = {key: makers[key]() for key in asked}
    return {key: value for key, value in functions.items() if value is not None}


def variant(name: str, bound: dict[str, Any]) -> str:
    """The folder of a metric: its name, and every binding that is not the metric's default."""
    defaults = {
        f"{selector}.{key}": list(value.default) if isinstance(value.default, tuple) else value.default
        for selector in (name, "evaluation")
        for key, value in inspect.signature(gin.get_configurable(selector)).parameters.items()
    }
    selectors = (name, "evaluation", *metrics.CLASSIFIERS.names(), *EXTRACTORS.names())
    kept = {
        key.removeprefix(f"{name}."): value
        for key, value in sorted(bound.items())
        if key.split(".")[0] in selectors and value != defaults.get(key, "")
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
