"""One result of several: a metric scored with several seeds on the same codes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from dlib_bvae.metrics.engine.screening import SCREENING
from dlib_bvae.metrics.score_info import MISSING

_DIFFERENT = object()  # stands for the mean of what has none


def combined(
    results: Sequence[dict[str, Any]], seeds: Sequence[int], of_active: Collection[str] = ()
) -> dict[str, Any]:
    """At least two results of one metric, by seed → one: every score is the mean; `repeats` says what it is a mean of.

    Floats below the scores (by factor, by code, in matrices) are averaged too. Anything else (names, indices) stays where
    all results agree and is left out where they do not, and so are the entries `of_active`, which have one row an active
    code, where active_codes differ, and lists with one entry a code where screening kept different ones. A score that one
    result lacks is None; missing_scores says why.
    `repeats`: seeds; scores, {score: its value by each seed}; std (divisor n − 1); interval_95, [low, high] of Student's
    t about the mean, which may reach beyond the score's range. They say how far the drawn images move the score of these
    very codes, not what training does; a metric that uses every image has a std of 0.
    """
    names = dict.fromkeys(key for result in results for key, value in result.items() if _is_score(value))
    scores = {key: [result.get(key) for result in results] for key in names}
    missing = {key: why for result in results for key, why in result.get(MISSING, {}).items()}
    known: dict[str, list] = {key: values for key, values in scores.items() if all(map(_is_score, values))}
    agree = all(result.get("active_codes") == results[0].get("active_codes") for result in results)
    others = {
        key: _mean_of([result.get(key) for result in results])
        for key in results[0]
        if key not in scores and key != MISSING and (agree or key not in of_active) and not _of_others(key, results)
    }
    return {
        **{key: float(np.mean(values)) for key, values in known.items()},
        **{key: None for key in scores if key not in known},
        **{key: value for key, value in others.items() if value is not _DIFFERENT},
        **({MISSING: missing} if missing else {}),
        "repeats": {
            "seeds": list(seeds),
            "scores": known,
            "std": {key: float(np.std(values, ddof=1)) for key, values in known.items()},
            "interval_95": {key: interval(values) for key, values in known.items()},
        },
    }


def _of_others(key: str, results: Sequence[dict[str, Any]]) -> bool:
    """Whether the entry `key` has one value a code, and the results do not have the same codes."""
    kept = [result.get(SCREENING, {}).get("kept", []) for result in results]
    value = results[0][key]
    return any(each != kept[0] for each in kept) and isinstance(value, list) and len(value) == len(kept[0])


def interval(values: Sequence[float], share: float = 0.95) -> list[float]:
    """[low, high]: Student's t interval of the mean of at least two values."""
    from scipy.stats import t

    half = t.ppf(0.5 + share / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return [float(np.mean(values) - half), float(np.mean(values) + half)]


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mean_of(values: Sequence[Any]) -> Any:
    """The mean of equally built values; what has none stays where all are the same, else _DIFFERENT."""
    first = values[0]
    if all(value == first for value in values):
        return first
    if isinstance(first, dict) and all(isinstance(value, dict) for value in values):
        means = {key: _mean_of([value.get(key) for value in values]) for key in first}
        return {key: mean for key, mean in means.items() if mean is not _DIFFERENT} or _DIFFERENT
    arrays = [_measured(value) for value in values]
    if any(array is None or array.shape != arrays[0].shape for array in arrays):  # type: ignore[union-attr]
        return _DIFFERENT
    return np.mean(arrays, axis=0).tolist()  # type: ignore[arg-type]


def _measured(value: Any) -> np.ndarray | None:
    """A float, a list of floats or a matrix of numbers as an array; None for indices, names and uneven lists."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind == "f" or (array.dtype.kind in "iu" and array.ndim > 1) else None
