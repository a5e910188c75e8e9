"""Methods compared over several tasks: pooled statistics, probability of improvement, performance profiles, ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dlib_bvae.analysis.intervals import LEVEL, REPS, check_bootstrap, check_tasks, counts, percentiles, trimmed
from dlib_bvae.errors import UserError, unknown

# Values of each task (…, n of the task) → (…,). Tasks weigh the same in all but iqm, which pools their runs.
POOLED: dict[str, Callable[[Sequence[np.ndarray]], np.ndarray]] = {
    "mean": lambda tasks: np.mean([task.mean(axis=-1) for task in tasks], axis=0),
    "median": lambda tasks: np.median([task.mean(axis=-1) for task in tasks], axis=0),
    "iqm": lambda tasks: trimmed(np.concatenate(tasks, axis=-1)),
    "optimality_gap": lambda tasks: 1 - np.mean([np.minimum(task, 1).mean(axis=-1) for task in tasks], axis=0),
}
_BLOCK = 500  # resamples that are in memory at once


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
    """(P, low, high): the chance that a run of `better` has a higher score than one of `worse` on a task drawn uniformly.

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
