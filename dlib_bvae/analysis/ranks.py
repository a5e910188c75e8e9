"""Which rows of a board differ: Tukey–Kramer's test on the variance within configurations, and the ranks that it leaves open."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dlib_bvae.errors import UserError, check_integer, check_number

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

ALPHA = 0.05
LEAST_SEEDS = 3  # of a row that is ranked
LEAST_FREEDOM = 20  # of the pooled variance; with fewer nothing is ranked
_MOST_ROWS = 10**6
_NORMAL = 9.0  # standard deviations, beyond which nothing of a normal distribution is left
_SPACING = 0.05  # of the integral over the largest of the normal values
_NODES = 64  # of that over the estimated standard deviation
_WIDEST, _STEP = 16.0, 0.02  # of the table of the range of normal values
_ROUNDING = 1e-12  # differences of estimates that are smaller, as a share of these, are none


class Spread(NamedTuple):
    """A standard deviation of single seeds, pooled within configurations, and its degrees of freedom."""

    sd: float
    df: int


class Difference(NamedTuple):
    """The difference of two means (first − second), its 95 % interval and the p value of no difference."""

    difference: float
    low: float
    high: float
    p: float


def difference(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, sd: float, df: float, rows: int = 2
) -> Difference:
    """Tukey–Kramer's comparison of the means of two of `rows` rows: values (n,) and (m,), one a seed.

    sd, df: of the variance of single seeds (rank_sd and rank_df of `cells`), which all rows are taken to have. The interval, and
    p, hold for all pairs of the `rows` rows together; with two it is Student's t test. Raises UserError for no value and for
    numbers out of range.
    """
    x, y = (np.asarray(values, np.float64).ravel() for values in (first, second))
    if not len(x) or not len(y):
        raise UserError("a difference needs at least one value of each row; got none")
    check_number("sd", sd, 0)
    check_number("df", df, 1)
    check_integer("rows", rows, 2, _MOST_ROWS)
    found = np.array(x.mean() - y.mean())
    half, p = tukey_kramer(found, np.array(sd * math.sqrt(1 / len(x) + 1 / len(y))), rows, df)
    return Difference(float(found), float(found - half), float(found + half), float(p))


def tukey_kramer(found: np.ndarray, error: np.ndarray, rows: int, df: float) -> tuple[np.ndarray, np.ndarray]:
    """(Half the width of the 95 % interval, p) of differences with these standard errors, for all pairs of `rows` rows."""
    p = tail(_in_errors(found, error) * math.sqrt(2), rows, df)
    return critical(rows, df) / math.sqrt(2) * error, p


def students(found: np.ndarray, error: np.ndarray, df: np.ndarray, tests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Half the width of the 95 % interval, p) of differences by Student's t, of which each is one of so many `tests`.

    Šidák's adjustment, which for two-sided t tests is never too small, also where they have a row in common.
    """
    from scipy import stats

    single = 2 * stats.t.sf(_in_errors(found, error), df)
    with np.errstate(divide="ignore"):
        p = -np.expm1(tests * np.log1p(-np.minimum(single, 1)))
    level = -np.expm1(np.log1p(-ALPHA) / tests)
    return stats.t.isf(level / 2, df) * error, p


def welch_freedom(first: np.ndarray, first_df: np.ndarray, second: np.ndarray, second_df: np.ndarray) -> np.ndarray:
    """Welch–Satterthwaite's degrees of freedom of a difference of means with these variances; of one of 0 the other's."""
    whole = first + second
    with np.errstate(invalid="ignore"):
        found = whole**2 / (first**2 / first_df + second**2 / second_df)
    return np.where(whole > 0, found, first_df)


def _in_errors(found: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Differences in their standard errors, >= 0; of no error infinite, but 0 where there is no difference."""
    size = np.abs(found)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, size / error, 0.0)


def ranges(
    means: np.ndarray, seeds: np.ndarray, spread: Spread, higher_is_better: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ranks of rows that the data leave open: lowest and highest, int64 (rows,), and whether a row is tied with the best.

    lowest = 1 + the number of rows that are significantly better at 5 %; highest: the place, by the estimate, of the last row
    that is not significantly worse. tied: not significantly worse than the row with the best estimate. By Tukey–Kramer's test
    for all pairs together. means, seeds (rows,): estimates and of how many seeds each is. spread: of single seeds.
    """
    worth = np.asarray(means, np.float64) * (1 if higher_is_better else -1)
    seeds = np.asarray(seeds, np.float64)
    rows = len(worth)
    low, high, tied = np.ones(rows, np.int64), np.full(rows, rows, np.int64), np.ones(rows, bool)
    if rows < 2:
        return low, high, tied
    limit, best = critical(rows, spread.df) / math.sqrt(2), worth.max()
    nothing = _ROUNDING * np.abs(worth).max()
    ordered = np.sort(worth)
    for row in range(rows):
        least = limit * spread.sd * np.sqrt(1 / seeds + 1 / seeds[row]) + nothing
        better, worse = worth - worth[row] > least, worth[row] - worth > least
        low[row] = 1 + better.sum()
        high[row] = rows - np.searchsorted(ordered, worth[~worse].min(), side="left")
        tied[row] = not (better & (worth == best)).any()
    return low, high, tied


def tail(q: np.ndarray, rows: int, df: float) -> np.ndarray:
    """The upper tail of the studentized range of `rows` means with `df` degrees of freedom, at each q >= 0.

    As scipy.stats.studentized_range.sf to 10⁻⁶, which takes 50 ms for each q.
    """
    scales, weights = _scales(df)
    q = np.asarray(q, np.float64)
    below = _range_of_normal(rows)(np.minimum(q[..., None] * scales, _WIDEST)) @ weights
    return np.where(np.isinf(q), 0.0, np.clip(1 - below, 0, 1))


@functools.lru_cache(maxsize=4_096)
def critical(rows: int, df: float) -> float:
    """The studentized range that `rows` >= 2 equal means exceed with chance 5 %."""
    from scipy import optimize

    return float(optimize.brentq(lambda q: float(tail(np.array(q), rows, df)) - ALPHA, 0, 1_000, xtol=1e-10))


@functools.lru_cache(maxsize=512)
def _range_of_normal(rows: int) -> CubicSpline:
    """The distribution function of the range of `rows` standard normal values, on 0 … _WIDEST."""
    from scipy import interpolate, special

    largest = np.arange(-_NORMAL, _NORMAL, _SPACING)  # the trapezoid rule is exact here to rounding
    density = _SPACING * np.exp(-(largest**2) / 2) / math.sqrt(2 * math.pi)
    width = np.arange(0, _WIDEST + _STEP, _STEP)
    within = special.ndtr(largest) - special.ndtr(largest - width[:, None])
    return interpolate.CubicSpline(width, np.minimum(rows * within ** (rows - 1) @ density, 1))


@functools.lru_cache(maxsize=512)
def _scales(df: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the integral over an estimated standard deviation, as a multiple of the true one."""
    from scipy import stats

    estimate = stats.chi(df, scale=1 / math.sqrt(df))
    low, high = estimate.ppf(1e-13), estimate.isf(1e-13)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    scales = (high + low) / 2 + (high - low) / 2 * nodes
    weights = weights * estimate.pdf(scales)
    return scales, weights / weights.sum()
