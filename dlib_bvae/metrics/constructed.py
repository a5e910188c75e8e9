"""Codes computed from a grid's factors, whose scores are known, and perturbations that worsen them in one way each."""

from __future__ import annotations

from collections.abc import Callable
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
