"""Which seeds count: the ways in which papers condense the scores of several seeds into one number."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Summary(NamedTuple):
    """mean and std (divisor n − 1; None for one seed) of `seeds` seeds."""

    mean: float
    std: float | None
    seeds: int


def summary(values: Any) -> Summary | None:
    """Mean and spread of values (n,); None where there is none."""
    array = np.asarray(values, float)
    if not array.size:
        return None
    return Summary(float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None, array.size)


def best_half(values: Any) -> np.ndarray:
    """The better half of values (n,), largest first: n / 2 rounded up, as Higgins et al. 2016 keep."""
    array = np.sort(np.asarray(values, float))[::-1]
    return array[: (array.size + 1) // 2]


def median(values: Any) -> float | None:
    """The median of values (n,), None where there is none."""
    array = np.asarray(values, float)
    return float(np.median(array)) if array.size else None
