"""Takes a score and the parameters of a result, says whether to look at them first: a main score, default parameters."""

from __future__ import annotations

import ast
import fnmatch
import inspect
from collections.abc import Mapping
from typing import Any

from dlib_bvae import gin_names, metrics
from dlib_bvae.artifacts.identity import canonical
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import run_sets
from dlib_bvae.metrics.engine.factors import FACTOR_BINS
from dlib_bvae.metrics.engine.sampling import sampling_of
from dlib_bvae.metrics.engine.screening import KEPT
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import said_by
from dlib_bvae.registry import Registry

# What results record with the parameters and nobody chose: which trees scikit-learn grows, which runs were compared.
_NOT_CHOSEN = ("trees", "run_set", "num_runs")


def is_main(metric: str, score: str) -> bool:
    """Whether a score is one that its metric says to look at first (About.scores); True where the metric says nothing."""
    registry = _registry_of(metric)
    try:
        about = None if registry is None else said_by(registry, metric, "ABOUT", {}).get(metric)
        if about is None:
            return True
        known = metrics.scores_of(metric) if registry is metrics.METRICS else run_sets.scores_of(metric)
    except UserError:  # a plug-in that cannot be imported says nothing
        return True
    first = next((pattern for pattern in known if fnmatch.fnmatchcase(score, pattern)), None)
    return first in about.scores


def order_of(metric: str, score: str) -> int:
    """The place of a score among the main ones of its metric, the first of which a table of one score a metric has."""
    registry = _registry_of(metric)
    try:
        about = None if registry is None else said_by(registry, metric, "ABOUT", {}).get(metric)
    except UserError:
        about = None
    patterns = () if about is None else about.scores
    return next((k for k, each in enumerate(patterns) if fnmatch.fnmatchcase(score, each)), len(patterns))


def is_default(metric: str, parameters: Mapping[str, Any]) -> bool | None:
    """Whether the parameters of a result, but for seeds, are the metric's defaults of today; None where it is not installed.

    A parameter that the result's version lacked counts as one that is.
    """
    registry = _registry_of(metric)
    try:
        known = None if registry is None else inspect.signature(registry.get(metric)).parameters
    except UserError:
        known = None
    if known is None:
        return None
    return all(_is_default(metric, known, name, value) for name, value in parameters.items())


def _is_default(metric: str, known: Mapping[str, inspect.Parameter], name: str, value: Any) -> bool:
    if name in _NOT_CHOSEN:
        return True
    if name == "evaluation.sampling":
        return bool(value == sampling_of(metric))
    if name == "factor_bins" and isinstance(value, Mapping):  # of each continuous factor, the most that the data allow
        return max(value.values(), default=FACTOR_BINS) == FACTOR_BINS
    if name == "screened_codes":
        return bool(value == KEPT)
    if name in known:
        return _equal(value, known[name].default)
    return _equal_to_source(value, *name.rpartition(".")[::2])


def _equal_to_source(value: Any, selector: str, parameter: str) -> bool:
    """Whether the default of another function that gin configures, as its source says, is the value."""
    found = gin_names.configurables().get(selector.rpartition(".")[2])
    if found is None or parameter not in (found.parameters or {}):
        return False
    try:
        return _equal(value, ast.literal_eval((found.parameters or {})[parameter].default))
    except (ValueError, SyntaxError):
        return False


def _equal(value: Any, default: Any) -> bool:
    try:
        return canonical(value) == canonical(default)
    except TypeError:  # a default that is no JSON
        return False


def _registry_of(metric: str) -> Registry | None:
    return next((each for each in (metrics.METRICS, RUN_SET_METRICS) if metric in each), None)
