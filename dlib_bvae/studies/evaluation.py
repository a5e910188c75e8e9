"""The evaluations that a study asks for, and whether a run directory has one: found by its identity, whatever it is called."""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.artifacts import Identity, Stage, Work, finished, is_done, read_identity, read_results
from dlib_bvae.artifacts.identity import canonical
from dlib_bvae.artifacts.record import damaged
from dlib_bvae.config import Configuration, configuration, flattened
from dlib_bvae.datasets import GroundTruthData, ImageData
from dlib_bvae.dlib_gin import asked_metrics
from dlib_bvae.errors import UserError, check_integer


@dataclass(frozen=True)
class Evaluation:
    """One metric with the configuration that it is scored under. step: of the model that is scored, see model.export_steps."""

    metric: str
    gin_config: tuple[str, ...] = ()
    gin_bindings: tuple[str, ...] = ()
    step: int | None = None

    def representation(self) -> str:
        """The directory of its codes in a run directory. Raises UserError for an unknown metric, file or parameter."""
        return _representation(self)

    def encodes_all(self) -> bool:
        """Whether its codes are of all images, and not of those that it reads when it reads them. Raises as representation."""
        return _encodes_all(self)


def scored(directory: Path, evaluations: Iterable[Evaluation]) -> dict[Evaluation, Path]:
    """The directories of those of `evaluations` that the run in `directory` has, made from its present codes and training.

    Raises UserError for a damaged file.
    """
    found: dict[Evaluation, Path] = {}
    results: dict[str, list[_Result]] = {}
    for each in evaluations:
        name = each.representation()
        if name not in results:
            results[name] = _results(directory, directory / name)
        place = next((result.directory for result in results[name] if _is_of(each, result)), None)
        if place is not None:
            found[each] = place
    return found


class _Result(NamedTuple):
    """A finished evaluation of the present codes: its version and parameters and those of the codes, in canonical JSON."""

    directory: Path
    parameters: str
    codes: str


def _results(run: Path, representation: Path) -> list[_Result]:
    if not is_done(representation, "postprocess") or not is_done(run / "train", "train"):
        return []
    results = read_results(representation, "postprocess")
    if results.get("trained") != read_results(run / "train", "train")["uuid"]:
        return []
    codes = _read(str(representation), "postprocess", _version(representation, "postprocess"))[0]
    places = finished(representation / "metrics", "evaluation")
    read = [(each, _read(str(each), "evaluation", _version(each, "evaluation"))) for each in places]
    return [_Result(each, parameters, codes) for each, (parameters, encoded) in read if encoded == results["uuid"]]


def _version(directory: Path, stage: str) -> int:
    return os.stat(directory / "results" / "json" / f"{stage}_results.json").st_mtime_ns


@functools.lru_cache(maxsize=2**20)
def _read(directory: str, stage: str, version: int) -> tuple[str, str | None]:
    """(Version and parameters of a result in canonical JSON, the uuid of its codes); `version` changes with its files."""
    del version
    identity = read_identity(Path(directory), stage)
    text = canonical([identity.version, identity.parameters, identity.recorded, identity.bound])
    text = _same_texts.setdefault(text, text)
    return text, identity.sources.get("encoded")


_same_texts: dict[str, str] = {}


def _is_of(evaluation: Evaluation, result: _Result) -> bool:
    same = _has_parameters(evaluation, result.parameters) and _has_codes(evaluation, result.codes)
    return same and not _lacks_null(evaluation, result.directory)


@functools.cache
def _has_parameters(evaluation: Evaluation, parameters: str) -> bool:
    from dlib_bvae.metrics import METRICS, identified
    from dlib_bvae.stages.evaluate import EVALUATION

    metric = METRICS.canonical(evaluation.metric)
    before = _identity(EVALUATION, parameters)
    if before.version != EVALUATION.version or before.parameters["metric"] != metric:
        return False
    with _configured(evaluation):
        work = Work(EVALUATION, Path(), given=identified(metric))
        return not work.parameters_differ(before)


def _lacks_null(evaluation: Evaluation, directory: Path) -> bool:
    """Whether more matchings are asked for than the result in the directory has.

    The result itself is read: its identity says how many were asked for, also where the work was ended before they were made.
    """
    asked = _matchings_asked(evaluation)
    if not asked:
        return False
    had = _matchings(str(directory), evaluation.metric, _version(directory, "evaluation"))
    return had is not None and had < asked


@functools.cache
def _matchings_asked(evaluation: Evaluation) -> int:
    from dlib_bvae.metrics import METRICS, scores_of
    from dlib_bvae.metrics.engine.null import has_null
    from dlib_bvae.stages import evaluation_settings

    metric = METRICS.canonical(evaluation.metric)
    with _configured(evaluation):
        return evaluation_settings.evaluation().null_of(metric) if has_null(scores_of(metric)) else 0


@functools.lru_cache(maxsize=2**20)
def _matchings(directory: str, metric: str, version: int) -> int | None:
    """How many matchings a result has; None where no score of it has a null. Raises UserError for a damaged file."""
    from dlib_bvae.metrics import scores_of
    from dlib_bvae.metrics.engine.null import number_in

    del version
    results = read_results(Path(directory), "evaluation")
    try:
        return number_in(results, scores_of(metric))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        path = Path(directory) / "results" / "json" / "evaluation_results.json"
        raise damaged(path, "evaluation", "its scores are not as that stage writes them") from error


@functools.cache
def _has_codes(evaluation: Evaluation, codes: str) -> bool:
    from dlib_bvae.stages.postprocess import POSTPROCESS, unused

    before = _identity(POSTPROCESS, codes)
    given = {} if evaluation.step is None else {"step": evaluation.step}
    with _configured(evaluation):
        return not Work(POSTPROCESS, Path(), given=given, unused=unused()).parameters_differ(before)


def _identity(stage: Stage, text: str) -> Identity:
    version, used, recorded, bound = json.loads(text)
    return Identity(stage.name, version, used, recorded=recorded, bound=tuple(bound))


def _configured(evaluation: Evaluation) -> AbstractContextManager[Configuration]:
    from dlib_bvae.stages.evaluate import REGISTRIES

    return configuration(evaluation.gin_config, evaluation.gin_bindings, REGISTRIES)


@functools.cache
def _representation(evaluation: Evaluation) -> str:
    from dlib_bvae.stages import evaluate, postprocess

    with _configured(evaluation):
        evaluate.named(evaluation.metric)
        return postprocess.stage_name(evaluation.step)


@functools.cache
def _encodes_all(evaluation: Evaluation) -> bool:
    from dlib_bvae.stages import postprocess

    with _configured(evaluation):
        return postprocess.postprocessing().images == postprocess.ALL


def encoded(evaluation: Evaluation, data: ImageData) -> tuple[str, ...]:
    """What tells the codes of `data` that `evaluation` asks for from others in their directory: each "parameter = value"."""
    from dlib_bvae.stages import postprocess

    with _configured(evaluation):
        _, seed, most, _ = postprocess.postprocessing()
        whole = not isinstance(data, GroundTruthData) or data.num_images <= most
        unused = postprocess.unused()
    said = [] if whole and unused("postprocess.random_seed") else [f"postprocess.random_seed = {seed}"]
    return (*said, *([] if whole else [f"postprocess.max_images = {most}"]))


def evaluations(metrics: Sequence[object]) -> tuple[Evaluation, ...]:
    """The evaluations that `metrics` ask for.

    Each is a metric's name, ours or disentanglement_lib's, or {"metric": name, "gin_config": [files], "gin_bindings":
    [statements], "grid": {parameter: values}, "steps": [steps]}, where all but the name may be left out and every combination of
    a grid is one evaluation; or a list of these, so that a macro may stand among others. steps: of models that training keeps
    (model.export_steps), which are scored instead of the last; each is one evaluation. Raises UserError.
    """
    found: list[Evaluation] = []
    for entry in metrics:
        if isinstance(entry, (list, tuple)):
            found += evaluations(entry)
            continue
        wanted: Any = {"metric": entry} if isinstance(entry, str) else entry
        unknown = (
            set(wanted) - {"metric", "gin_config", "gin_bindings", "grid", "steps"}
            if isinstance(wanted, Mapping)
            else {"?"}
        )
        if unknown or not isinstance(wanted.get("metric"), str):
            raise UserError(
                "a study's metrics are names, or dictionaries with metric, gin_config, gin_bindings, grid and steps; "
                f"got {entry!r}"
            )
        steps = wanted.get("steps", [None])
        if not isinstance(steps, (list, tuple)) or not steps:
            raise UserError(f"the steps of a study's metric must be a list of steps; got {steps!r}")
        if "steps" in wanted:
            for step in steps:
                check_integer("a step of a study's metric", step, 1)
        for combination in combinations(wanted.get("grid", {})):
            files = texts("gin_config of a study's metric", wanted.get("gin_config", ()))
            typed = texts("gin_bindings of a study's metric", wanted.get("gin_bindings", ()))
            statements = [*typed, *statements_of(combination)]
            names, more = asked_metrics([wanted["metric"]], files, statements)
            found += [Evaluation(names[0], files, (*statements, *more), step) for step in steps]
    return tuple(dict.fromkeys(found))


@functools.cache
def with_null(evaluation: Evaluation, null: int, costly: int) -> Evaluation:
    """The same with so many matchings, where its files and statements say none."""
    said = flattened(evaluation.gin_config, evaluation.gin_bindings)
    more = {"evaluation.null": null, "evaluation.costly_null": costly}
    statements = statements_of({key: value for key, value in more.items() if key not in said})
    return replace(evaluation, gin_bindings=(*statements, *evaluation.gin_bindings))


def texts(parameter: str, values: object) -> tuple[str, ...]:
    """The texts in a list, and in the lists within it, in order."""
    if not isinstance(values, (list, tuple)):
        raise UserError(f"{parameter} must be a list of texts; got {values!r}")
    found: list[str] = []
    for each in values:
        if isinstance(each, (list, tuple)):
            found.extend(texts(parameter, each))
        elif isinstance(each, str):
            found.append(each)
        else:
            raise UserError(f"{parameter} must be a list of texts; got {each!r} in it")
    return tuple(found)


def combinations(grid: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Every combination of {parameter: values}, the last parameter changing fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def statements_of(combination: Mapping[str, object]) -> tuple[str, ...]:
    """The gin statements that bind {parameter: value}."""
    return tuple(f"{key} = {value!r}" for key, value in combination.items())
