"""Codes computed from factors, whose scores are known: perturbed in one way each, or with what theory says of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

_DEAD = 0.01  # standard deviation of a code that says nothing; others go from -1 to 1


class FactorGrid:
    """disentanglement_lib's duck type and nothing else; an observation is its factors, float32 (1, factors, 1)."""

    def __init__(self, *sizes: int):
        self.factors_num_values = list(sizes)
        self.num_factors = len(sizes)
        self.observation_shape = (1, len(sizes), 1)

    def sample_observations_from_factors(self, factors: np.ndarray, random_state: Any) -> np.ndarray:
        """Factors int (n, factors) → observations (n, 1, factors, 1)."""
        del random_state
        return np.asarray(factors, np.float32).reshape(-1, 1, self.num_factors, 1)

    def factors(self) -> np.ndarray:
        """The whole grid in index order, int64 (images, factors)."""
        return np.array(list(np.ndindex(*self.factors_num_values)))

    def identity(self) -> np.ndarray:
        """A code for each factor, from -1 to 1, (images, factors)."""
        return 2 * self.factors() / np.maximum(np.array(self.factors_num_values) - 1, 1) - 1

    def noise(self, latents: int = 4, seed: int = 0) -> np.ndarray:
        """Codes that know nothing, as long as images are many, (images, latents)."""
        return np.random.default_rng(seed).normal(size=(len(self.factors()), latents))

    def rotated(self, degrees: float = 45) -> np.ndarray:
        """The codes of four factors, rotated in two planes one after the other; 45° mixes each into all alike."""
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return self.identity() @ np.kron(turn, turn)


class Perturbation(NamedTuple):
    """One way to worsen codes.

    label: what the values are. values: from none of it to the most. make: (grid, value, rng) → codes (images, latents).
    ideal: what a metric of disentanglement should do, in a few words.
    """

    label: str
    values: tuple[float, ...]
    make: Callable[[FactorGrid, float, np.random.Generator], np.ndarray]
    ideal: str


def noisy(grid: FactorGrid, share: float, rng: np.random.Generator) -> np.ndarray:
    """Codes of standard deviation 1, `share` of it noise: 1 is noise alone."""
    codes = grid.identity()
    codes = codes / codes.std(axis=0)
    return np.sqrt(1 - share**2) * codes + share * rng.normal(size=codes.shape)


def rotated(grid: FactorGrid, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """See FactorGrid.rotated."""
    del rng
    return grid.rotated(degrees)


def duplicated(grid: FactorGrid, number: float, rng: np.random.Generator) -> np.ndarray:
    """The first `number` codes stand there twice."""
    del rng
    codes = grid.identity()
    return np.hstack([codes, codes[:, : int(number)]])


def with_dead(grid: FactorGrid, number: float, rng: np.random.Generator) -> np.ndarray:
    """`number` codes more that say nothing and hardly move."""
    codes = grid.identity()
    return np.hstack([codes, _DEAD * rng.normal(size=(len(codes), int(number)))])


def merged(grid: FactorGrid, pairs: float, rng: np.random.Generator) -> np.ndarray:
    """For `pairs` pairs of neighbouring factors one code that counts through both, instead of two."""
    del rng
    factors, sizes, codes = grid.factors(), grid.factors_num_values, grid.identity()
    first = 2 * np.arange(int(pairs))
    whole = [2 * (factors[:, k] * sizes[k + 1] + factors[:, k + 1]) / (sizes[k] * sizes[k + 1] - 1) - 1 for k in first]
    return np.column_stack([*whole, codes[:, 2 * len(first) :]])


def missing(grid: FactorGrid, number: float, rng: np.random.Generator) -> np.ndarray:
    """The first `number` codes say nothing."""
    codes = grid.identity()
    codes[:, : int(number)] = _DEAD * rng.normal(size=(len(codes), int(number)))
    return codes


def bent(grid: FactorGrid, power: float, rng: np.random.Generator) -> np.ndarray:
    """Each code is raised to `power`, with its sign: every value keeps a code, in uneven steps."""
    del rng
    codes = grid.identity()
    return np.sign(codes) * np.abs(codes) ** power


PERTURBATIONS = {
    "noise": Perturbation("share of noise", (0.0, 0.25, 0.5, 0.75, 1.0), noisy, "falls to chance"),
    "rotation": Perturbation("angle (degrees)", (0, 11.25, 22.5, 33.75, 45), rotated, "falls; explicitness stays"),
    "duplicated": Perturbation(
        "codes that stand twice", (0, 1, 2, 3, 4), duplicated, "compactness falls, modularity stays"
    ),
    "dead": Perturbation("dead codes added", (0, 1, 2, 4, 8), with_dead, "stays"),
    "merged": Perturbation("pairs of factors in one code", (0, 1, 2), merged, "modularity falls, compactness stays"),
    "missing": Perturbation("factors without a code", (0, 1, 2, 3), missing, "falls"),
    "bent": Perturbation("power of the codes", (1, 2, 4, 8), bent, "stays"),
}


# Values of each of the four factors, by how many images there are in all: the grid has 192, 1,000, 10,000 or 100,000.
GRIDS = {200: (3, 4, 4, 4), 1_000: (5, 5, 5, 8), 10_000: (10, 10, 10, 10), 100_000: (10, 20, 20, 25)}
CORRELATION = 0.7  # of the Gaussian variables behind any two correlated factors


class Structure(NamedTuple):
    """How factors depend on each other. make: (values of each factor, rng) → ranks int64 (product of values, factors)."""

    label: str
    make: Callable[[Sequence[int], np.random.Generator], np.ndarray]


def independent(sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Every combination of values once."""
    del rng
    return FactorGrid(*sizes).factors()


def correlated(sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Evenly frequent values of Gaussian variables of which any two have CORRELATION."""
    shared, single = rng.normal(size=(math.prod(sizes), 1)), rng.normal(size=(math.prod(sizes), len(sizes)))
    return _levels(np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * single, sizes)


def redundant(sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Independent factors, of which the last follows from the second."""
    found = rng.normal(size=(math.prod(sizes), len(sizes)))
    found[:, -1] = found[:, 1]
    return _levels(found, sizes)


def causal(sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """A chain: each factor is caused by the one before it, with correlation 0.8 of the Gaussian variables, and by chance."""
    found = rng.normal(size=(math.prod(sizes), len(sizes)))
    for k in range(1, len(sizes)):
        found[:, k] = 0.8 * found[:, k - 1] + 0.6 * found[:, k]
    return _levels(found, sizes)


def _levels(gaussian: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Standard normal variables (n, factors) → ranks, each value as frequent as any other."""
    from scipy.special import ndtr

    return np.minimum((ndtr(gaussian) * np.array(sizes)).astype(np.int64), np.array(sizes) - 1)


STRUCTURES = {
    "independent": Structure("independent: every combination once (a grid)", independent),
    "correlated": Structure(f"any two correlated by {CORRELATION}", correlated),
    "redundant": Structure("the last follows from the second", redundant),
    "causal": Structure("a chain, each caused by the one before", causal),
}

# What theory says of codes: they are the factors up to order and a strictly monotone map of each; up to an invertible linear map;
# up to such a map of groups of codes, one group a factor; or not even that.
ELEMENTWISE, LINEARLY, GROUPED, NOT_IDENTIFIED = THEORIES = ("elementwise", "linearly", "grouped", "not")


class KnownCodes(NamedTuple):
    """Codes of which theory says how far they identify the factors.

    label: what they are. theory: one of THEORIES. rotation: whether they are a rotation of the factors. make: (factors symmetric
    about 0, of variance 1, float (n, 4); their ranks, int (n, 4); rng) → codes (n, latents).
    """

    label: str
    theory: str
    rotation: bool
    make: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def codes_of(name: str, ranks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The codes KNOWN_CODES[name] of images whose factors have the ranks (n, 4), least and largest value included."""
    scaled = (ranks - ranks.max(axis=0) / 2) / ranks.std(axis=0)  # about the middle, so that squares of ±z are equal
    return KNOWN_CODES[name].make(scaled, ranks, rng)


def _sine_and_cosine(z: np.ndarray, ranks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del z, rng
    angle = 2 * np.pi * ranks / (ranks.max(axis=0) + 1)
    return np.hstack([np.sin(angle), np.cos(angle)])


def _without_two(z: np.ndarray, ranks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del ranks
    codes = z.copy()
    codes[:, 1::2] = _DEAD * rng.normal(size=codes[:, 1::2].shape)
    return codes


def _one_hot(z: np.ndarray, ranks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del z, rng
    return np.hstack([column[:, None] == np.unique(column) for column in ranks.T]).astype(np.float64)


_HALF_TURN = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
_PAIRS = np.kron(np.eye(2), [[1.0, 0.5], [0.7, 1.0]])  # each pair of factors mixed, not at a right angle
_SCALES = np.array([0.5, 1.0, 2.0, 4.0])
KNOWN_CODES = {
    "aligned": KnownCodes("each factor", ELEMENTWISE, True, lambda z, ranks, rng: z),
    "monotone": KnownCodes(
        "each factor, bent by exp and rescaled", ELEMENTWISE, False, lambda z, ranks, rng: _SCALES * np.exp(z)
    ),
    "permuted": KnownCodes(
        "each factor, in another order, two of them negated",
        ELEMENTWISE,
        True,
        lambda z, ranks, rng: z[:, [2, 0, 3, 1]] * [1, -1, 1, -1],
    ),
    "rotated": KnownCodes(
        "all factors mixed by a rotation",
        LINEARLY,
        True,
        lambda z, ranks, rng: z @ np.kron(_HALF_TURN, _HALF_TURN),
    ),
    "pairwise": KnownCodes("pairs of factors mixed linearly", LINEARLY, False, lambda z, ranks, rng: z @ _PAIRS),
    "overcomplete": KnownCodes(
        "eight codes, each a random linear mixture of all factors",
        LINEARLY,
        False,
        lambda z, ranks, rng: z @ rng.normal(size=(4, 8)),
    ),
    "duplicated": KnownCodes("each factor twice", GROUPED, False, lambda z, ranks, rng: np.hstack([z, z])),
    "sin_cos": KnownCodes("sine and cosine of each factor, once round", GROUPED, False, _sine_and_cosine),
    "one_hot": KnownCodes("a code for each value of each factor", GROUPED, False, _one_hot),
    "quadratic": KnownCodes(
        "the square of each factor, whose sign is lost", NOT_IDENTIFIED, False, lambda z, ranks, rng: z**2
    ),
    "dead": KnownCodes("two of four factors, and two dead codes", NOT_IDENTIFIED, False, _without_two),
    "undercomplete": KnownCodes(
        "two of four factors, no other code", NOT_IDENTIFIED, False, lambda z, ranks, rng: z[:, ::2]
    ),
    "noise": KnownCodes(
        "independent of the factors", NOT_IDENTIFIED, False, lambda z, ranks, rng: rng.normal(size=z.shape)
    ),
}
