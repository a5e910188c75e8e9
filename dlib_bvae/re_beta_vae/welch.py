"""Values over seeds → one-sided p values of Welch's test for a contrast of means, and how several of them are joined."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dlib_bvae.re_beta_vae.evidence import Seeds

LEAST_SEEDS = 3  # of a cell that is tested
LEVEL = 0.05  # of every verdict, in each direction
_NO_SPREAD = 1e-9  # standard errors below this share of the means are rounding


class Sides(NamedTuple):
    """estimate: of a contrast. above, below: p values of the tests whose alternative is that it lies above, below the bound."""

    estimate: float
    above: float
    below: float


def contrast(parts: Sequence[tuple[float, Seeds]], bound: float = 0.0) -> Sides:
    """Welch's t test of Σ weight · mean against `bound`. parts: (weight, values (seeds,)) of independent samples.

    The standard error is of each sample's own variance (divisor n − 1), the degrees of freedom are Satterthwaite's. Two samples
    of weights 1 and −1 give Welch's test, one of weight 1 Student's of one sample. Where no sample has any spread both p
    are 1, as nothing says how surely the means are known. Raises ValueError for a sample of fewer than LEAST_SEEDS values.
    """
    from scipy.stats import t as student

    samples = [(weight, _checked(values)) for weight, values in parts]
    estimate = float(sum(weight * values.mean() for weight, values in samples))
    shares = [weight**2 * float(values.var(ddof=1)) / values.size for weight, values in samples]
    error = float(np.sqrt(sum(shares)))
    if error <= _NO_SPREAD * max(float(np.abs(values).max()) for _, values in samples):
        return Sides(estimate, 1.0, 1.0)
    freedom = sum(shares) ** 2 / sum(
        share**2 / (values.size - 1) for share, (_, values) in zip(shares, samples, strict=True)
    )
    distance = (estimate - bound) / error
    return Sides(estimate, float(student.sf(distance, freedom)), float(student.cdf(distance, freedom)))


def better_half(values: Seeds, bound: float) -> Sides:
    """The same for the mean that the better half of as many seeds has in expectation, n / 2 rounded up; estimate: its mean here.

    The kept seeds are no sample: they were chosen by their values. With normally distributed values that expectation is
    μ + c σ, c being that of the standard normal, and (mean − bound) √n / s has a noncentral t distribution.
    """
    from scipy.stats import nct

    sample = _checked(values)
    n = sample.size
    kept = np.sort(sample)[-((n + 1) // 2) :]
    error = float(sample.std(ddof=1)) / np.sqrt(n)
    if error <= _NO_SPREAD * float(np.abs(sample).max()):
        return Sides(float(kept.mean()), 1.0, 1.0)
    distance, shift = (float(sample.mean()) - bound) / error, -_expected_of_half(n) * np.sqrt(n)
    above, below = (float(tail(distance, n - 1, shift)) for tail in (nct.sf, nct.cdf))
    return Sides(float(kept.mean()), above, below)


@functools.cache
def _expected_of_half(n: int) -> float:
    """The expected mean of the larger n / 2, rounded up, of n standard normal values."""
    from scipy.integrate import quad
    from scipy.stats import binom, norm

    kept = (n + 1) // 2
    # A value is kept where at least n − kept of the others lie below it.
    density = lambda x: x * norm.pdf(x) * binom.sf(n - kept - 1, n - 1, norm.cdf(x))
    return n / kept * float(quad(density, -10, 10)[0])


def every(p: Sequence[float]) -> float:
    """The p value of "all of these": the largest. An intersection–union test needs no correction (Berger 1982)."""
    return max(p)


def some(p: Sequence[float]) -> float:
    """The p value of "at least one of these": Holm's first step, the smallest times their number."""
    return min(1.0, len(p) * min(p))


def _checked(values: Seeds) -> np.ndarray:
    array = np.asarray(values, float)
    if array.size < LEAST_SEEDS:
        raise ValueError(f"a tested sample needs {LEAST_SEEDS} values; got {array.size}")
    return array
