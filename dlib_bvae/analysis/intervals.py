"""Means over seeds with their intervals, and comparisons of methods over several tasks (rliable, Agarwal et al. 2021)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from dlib_bvae.errors import UserError, check_integer, check_number, unknown

REPS = 10_000
LEVEL = 0.95
T, BCA, RANGE = "t", "BCa", "range"  # what low and high of a mean are
LEAST_T, LEAST_BCA = 3, 10  # seeds
_BLOCK_VALUES = 2**22  # that are resampled at once

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


def mean_intervals(values: np.ndarray, seed: int = 0, reps: int = REPS) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the mean of each row: values (rows, n) of n seeds → (low and high, (rows, 2); their kinds, text (rows,)).

    n = 1: NaN and "". n = 2: RANGE, the two values, which say nothing of other seeds. 3 <= n < LEAST_BCA: T, Student's t. More:
    BCA, the bias-corrected and accelerated bootstrap (Efron 1987) of scipy, of `reps` resamples by `seed`, at the level that
    widens it as much as few values need (Hesterberg 2015, expanded percentiles: without it, 10 normal values cover the mean in
    90 % of all cases); Student's t for a row that has no such interval. Of normal values both cover the mean in 94 to 95 %, of
    skewed ones in fewer (benchmarks/interval_coverage.py). Neither is cut at the ends of a score's range. Equal values have an
    interval of no width. A row's interval does not depend on the others.
    """
    values = np.sort(np.asarray(values, np.float64), axis=-1)
    rows, n = values.shape
    check_bootstrap(seed, reps, LEVEL)
    if n < 2:
        return np.full((rows, 2), np.nan), np.full(rows, "", object)
    if n == 2:
        return values.copy(), np.full(rows, RANGE, object)
    found, kinds = _students(values), np.full(rows, T, object)
    varying = np.flatnonzero(values[:, 0] < values[:, -1])
    if n >= LEAST_BCA and len(varying):
        bootstrapped = _bca(values[varying], seed, reps)
        known = np.isfinite(bootstrapped).all(axis=1)
        found[varying[known]], kinds[varying[known]] = bootstrapped[known], BCA
    return found, kinds


def _students(values: np.ndarray) -> np.ndarray:
    """Student's t intervals of the mean of each row, (rows, n >= 2) → (rows, 2)."""
    from scipy import stats

    n = values.shape[1]
    half = stats.t.isf((1 - LEVEL) / 2, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
    found = values.mean(axis=1)[:, None] + half[:, None] * [-1, 1]
    equal = values[:, 0] == values[:, -1]
    found[equal] = values[equal, :1]  # rounding must not widen it
    return found


def _bca(values: np.ndarray, seed: int, reps: int) -> np.ndarray:
    """BCa bootstrap intervals of the mean of each row, (rows, n) → (rows, 2); NaN for a row that has none."""
    from scipy import stats

    rows, n = values.shape
    found = np.full((rows, 2), np.nan)
    expanded = 1 - 2 * stats.norm.sf(math.sqrt(n / (n - 1)) * stats.t.isf((1 - LEVEL) / 2, n - 1))
    block = max(1, _BLOCK_VALUES // (_BLOCK * n))
    for start in range(0, rows, block):
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # such a row has Student's t
            interval = stats.bootstrap(
                (values[start : start + block],),
                np.mean,
                n_resamples=reps,
                batch=_BLOCK,  # the same for every number of rows, so that all are resampled alike
                confidence_level=expanded,
                axis=-1,
                method="BCa",
                random_state=np.random.default_rng([seed, n]),
            ).confidence_interval
        found[start : start + block] = np.stack([interval.low, interval.high], axis=-1)
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
    Stratified percentile bootstrap: runs are resampled within each task, the tasks stay. Of n runs a task it is too narrow by
    √((n − 1) / n), and there is none (NaN) where a task has fewer than LEAST_T. Raises UserError for a task without runs and
    an unknown statistic.
    """
    values = check_tasks(tasks)
    if statistic not in POOLED:
        raise unknown("statistic over tasks", statistic, POOLED)
    check_bootstrap(seed, reps, level)
    point = float(POOLED[statistic](values))
    if min(map(len, values)) < LEAST_T:
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
    Interval: stratified percentile bootstrap of both, as in `pooled`; of no width where one always wins. Raises UserError for
    other numbers of tasks.
    """
    first, second = check_tasks(better), check_tasks(worse)
    if len(first) != len(second):
        raise UserError(f"both methods need scores of the same tasks; got {len(first)} and {len(second)} tasks")
    check_bootstrap(seed, reps, level)
    rng = np.random.default_rng(seed)
    points, resampled = [], np.zeros(reps)
    for x, y in zip(first, second, strict=True):
        wins = _wins(x, y)
        points.append(wins.mean())
        of_x, of_y = counts(len(x), reps, rng), counts(len(y), reps, rng)
        resampled += ((of_x @ wins) * of_y).sum(axis=1) / wins.size / len(first)
    point = float(np.mean(points))
    if min(map(len, [*first, *second])) < LEAST_T:
        return point, float("nan"), float("nan")
    low, high = percentiles(resampled, level)
    return point, float(low), float(high)


def improvement(better: np.ndarray, worse: np.ndarray) -> float:
    """The chance that a run of `better` (n,) has a higher score than one of `worse` (m,): Mann-Whitney's U / (n m).

    Ties count one half. Raises UserError for no run.
    """
    (x,), (y,) = check_tasks([better]), check_tasks([worse])
    return float(_wins(x, y).mean())


def _wins(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 where a value of x (n,) is above one of y (m,), 0.5 where it is equal, else 0; (n, m)."""
    return (x[:, None] > y) + 0.5 * (x[:, None] == y)


def performance_profile(
    tasks: Sequence[np.ndarray],
    thresholds: np.ndarray,
    seed: int = 0,
    reps: int = 2_000,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Share of runs with a score above each threshold, low, high), float64 (thresholds,) each, averaged over tasks.

    tasks: as in `pooled`, and so is the band, at each threshold by itself.
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
    if min(map(len, values)) < LEAST_T:
        return share, np.full_like(share, np.nan), np.full_like(share, np.nan)
    band = percentiles(resampled.T, level)
    return share, band[:, 0], band[:, 1]
