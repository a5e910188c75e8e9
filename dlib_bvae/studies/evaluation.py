"""One evaluation that a study asks for, and whether a run directory has it: found by its identity, whatever it is called."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dlib_bvae.artifacts import Identity, Work, finished, is_done, read_identity, read_results
from dlib_bvae.artifacts.identity import canonical
from dlib_bvae.config import configuration


@dataclass(frozen=True)
class Evaluation:
    """One metric with the configuration that it is scored under."""

    metric: str
    gin_config: tuple[str, ...] = ()
    gin_bindings: tuple[str, ...] = ()

    def representation(self) -> str:
        """The directory of its codes in a run directory. Raises UserError for an unknown metric, file or parameter."""
        return _representation(self)


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
        place = next((result.directory for result in results[name] if _is_of(each, result.parameters)), None)
        if place is not None:
            found[each] = place
    return found


class _Result(NamedTuple):
    """A finished evaluation of the present codes, with its version and parameters in canonical JSON."""

    directory: Path
    parameters: str


def _results(run: Path, representation: Path) -> list[_Result]:
    if not is_done(representation, "postprocess") or not is_done(run / "train", "train"):
        return []
    codes = read_results(representation, "postprocess")
    if codes.get("trained") != read_results(run / "train", "train")["uuid"]:
        return []
    places = finished(representation / "metrics", "evaluation")
    read = [(each, _read(str(each), _version(each))) for each in places]
    return [_Result(each, parameters) for each, (parameters, encoded) in read if encoded == codes["uuid"]]


def _version(directory: Path) -> int:
    return os.stat(directory / "results" / "json" / "evaluation_results.json").st_mtime_ns


@functools.lru_cache(maxsize=2**20)
def _read(directory: str, version: int) -> tuple[str, str]:
    """(Version and parameters of an evaluation in canonical JSON, the uuid of its codes); `version` changes with its files."""
    del version
    identity = read_identity(Path(directory), "evaluation")
    text = canonical([identity.version, identity.parameters, identity.recorded, identity.bound])
    text = _same_texts.setdefault(text, text)
    return text, identity.sources["encoded"]


_same_texts: dict[str, str] = {}


@functools.cache
def _is_of(evaluation: Evaluation, parameters: str) -> bool:
    from dlib_bvae.metrics import METRICS, definition
    from dlib_bvae.stages.evaluate import EVALUATION, REGISTRIES

    version, used, recorded, bound = json.loads(parameters)
    metric = METRICS.canonical(evaluation.metric)
    if version != EVALUATION.version or used["metric"] != metric:
        return False
    before = Identity(EVALUATION.name, version, used, recorded=recorded, bound=tuple(bound))
    with configuration(evaluation.gin_config, evaluation.gin_bindings, REGISTRIES):
        work = Work(EVALUATION, Path(), given={"metric": metric, **definition(metric)})
        return not work.parameters_differ(before)


@functools.cache
def _representation(evaluation: Evaluation) -> str:
    from dlib_bvae.stages import evaluate, postprocess

    with configuration(evaluation.gin_config, evaluation.gin_bindings, evaluate.REGISTRIES):
        evaluate.named(evaluation.metric)
        return postprocess.stage_name()
