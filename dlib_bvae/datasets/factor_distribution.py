"""How continuous factors are drawn, and how they move from an image to the next: normal scores, a function of (seed, number)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import CATEGORICAL
from dlib_bvae.datasets.images import ALL_FACTORS
from dlib_bvae.datasets.random_words import uniforms
from dlib_bvae.errors import UserError, check_integer, check_number, unknown

UNIFORM, GAUSSIAN = DISTRIBUTIONS = ("uniform", "gaussian")
_MOST_SEED = 2**32 - 1  # above it stand the number of a frame, and what keeps the choice of factors apart
_CHOICE = 2**62
_LEAST_STD = 1e-3


class Factor(NamedTuple):
    """A factor that is drawn: its kind, of ground_truth.KINDS, and the least and largest value; of categories 0 … `high`."""

    name: str
    kind: str
    low: float
    high: float

    @property
    def categories(self) -> int:
        """How many there are; 0 of a factor that is a number."""
        return int(self.high) + 1 if self.kind == CATEGORICAL else 0


class FactorDistribution:
    """The joint distribution of factors, and steps that leave it as it is.

    Every factor is an increasing function of a score, and the scores y are N(0, R), a Gaussian copula. With Φ the normal
    distribution function, a number is low + (high − low) Φ(y) where `distribution` is "uniform"; where it is "gaussian" the value
    of probability Φ(y) of a normal distribution of mean (low + high) / 2 and standard deviation std · (high − low) / 2 that is
    truncated to the range, which is linear in y but near the ends. Categories are equally likely, and independent of all others.

    std: 0.001 … 1. correlation: R between the numbers: one number for all pairs, or [(name, name, number), …], the others 0; R
    must be positive definite. fixed: {name: value}, factors that do not vary. rho: in 0 … 1, less than 1, how much of a score
    stays in a step: the correlation of a factor that moves with itself before. seed: 0 … 2^32 − 1.
    what: the data set, in messages. Raises UserError for what is out of range.
    """

    def __init__(
        self,
        what: str,
        factors: Sequence[Factor],
        seed: int,
        distribution: str,
        std: float,
        correlation: float | Sequence[tuple[str, str, float]],
        fixed: Mapping[str, float] | None,
        rho: float,
    ):
        check_integer(f"{what}.seed", seed, 0, _MOST_SEED)
        if distribution not in DISTRIBUTIONS:
            raise unknown(f"distribution of {what}", str(distribution), DISTRIBUTIONS)
        self.factors, self._seed, self._gaussian = tuple(factors), int(seed), distribution == GAUSSIAN
        self._std = check_number(f"{what}.std", std, _LEAST_STD, 1)
        self.rho = check_number(f"{what}.rho", rho, 0, 1)
        if self.rho == 1:
            raise UserError(f"{what}.rho must be less than 1, or the images of a pair would be the same; got {rho!r}")
        self.fixed = _checked_values(what, self.factors, fixed)
        self.free = [k for k, factor in enumerate(self.factors) if factor.name not in self.fixed]
        if not self.free:
            raise UserError(f"{what}.fixed leaves no factor that varies; fix fewer")
        numbers = [self.factors[k].name for k in self.free if not self.factors[k].categories]
        self.correlation = _checked_correlation(what, numbers, correlation)
        matrix = np.eye(len(self.factors))
        for (first, second), value in self.correlation.items():
            i, j = (k for k, factor in enumerate(self.factors) if factor.name in (first, second))
            matrix[i, j] = matrix[j, i] = value
        try:
            self._root = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError as error:
            raise UserError(
                f"{what}.correlation: no factors have all of these correlations, as their matrix is not positive definite; use "
                f"smaller ones; got {correlation!r}"
            ) from error
        self._precision = np.linalg.inv(matrix)

    def described(self) -> dict[str, Any]:
        """What the images of a number follow from, apart from the renderer; JSON's types."""
        parts: dict[str, Any] = {"seed": self._seed, "distribution": GAUSSIAN if self._gaussian else UNIFORM}
        parts |= {"std": self._std} if self._gaussian else {}
        parts |= {"correlation": [[*pair, value] for pair, value in self.correlation.items()]}
        return {**parts, "fixed": self.fixed}

    def scores(self, numbers: np.ndarray) -> np.ndarray:
        """The scores of draws, int64 (n,) >= 0 → float64 (n, factors)."""
        from scipy.special import ndtri

        return self._mixed(ndtri(uniforms(self._seed, numbers, len(self.factors))))

    def _mixed(self, noise: np.ndarray) -> np.ndarray:
        """Independent standard normal numbers (n, factors) → N(0, R); a row is the same to the last bit whatever the others."""
        return sum(
            (noise[:, k, None] * self._root[:, k] for k in range(1, noise.shape[1])), noise[:, :1] * self._root[:, 0]
        )

    def values_of(self, scores: np.ndarray) -> np.ndarray:
        """Scores (…, factors) → what the factors are, float64 (…, factors), in their units."""
        from scipy.special import ndtr, ndtri

        shares = ndtr(scores)
        low, high = (np.array([getattr(factor, end) for factor in self.factors]) for end in ("low", "high"))
        cut = float(ndtr(-1 / self._std))
        inner = self._std * ndtri(cut + (1 - 2 * cut) * shares) if self._gaussian else 2 * shares - 1
        values = np.clip((low + high) / 2 + (high - low) / 2 * inner, low, high)
        for k, factor in enumerate(self.factors):
            if factor.name in self.fixed:
                values[..., k] = self.fixed[factor.name]
            elif factor.categories:
                values[..., k] = np.minimum(shares[..., k] * factor.categories, factor.categories - 1) // 1
        return values

    def chosen(self, numbers: np.ndarray, changed: int) -> np.ndarray:
        """Which factors move, bool (n, factors): `changed` of those that vary, or for -1 a number uniform in 1 … factors − 1.

        numbers: int64 (n,), of which the choice is a function. Factors are chosen uniformly; for ALL_FACTORS all that vary.
        """
        places = np.full((len(numbers), len(self.factors)), np.inf)
        drawn = uniforms(self._seed + _CHOICE, numbers, len(self.free) + 1)
        places[:, self.free] = drawn[:, 1:]
        if changed == -1:
            most = 1 + np.floor(drawn[:, :1] * (len(self.free) - 1))
        else:
            most = np.full((len(numbers), 1), len(self.free) if changed == ALL_FACTORS else changed)
        return places.argsort(axis=1).argsort(axis=1) < most

    def moved(self, scores: np.ndarray, numbers: np.ndarray, chosen: np.ndarray | None, frame: int = 1) -> np.ndarray:
        """The scores one step later, (n, factors) → the same; the distribution of the factors stays what it is.

        A number's score y becomes m + ρ (y − m) + √(1 − ρ²) s ε with ε standard normal, and m and s² the mean and variance of y
        given all other scores: an Ornstein–Uhlenbeck step within the conditional distribution; several are moved one after the
        other. A category becomes any other one. chosen: bool (n, factors); None: all move at once, y → ρ y + √(1 − ρ²) η with
        η ~ N(0, R), categories too, which may then stay. numbers, frame: of which ε is a function.
        """
        from scipy.special import ndtri

        drawn = uniforms(self._seed + (frame << 32), numbers, 2 * len(self.factors))
        noise, shares = ndtri(drawn[:, : len(self.factors)]), drawn[:, len(self.factors) :]
        kept, new = self.rho, math.sqrt(1 - self.rho**2)
        if chosen is None:
            return kept * scores + new * self._mixed(noise)
        found = scores.copy()
        for k in self.free:
            rows = np.flatnonzero(chosen[:, k])
            if self.factors[k].categories:
                found[rows, k] = _other_category(found[rows, k], self.factors[k].categories, shares[rows, k])
                continue
            row = self._precision[k]
            mean = found[rows, k] - (found[rows] * row).sum(axis=1) / row[k]
            found[rows, k] = mean + kept * (found[rows, k] - mean) + new / math.sqrt(row[k]) * noise[rows, k]
        return found


def _other_category(scores: np.ndarray, count: int, shares: np.ndarray) -> np.ndarray:
    """Scores (n,) of one of `count` categories → scores of another one; each is as likely. shares: uniform in (0, 1), (n,)."""
    from scipy.special import ndtr, ndtri

    places = ndtr(scores) * count
    before = np.minimum(np.floor(places), count - 1)
    after = (before + 1 + np.floor(shares * (count - 1))) % count
    return ndtri((after + np.clip(places - before, 1e-9, 1 - 1e-9)) / count)


def _checked_values(what: str, factors: Sequence[Factor], fixed: Any) -> dict[str, float]:
    """{name: value} of factors that do not vary, in the order of the factors. Raises UserError for other values than theirs."""
    if fixed is None:
        return {}
    if not isinstance(fixed, Mapping):
        raise UserError(f"{what}.fixed must name factors and their values, e.g. {{'shape': 0}}; got {fixed!r}")
    known = {factor.name: factor for factor in factors}
    found = {}
    for name, value in fixed.items():
        if name not in known:
            raise unknown(f"factor of {what}", str(name), known)
        if known[name].categories:
            check_integer(f"{what}.fixed[{name!r}]", value, 0, int(known[name].high))
        found[name] = check_number(f"{what}.fixed[{name!r}]", value, known[name].low, known[name].high)
    return {name: found[name] for name in known if name in found}


def _checked_correlation(what: str, numbers: Sequence[str], correlation: Any) -> dict[tuple[str, str], float]:
    """{(name, name): number}, pairs in the order of `numbers`, the factors that may be correlated; those of 0 are left out."""
    if isinstance(correlation, str) or not isinstance(correlation, Sequence):
        value = check_number(f"{what}.correlation", correlation, -1, 1)
        pairs = [(first, second) for k, first in enumerate(numbers) for second in numbers[k + 1 :]]
        return {pair: value for pair in pairs if value}
    found: dict[tuple[str, str], float] = {}
    for entry in correlation:
        if isinstance(entry, str) or not isinstance(entry, Sequence) or len(entry) != 3:
            raise UserError(
                f"{what}.correlation must be a number, or list (factor, factor, number), e.g. [('position_x', 'position_y', "
                f"0.5)]; got {entry!r}"
            )
        for name in entry[:2]:
            if name not in numbers:
                raise unknown(f"factor of {what} that is a number and varies", str(name), numbers)
        first, second = sorted(entry[:2], key=numbers.index)
        if first == second or (first, second) in found:
            raise UserError(f"{what}.correlation must name each pair of two different factors once; got {entry!r}")
        found[first, second] = check_number(f"{what}.correlation", entry[2], -1, 1)
    return {pair: value for pair, value in found.items() if value}
