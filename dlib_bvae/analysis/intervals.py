"""Means that outliers move less, and bootstrap intervals of them (Agarwal et al. 2021, the protocol of rliable)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dlib_bvae.errors import UserError, check_integer, check_number, unknown

REPS = 10_000
LEVEL = 0.95
_BLOCK_VALUES = 2**24  # of the resampled statistics that are in memory at once

# How many of n sorted values are left out at each end before averaging.
TRIMS: dict[str, Callable[[int], int]] = {
    "mean": lambda n: 0,
    "iqm": lambda n: n // 4,
    "median": lambda n: (n - 1) // 2,
}


def trimmed(values: np.ndarray, statistic: str = "iqm") -> np.ndarray:
    """Values (…, n) → their mean, median or interquartile mean (iqm), (…,).

    iqm: the mean without the lowest and the highest n // 4 values, as scipy.stats.trim_mean(values, 0.25); that of fewer
    than four values is the mean. Raises UserError for no values and an unknown statistic.
    """
    values = np.sort(np.asarray(values, np.float64), axis=-1)
    cut = trim(statistic, values.shape[-1])
    return values[..., cut : values.shape[-1] - cut].mean(axis=-1)


def intervals(
    values: np.ndarray, statistic: str = "iqm", seed: int = 0, reps: int = REPS, level: float = LEVEL
) -> np.ndarray:
    """Percentile bootstrap intervals of the statistic of each row: values (rows, n) → (rows, 2), low and high.

    The n values are resampled with replacement `reps` times, in every row alike, so a row's interval does not depend on
    the others. With one value there is no interval: NaN. Few values give intervals that are too narrow: n = 3 … 5 cover
    less than `level` says.
    """
    values = np.sort(np.asarray(values, np.float64), axis=-1)
    rows, n = values.shape
    check_bootstrap(seed, reps, level)
    found = np.full((rows, 2), np.nan)
    if n < 2:
        return found
    weights = _resampled_weights(n, trim(statistic, n), seed, reps)
    block = max(1, _BLOCK_VALUES // reps)
    for start in range(0, rows, block):
        part = values[start : start + block]
        resampled = np.clip(part @ weights.T, part[:, :1], part[:, -1:])  # rounding must not widen equal values
        found[start : start + block] = percentiles(resampled, level)
    return found


def trim(statistic: str, n: int) -> int:
    """How many values at each end of n sorted ones the statistic leaves out. Raises UserError."""
    if statistic not in TRIMS:
        raise unknown("statistic", statistic, TRIMS)
    if n < 1:
        raise UserError("a statistic needs at least one value; got none")
    return TRIMS[statistic](n)


def percentiles(resampled: np.ndarray, level: float) -> np.ndarray:
    """Resampled statistics (…, reps) → the middle `level` of them, (…, 2)."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return np.stack([low, high], axis=-1)


def counts(n: int, reps: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n values is in a resample of n, float64 (reps, n)."""
    return _count(rng.integers(n, size=(reps, n)), n)


def check_bootstrap(seed: int, reps: int, level: float) -> None:
    """Raises UserError for numbers out of range."""
    check_integer("seed", seed, 0)
    check_integer("reps", reps, 1)
    check_number("level", level, 0, 1)


def check_tasks(tasks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Values of each task as float64 (n,). Raises UserError for no task and for a task without values."""
    checked = [np.asarray(task, np.float64).ravel() for task in tasks]
    if not checked or not all(len(task) for task in checked):
        raise UserError("scores of at least one task are needed, and of each task at least one run's; some are missing")
    return checked


def _resampled_weights(n: int, cut: int, seed: int, reps: int) -> np.ndarray:
    """What each of n sorted values weighs in the trimmed mean of a resample, (reps, n): a resample of places is sorted too."""
    places = np.sort(np.random.default_rng([seed, n]).integers(n, size=(reps, n)), axis=1)[:, cut : n - cut]
    return _count(places, n) / places.shape[1]


def _count(places: np.ndarray, n: int) -> np.ndarray:
    reps = len(places)
    flat = (places + n * np.arange(reps)[:, None]).ravel()
    return np.bincount(flat, minlength=n * reps).reshape(reps, n).astype(np.float64)
