"""Robust means with bootstrap intervals, and comparisons of methods over several tasks (rliable, Agarwal et al. 2021)."""

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
_BLOCK = 500  # resamples that are in memory at once


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


# Values of each task (…, n of the task) → (…,). Tasks weigh the same in all but iqm, which pools their runs.
POOLED: dict[str, Callable[[Sequence[np.ndarray]], np.ndarray]] = {
    "mean": lambda tasks: np.mean([task.mean(axis=-1) for task in tasks], axis=0),
    "median": lambda tasks: np.median([task.mean(axis=-1) for task in tasks], axis=0),
    "iqm": lambda tasks: trimmed(np.concatenate(tasks, axis=-1)),
    "optimality_gap": lambda tasks: 1 - np.mean([np.minimum(task, 1).mean(axis=-1) for task in tasks], axis=0),
}


def pooled(
    tasks: Sequence[np.ndarray], statistic: str = "iqm", seed: int = 0, reps: int = REPS, level: float = LEVEL
) -> tuple[float, float, float]:
    """(Statistic, low, high) of one method's normalised scores, one array (runs,) a task, as rliable defines them.

    mean, median: of the tasks' means. iqm: of all runs of all tasks together. optimality_gap: mean of 1 − min(score, 1).
    Stratified percentile bootstrap: runs are resampled within each task, the tasks stay. No interval (NaN) where no task
    has two runs. Raises UserError for a task without runs and an unknown statistic.
    """
    values = check_tasks(tasks)
    if statistic not in POOLED:
        raise unknown("statistic over tasks", statistic, POOLED)
    check_bootstrap(seed, reps, level)
    point = float(POOLED[statistic](values))
    if max(map(len, values)) < 2:
        return point, float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    resampled = []
    for start in range(0, reps, _BLOCK):
        size = min(_BLOCK, reps - start)
        resampled.append(POOLED[statistic]([task[rng.integers(len(task), size=(size, len(task)))] for task in values]))
    low, high = percentiles(np.concatenate(resampled), level)
    return point, float(low), float(high)


def probability_of_improvement(
    better: Sequence[np.ndarray],
    worse: Sequence[np.ndarray],
    seed: int = 0,
    reps: int = REPS,
    level: float = LEVEL,
) -> tuple[float, float, float]:
    """(P, low, high): the chance that a run of `better` has a higher score than one of `worse` on a task chosen uniformly.

    One array (runs,) a task, the same tasks in both. Ties count one half: on each task P is Mann-Whitney's U / (n m).
    Interval: stratified percentile bootstrap of both. Raises UserError for other numbers of tasks.
    """
    first, second = check_tasks(better), check_tasks(worse)
    if len(first) != len(second):
        raise UserError(f"both methods need scores of the same tasks; got {len(first)} and {len(second)} tasks")
    check_bootstrap(seed, reps, level)
    rng = np.random.default_rng(seed)
    points, resampled = [], np.zeros(reps)
    for x, y in zip(first, second, strict=True):
        wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)
        points.append(wins.mean())
        of_x, of_y = counts(len(x), reps, rng), counts(len(y), reps, rng)
        resampled += ((of_x @ wins) * of_y).sum(axis=1) / wins.size / len(first)
    point = float(np.mean(points))
    if max(map(len, [*first, *second])) < 2:
        return point, float("nan"), float("nan")
    low, high = percentiles(resampled, level)
    return point, float(low), float(high)


def performance_profile(
    tasks: Sequence[np.ndarray],
    thresholds: np.ndarray,
    seed: int = 0,
    reps: int = 2_000,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Share of runs with a score above each threshold, low, high), float64 (thresholds,) each, averaged over tasks.

    tasks: as in `pooled`. The band is a stratified percentile bootstrap at each threshold by itself.
    """
    values = check_tasks(tasks)
    check_bootstrap(seed, reps, level)
    thresholds = np.asarray(thresholds, np.float64)
    rng = np.random.default_rng(seed)
    share, resampled = np.zeros(len(thresholds)), np.zeros((reps, len(thresholds)))
    for task in values:
        above = (task[:, None] > thresholds).astype(np.float64)
        share += above.mean(axis=0) / len(values)
        resampled += counts(len(task), reps, rng) @ above / len(task) / len(values)
    if max(map(len, values)) < 2:
        return share, np.full_like(share, np.nan), np.full_like(share, np.nan)
    band = percentiles(resampled.T, level)
    return share, band[:, 0], band[:, 1]


def ranks(low: np.ndarray, high: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Ranks from 1, float64 (n,), of rows with the intervals low … high: 1 + the number of rows that are surely better.

    Surely better: the whole interval lies beyond this one's, so rows whose intervals overlap do not count against each
    other, and several can be first. NaN for a row without an interval, which counts against nobody.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    known = ~(np.isnan(low) | np.isnan(high))
    worst, best = (low, high) if higher_is_better else (-high, -low)
    ahead = np.searchsorted(np.sort(-worst[known]), -best, side="left").astype(np.float64)
    return np.where(known, 1 + ahead, np.nan)
