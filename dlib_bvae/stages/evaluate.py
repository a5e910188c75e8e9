"""The evaluation stage: a representation in, the scores of each metric out, each in a results folder of its own."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gin
import numpy as np

from dlib_bvae import config, metrics
from dlib_bvae.artifacts import (
    Stage,
    Work,
    describe,
    device,
    is_done,
    open_run,
    peak_memory_mib,
    read_identity,
    read_results,
)
from dlib_bvae.artifacts.record import damaged
from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.config import Configuration, configuration, say_unused
from dlib_bvae.datasets import DATASETS, ImageData
from dlib_bvae.dlib_gin import asked_metrics
from dlib_bvae.errors import NotApplicable, UserError, is_disk_full, pluralize, warn_once
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics.engine.null import NULL
from dlib_bvae.metrics.score_info import MISSING
from dlib_bvae.registry import SEED, kind_of
from dlib_bvae.representations.codes import REPRESENTATIONS
from dlib_bvae.runtime import raise_if_interrupted, say
from dlib_bvae.stages import external, postprocess
from dlib_bvae.stages.dry_run import refuse_early
from dlib_bvae.stages.evaluation_settings import Settings, evaluation
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import Representation, TrainedRun, opened_run
from dlib_bvae.stages.scoring import Scoring
from dlib_bvae.visualize.matrices import save_matrices

Made = TypeVar("Made")
Configured = Callable[[], contextlib.AbstractContextManager[Configuration]]
REGISTRIES = [metrics.METRICS, metrics.CLASSIFIERS, EXTRACTORS, REPRESENTATIONS]
EVALUATION = Stage("evaluation", again="scoring again")
_MOST_SHOWN = 8  # scores in the line that tells of a result


def run(
    metric: str | None = None,
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    repeats: int | None = None,
    source: ExternalCodes | None = None,
    step: int | None = None,
    output_dir: Path | None = None,
    null: int | None = None,
) -> list[Path]:
    """Scores the codes of `model_dir`, or of `source`, by every metric in the comma-separated `metric` ("all" for all).

    A name is one of the registry, or of a metric in a module that a gin file imports, or disentanglement_lib's; None: the one of
    its evaluation.evaluation_fn in the configuration.
    Each result goes to <representation>/metrics/<metric>; parameters other than the metric's own stand in the name.
    Encodes first where that was not done, as postprocess.postprocess_fn says. repeats, null: set evaluation.repeats
    and evaluation.null. step, output_dir: see postprocess.run.
    A metric that refuses does not stop those after it. Raises UserError for an unknown metric before any is scored, and
    at the end for refusals, except that "all" names what cannot apply to these codes and data and leaves it out.
    """
    flags = {"repeats": repeats, "null": null}
    bindings = [*gin_bindings, *(f"evaluation.{key} = {value}" for key, value in flags.items() if value is not None)]
    asked = None if metric is None else [name.strip() for name in metric.split(",")]
    chosen, more = asked_metrics(asked, gin_config, bindings)
    metric, bindings = ",".join(chosen), [*bindings, *more]
    registries = REGISTRIES if source is None else [*REGISTRIES, DATASETS]
    bindings = bindings if source is None else source.bindings(bindings)
    configured = functools.partial(configuration, gin_config, bindings, registries)
    with configured():
        names = named(metric)
    with contextlib.ExitStack() as opened:
        if source is None:
            opened.enter_context(trusting(gin_config, bindings))
            trained = opened.enter_context(opened_run(model_dir, output_dir, step))
            representation, used = _of_run(trained, names, configured)
        else:
            data, codes, used = _opened(source, names, configured)
            opened.enter_context(open_run(source.output_dir, "--output_dir"))
            with configured():
                representation, work = external.represent(source, data, codes, overwrite)
                used |= work.used()
        works, of_metrics, refused = _score(names, representation, metric == "all", configured, overwrite)
    if refused is not None:  # it may not have come to use what was typed for it
        raise refused
    with configured() as configured_by:
        say_unused(configured_by.typed, used | of_metrics)
    return [work.directory for work in works]


def encode(
    metric: str, gin_config: Sequence[str], gin_bindings: Sequence[str], model_dir: Path, step: int | None = None
) -> None:
    """Encodes the run in `model_dir` as run() would for `metric`, and scores nothing. Raises UserError as that does."""
    configured = functools.partial(configuration, gin_config, gin_bindings, REGISTRIES)
    with configured():
        names = named(metric)
    with trusting(gin_config, gin_bindings), opened_run(model_dir, step=step) as trained:
        _of_run(trained, names, configured)


def _of_run(trained: TrainedRun, names: Sequence[str], configured: Configured) -> tuple[Representation, dict[str, Any]]:
    with configured():
        stage = trained.output / postprocess.stage_name(trained.step)
    if not is_done(stage, "postprocess"):
        refuse_early(names, trained.data, configured)
    with configured():
        work, part = postprocess.encode_once(trained)
        used = work.used()
    codes = postprocess.codes_in(work, lambda: trained.encoder(part))
    called = f"{trained.results['model']} on {part.name}, seed {trained.results['seed']}"
    return Representation(work.directory, stage, part, codes, trained.decoder, trained.model, called), used


def _opened(
    source: ExternalCodes, names: Sequence[str], configured: Configured
) -> tuple[ImageData, np.ndarray | None, dict[str, Any]]:
    """The data set, the codes of a file, and the parameters used for them; what is refused is so before anything is written."""
    with configured():
        data, codes = external.opened(source)
        used = config.used()
    if codes is None:
        refuse_early(names, data, configured)
    return data, codes, used


def named(text: str) -> list[str]:
    """The metrics' names in `text`, each once; those of modules that the open configuration imports are added to the registry.

    Raises UnknownName, and UserError for one that gin does not know.
    """
    if text == "all":
        wrong = {name: why for name in metrics.installed() if (why := _unknown_to_gin(name))}
        for why in wrong.values():
            warn_once(f"left out: {why}")
        return [name for name in metrics.installed() if name not in wrong]
    names = metrics.split(text)
    for name in names:
        _add_imported(name)
        if why := _unknown_to_gin(name):
            raise UserError(why)
    return names


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
) -> tuple[list[Work], dict[str, Any], UserError | None]:
    """Scores by each metric; skip_inapplicable: those that cannot apply are left out, which is no error.

    Returns the works that are done, the parameters that any metric used, and what to raise for the others.
    """
    done: list[Work] = []
    used: dict[str, Any] = {}
    refusals: dict[str, UserError] = {}
    for name in names:
        try:
            # A configuration each: else a result would record the parameters of the metrics before it as its own.
            with configured():
                try:
                    done.append(score_once(name, representation, overwrite))
                finally:
                    used |= config.used()  # also by one that refuses
        except UserError as refusal:
            refusals[name] = refusal
        except Exception as error:  # a defect of one metric does not cost the scores of the others
            raise_if_interrupted()  # it may be what a library made of an interrupt
            if is_disk_full(error) or (len(names) == 1 and metrics.is_ours(name)):
                raise
            refusals[name] = _defect(name, error)
    used |= {key: value for work in done for key, value in work.used().items()}
    return done, used, _refusal(refusals, len(names), skip_inapplicable)


def _refusal(refusals: dict[str, UserError], asked: int, skip_inapplicable: bool) -> UserError | None:
    """Names what was refused on standard error; returns what to raise where that is an error."""
    if asked == 1 and refusals:
        return next(iter(refusals.values()))
    skipped = [name for name, refusal in refusals.items() if skip_inapplicable and isinstance(refusal, NotApplicable)]
    for name, refusal in refusals.items():
        print(f"{'left out' if name in skipped else 'refused'}: {name}: {refusal}", file=sys.stderr)
    if refused := [name for name in refusals if name not in skipped]:
        return UserError(
            f"{len(refused)} of {pluralize(asked, 'metric')} could not be scored: {', '.join(refused)}; the lines above say why"
        )
    if len(skipped) == asked:
        return UserError("no metric applies to these codes and data; the lines above say why")
    return None


def _defect(name: str, error: Exception) -> UserError:
    """What to say of an exception that is no refusal: where it was raised, and in whose code."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    owner = "this package" if metrics.is_ours(name) else "the package that brings it"
    text = (str(error).splitlines() or [""])[0]
    return UserError(
        f"the metric {name} failed with {type(error).__name__}: {text} ({place.filename}, line {place.lineno}); report it to "
        f"the authors of {owner}, or leave the metric out"
    )


def score_once(name: str, representation: Representation, overwrite: bool) -> Work:
    """Scores by the metric `name` as the open configuration says, once; returns the work, whose directory has the results.

    Raises UserError for what the metric refuses; nothing is written then.
    """
    work = look(name, representation)
    scoring = Scoring(name, representation, evaluation())
    if work.done(overwrite):
        if of_standing(work, scoring.lacks_null):
            _add_null(work, scoring, representation)
        else:
            say(f"{work.directory}: scored already: {of_standing(work, _shown)}")
        return work
    began = time.monotonic()
    scores = scoring.scores()
    seconds = time.monotonic() - began
    ours = {
        "score_names": [key for key in scores if type(scores[key]) in (int, float) or key in scores.get(MISSING, {})],
        **scored_by(name, {**_on(scoring.settings), **scoring.parameters}),
        "num_images": scoring.data.num_images,
        **scoring.read,
        "random_seed": scoring.settings.random_seed,
        "encoded": work.sources["encoded"],
        "elapsed_time": seconds,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    if taken := sorted(scores.keys() & {*ours, "uuid", "identity"}):
        raise UserError(
            f"the metric {name} calls a score {taken[0]!r}, which results have already; it must rename that"
        )
    results = {**scores, **ours}
    work.name(folder(name))
    save_matrices(work.begin(), scores, metrics.matrices(name), scoring.data, f"{name} · {representation.called}")
    work.finish(results, earlier=representation.directory)
    say(f"{work.directory}: {_shown(results)} ({seconds:.1f} s)")
    return work


def _add_null(work: Work, scoring: Scoring, representation: Representation) -> None:
    """Scores the matchings that a finished result lacks; its scores stay."""
    began, before = time.monotonic(), work.results()
    more = scoring.more_null(before)
    seconds = time.monotonic() - began
    results = {**before, **more, "elapsed_time": before["elapsed_time"] + seconds}
    work.finish(results, earlier=representation.directory, over=True)
    say(f"{work.directory}: more matchings: {_shown(results)} ({seconds:.1f} s)")


def look(name: str, representation: Representation, **given: Any) -> Work:
    """The evaluation of codes by the metric `name` as the open configuration says: one that is there, or a new one.

    given: what else tells it from others.
    """
    return Work.among(
        EVALUATION,
        representation.output / "metrics",
        given={**metrics.identified(name), **given},
        inputs={"codes": read_identity(representation.directory, "postprocess").digest},
        sources={"encoded": read_results(representation.directory, "postprocess")["uuid"]},
    )


def _on(settings: Settings) -> dict[str, Any]:
    """What was scored otherwise than by default, and cannot be compared with it."""
    on = {} if settings.split == "all" else {"evaluation.split": settings.split}
    return on if settings.repeats == 1 else {**on, "evaluation.repeats": settings.repeats}


def folder(name: str) -> str:
    """What the results of a metric are called: its name, and every parameter that was used and is not the default."""
    differing = {
        key.removeprefix(f"{name}."): value
        for key, value in sorted(config.used().items())
        if kind_of(key) in (None, SEED) and value != config.default(key)
    }
    if not differing:
        return name
    text = ",".join(f"{key}={value}" for key, value in differing.items())
    return f"{name}-{text}"


def scored_by(name: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """What results say of the metric that gave them: its name, version and parameters. more: parameters that are not gin's."""
    return {
        "metric": name,
        "metric_version": metrics.version(name),
        "metric_parameters": {**parameters(name), **more},
    }


def parameters(name: str) -> dict[str, Any]:
    """Every parameter that the metric used, those of other functions with their names, but for seeds."""
    used = {key.removeprefix(f"{name}."): value for key, value in config.used().items() if kind_of(key) is None}
    return {key: value for key, value in used.items() if not key.startswith("evaluation.")}


def of_standing(work: Work, make: Callable[[dict[str, Any]], Made]) -> Made:
    """What `make` makes of the results that stand there. Raises UserError where they are not as the stage writes them."""
    results = work.results()
    try:
        return make(results)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        path = work.directory / "results" / "json" / f"{work.stage.name}_results.json"
        raise damaged(path, work.stage.name, "its scores are not as that stage writes them") from error


def _shown(results: dict[str, Any]) -> str:
    names = results["score_names"]
    more = len(names) - _MOST_SHOWN
    std = results.get("repeats", {}).get("std", {})
    missing = results.get(MISSING, {})
    null = {name: each["mean"] for name, each in results.get(NULL, {}).items() if each["mean"] is not None}
    shown = [
        f"no {name} ({missing[name]})"
        if name in missing
        else f"{name} {results[name]:.4f}"
        + (f" ± {std[name]:.4f}" if std else "")
        + (f" (null {null[name]:.4f})" if name in null else "")
        for name in names[:_MOST_SHOWN]
    ]
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
