"""GroundTruthData: images on a full grid of factors, addressed by grid index."""

from __future__ import annotations

import functools
import math
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator


@runtime_checkable
class FactorDataset(Protocol):
    """Images with known factors, as every door takes them: a grid (GroundTruthData) or labelled images (LabelledImages).

    name: of the data set. observation_shape: (height, width, channels) in pixels. factor_names, factor_sizes: one entry a
    factor, whose values are 0 … size - 1.
    """

    name: str
    observation_shape: tuple[int, int, int]
    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]

    @property
    def num_images(self) -> int:
        """Number of images."""

    def factors_at(self, indices: np.ndarray) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""

    def observations_at(self, indices: np.ndarray) -> np.ndarray:
        """Indices (n,) → observations float32 (n, height, width, channels) in [0, 1]."""


class DlibData(Protocol):
    """disentanglement_lib's duck type, as far as this suite reads it; see FromDuckType."""

    factors_num_values: list[int]
    observation_shape: tuple[int, int, int]

    def sample_observations_from_factors(self, factors: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """Factor values (n, factors) → observations float (n, height, width, channels) in [0, 1]."""


class GroundTruthData(ImageData):
    """Images on a grid of discrete factors; the first factor varies slowest (index = np.ravel_multi_index(factors)).

    It also has disentanglement_lib's duck type (num_factors, factors_num_values, sample_factors,
    sample_observations_from_factors, sample, sample_observations), so that code written for that suite reads it.

    factor_names, factor_sizes: one entry a factor. The fingerprint also changes with the grid. images_per_cell: images
    that share all factors and differ in what is no factor; they are neighbours (index = cell · images_per_cell + k), and
    one is drawn wherever observations are sampled at given factors.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    images_per_cell: int = 1

    @property
    def num_images(self) -> int:
        """Number of images on the grid."""
        return math.prod(self.factor_sizes) * self.images_per_cell

    def factors_at(self, indices: Any) -> np.ndarray:
        """Grid indices (n,) → factor values int64 (n, factors)."""
        rows = self.check_indices(indices) // self.images_per_cell
        return np.stack(np.unravel_index(rows, self.factor_sizes), axis=1).astype(np.int64)

    def index_of(self, factors: Any) -> np.ndarray:
        """Factor values (n, factors) → grid indices int64 (n,), the first image of each cell.

        Raises ValueError for values off the grid.
        """
        values = np.asarray(factors)
        if values.ndim != 2 or values.shape[1] != self.num_factors or values.dtype.kind not in "iu":
            raise ValueError(
                f"factors must be integers (n, {self.num_factors}); got dtype {values.dtype}, shape {values.shape}"
            )
        if (values < 0).any() or (values >= self.factor_sizes).any():
            raise ValueError(f"factors of {self.name} must be in 0 … size - 1 with sizes {self.factor_sizes}")
        return np.ravel_multi_index(tuple(values.T), self.factor_sizes).astype(np.int64) * self.images_per_cell

    # disentanglement_lib's duck type -------------------------------------------------------------------------------

    @property
    def num_factors(self) -> int:
        """Number of factors."""
        return len(self.factor_sizes)

    @property
    def factors_num_values(self) -> list[int]:
        """Number of values of each factor."""
        return list(self.factor_sizes)

    def sample_factors(self, num: int, random_state: Any) -> np.ndarray:
        """Uniform factor values int64 (num, factors). random_state: int, numpy RandomState or Generator."""
        rng = as_rng(random_state)
        return np.stack([draw(rng, size, num) for size in self.factor_sizes], axis=1)

    def sample_observations_from_factors(self, factors: Any, random_state: Any = None) -> np.ndarray:
        """Factor values (n, factors) → observations float32 (n, height, width, channels) in [0, 1].

        random_state (int, numpy RandomState or Generator) is needed, and used, where a cell has several images.
        """
        rows = self.index_of(factors)
        if self.images_per_cell > 1:
            rows += draw(as_rng(random_state), self.images_per_cell, len(rows))
        return self.observations_at(rows)

    def sample(self, num: int, random_state: Any) -> tuple[np.ndarray, np.ndarray]:
        """Uniform factors int64 (num, factors) and their observations float32 (num, height, width, channels)."""
        factors = self.sample_factors(num, random_state)
        return factors, self.sample_observations_from_factors(factors, random_state)

    def sample_observations(self, num: int, random_state: Any) -> np.ndarray:
        """Observations float32 (num, height, width, channels) in [0, 1] at uniform factors."""
        return self.sample(num, random_state)[1]


def as_rng(random_state: Any) -> np.random.Generator | np.random.RandomState:
    """An int seed becomes a Generator; a numpy RandomState or Generator is used as it is. Raises UserError otherwise."""
    if isinstance(random_state, (np.random.Generator, np.random.RandomState)):
        return random_state
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise UserError(f"random_state must be an int >= 0, a numpy RandomState or a Generator; got {random_state!r}")


def draw(rng: np.random.Generator | np.random.RandomState, high: int | np.ndarray, size: Any) -> np.ndarray:
    """Uniform int64 in [0, high), from either kind of numpy random state."""
    if isinstance(rng, np.random.Generator):
        return rng.integers(high, size=size, dtype=np.int64)
    return rng.randint(high, size=size, dtype=np.int64)


@functools.cache
def grid_strides(sizes: tuple[int, ...]) -> np.ndarray:
    """How far the grid index moves for one step of each factor, int64 (factors,)."""
    return np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], np.int64)
