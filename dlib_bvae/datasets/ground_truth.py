"""Images with known factors: grids, labelled images, disentanglement_lib's duck type; FactorDataset is the type of every door."""

from __future__ import annotations

import abc
import functools
import hashlib
import math
from typing import Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.images import EXTERNAL, ImageData, check_origin
from dlib_bvae.errors import UserError

_PROBED = 64  # images of a duck type that are in its fingerprint

KINDS = CATEGORICAL, ORDINAL, CONTINUOUS, CYCLIC = ("categorical", "ordinal", "continuous", "cyclic")

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
    """Images on a grid of discrete factors, whose cells are numbered with the first factor slowest (np.ravel_multi_index).

    Images are in the order of the cells, as `for factors in np.ndindex(*factor_sizes)` goes through them, except in files of a
    user that have another order, which is kept: image_of_cell.

    It also has disentanglement_lib's duck type (num_factors, factors_num_values, sample_factors,
    sample_observations_from_factors, sample, sample_observations), so that code written for that suite reads it.

    factor_names, factor_sizes: one entry a factor. The fingerprint also changes with the grid. images_per_cell: images
    that share all factors and differ in what is no factor; they are neighbours (index = cell · images_per_cell + k), and
    one is drawn wherever observations are sampled at given factors.

    factor_kinds: one of KINDS a factor, None where none is declared. factor_values: what the values 0 … size - 1 of each factor
    stand for, ascending numbers or texts. Both are None for sets that do not say.
    moves: where pairs move a value: targets int64 (factors, largest size, most), padded with 0, and how many each has, int64
    (factors, largest size); None: to any other value of the factor.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    factor_kinds: tuple[str | None, ...] | None = None
    factor_values: tuple[np.ndarray, ...] | None = None
    images_per_cell: int = 1
    moves: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def image_of_cell(self) -> np.ndarray | None:
        """The index of the image in each cell of the grid, int64 (cells,); None where images are in the order of the cells.

        A set that has it has one image a cell.
        """
        return None

    @functools.cached_property
    def _cell_of_image(self) -> np.ndarray | None:
        return None if self.image_of_cell is None else np.argsort(self.image_of_cell)

    @property
    def num_images(self) -> int:
        """Number of images on the grid."""
        return math.prod(self.factor_sizes) * self.images_per_cell

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
        rows = self.check_indices(indices)
        cells = rows // self.images_per_cell if self._cell_of_image is None else self._cell_of_image[rows]
        return np.stack(np.unravel_index(cells, self.factor_sizes), axis=1).astype(np.int64)

    def by_image(self, values: np.ndarray) -> np.ndarray:
        """A value of each cell (cells,) → the value of each image (images,)."""
        return np.repeat(values, self.images_per_cell) if self._cell_of_image is None else values[self._cell_of_image]

    def index_of(self, factors: ArrayLike) -> np.ndarray:
        """Factor values (n, factors) → indices int64 (n,), the first image of each cell.

        Raises ValueError for values off the grid.
        """
        values = np.asarray(factors)
        if values.ndim != 2 or values.shape[1] != self.num_factors or values.dtype.kind not in "iu":
            raise ValueError(
                f"factors must be integers (n, {self.num_factors}); got dtype {values.dtype}, shape {values.shape}"
            )
        if (values < 0).any() or (values >= self.factor_sizes).any():
            raise ValueError(f"factors of {self.name} must be in 0 … size - 1 with sizes {self.factor_sizes}")
        cells = np.ravel_multi_index(tuple(values.T), self.factor_sizes).astype(np.int64)
        return cells * self.images_per_cell if self.image_of_cell is None else self.image_of_cell[cells]

    # disentanglement_lib's duck type -------------------------------------------------------------------------------

    @property
    def num_factors(self) -> int:
        """Number of factors."""
        return len(self.factor_sizes)

    @property
    def factors_num_values(self) -> list[int]:
        """Number of values of each factor."""
        return list(self.factor_sizes)

    def sample_factors(self, num: int, random_state: RandomState) -> np.ndarray:
        """Uniform factor values int64 (num, factors). random_state: int, numpy RandomState or Generator."""
        rng = as_rng(random_state)
        return np.stack([draw(rng, size, num) for size in self.factor_sizes], axis=1)

    def sample_observations_from_factors(
        self, factors: ArrayLike, random_state: RandomState | None = None
    ) -> np.ndarray:
        """Factor values (n, factors) → observations float32 (n, height, width, channels) in [0, 1].

        random_state (int, numpy RandomState or Generator) is needed, and used, where a cell has several images.
        """
        rows = self.index_of(factors)
        if self.images_per_cell > 1:
            rows += draw(as_rng(random_state), self.images_per_cell, len(rows))
        return self.observations_at(rows)

    def sample(self, num: int, random_state: RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Uniform factors int64 (num, factors) and their observations float32 (num, height, width, channels)."""
        factors = self.sample_factors(num, random_state)
        return factors, self.sample_observations_from_factors(factors, random_state)

    def sample_observations(self, num: int, random_state: RandomState) -> np.ndarray:
        """Observations float32 (num, height, width, channels) in [0, 1] at uniform factors."""
        return self.sample(num, random_state)[1]


def as_rng(random_state: object) -> np.random.Generator | np.random.RandomState:
    """An int seed becomes a Generator; a numpy RandomState or Generator is used as it is. Raises UserError otherwise."""
    if isinstance(random_state, (np.random.Generator, np.random.RandomState)):
        return random_state
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise UserError(f"random_state must be an int >= 0, a numpy RandomState or a Generator; got {random_state!r}")


def draw(
    rng: np.random.Generator | np.random.RandomState, high: int | np.ndarray, size: int | tuple[int, ...]
) -> np.ndarray:
    """Uniform int64 in [0, high), from either kind of numpy random state."""
    if isinstance(rng, np.random.Generator):
        return rng.integers(high, size=size, dtype=np.int64)
    return rng.randint(high, size=size, dtype=np.int64)


@functools.cache
def grid_strides(sizes: tuple[int, ...]) -> np.ndarray:
    """How far the grid index moves for one step of each factor, int64 (factors,)."""
    return np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], np.int64)


class LabelledImages(ImageData):
    """Images with factor values, of which some combinations may be missing and others occur several times.

    It lacks disentanglement_lib's duck type, which promises every combination. Metrics that draw images are scored on it
    as on a grid, uniformly over its images; those that need images with chosen factors refuse.

    factor_names, factor_sizes: one entry a factor; its values are 0 … size - 1, and some may not occur. factor_kinds,
    factor_values: as of GroundTruthData.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    factor_kinds: tuple[str | None, ...] | None = None
    factor_values: tuple[np.ndarray, ...] | None = None

    @abc.abstractmethod
    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors), −1 where an image has none of a factor."""


class FromDuckType(GroundTruthData):
    """Images of an object with factors_num_values, observation_shape and sample_observations_from_factors.

    A class written for disentanglement_lib is used from gin through a function in one of your modules, without touching
    this package. In bars.py, which Python must find (PYTHONPATH=., or installed):

        @gin.configurable
        def bars():
            return Bars()                     # or FromDuckType(Bars(), name="bars", factor_names=("row", "column"))

    and in the gin file, which imports that module:

        import bars
        dataset.name = @bars()                # or correlated.data = @bars()

    data: the object; its observations are float (n, height, width, channels) in [0, 1], kept in steps of 1/255.
    name: in results; the class's name when None. factor_names: those of the object, or factor_0, factor_1, …, when None.
    Observations that depend on random_state are drawn one by one, each from RandomState(index), so that an index is
    one image. The fingerprint is of the name, the sizes, the factors' names and 64 images. The origin is "external" unless
    the object has an attribute `origin` that says another.
    Raises UserError for an object that lacks the duck type and for observations of another shape or range.
    """

    def __init__(self, data: DlibData, name: str | None = None, factor_names: tuple[str, ...] | None = None):
        if not has_duck_type(data):
            raise UserError(
                "FromDuckType needs an object with factors_num_values, observation_shape and "
                f"sample_observations_from_factors; got {data!r}"
            )
        self.data = data
        self._origin = check_origin(getattr(data, "origin", EXTERNAL), type(data).__name__)
        self.name = name or str(getattr(data, "name", type(data).__name__))
        self.factor_sizes = tuple(int(size) for size in data.factors_num_values)
        default = [f"factor_{k}" for k in range(len(self.factor_sizes))]
        self.factor_names = tuple(factor_names or getattr(data, "factor_names", default))
        shape = tuple(int(size) for size in data.observation_shape)
        if len(shape) != 3 or len(self.factor_names) != len(self.factor_sizes):
            raise UserError(
                f"{self.name} must have an observation_shape (height, width, channels) and as many factor names as "
                f"sizes; got {shape}, {self.factor_names}, {self.factor_sizes}"
            )
        self.observation_shape = shape

    @property
    def origin(self) -> str:
        """As the object declares it; else "external"."""
        return self._origin

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with the name, the grid and 64 images evenly spaced in it."""
        rows = np.unique(np.linspace(0, self.num_images - 1, _PROBED).astype(np.int64))
        digest = hashlib.sha256(f"{self.name} {self.factor_names} {self.factor_sizes}".encode())
        digest.update(self.images_at(rows).tobytes())
        return digest.hexdigest()[:16]

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, height, width, channels), values 0 … 255."""
        rows = self.check_indices(indices)
        factors = self.factors_at(rows) if len(rows) else np.zeros((0, self.num_factors), np.int64)
        if self._random:
            states = [np.random.RandomState(row) for row in rows.astype(np.uint32)]
            drawn = [self._observed(factors[k : k + 1], state) for k, state in enumerate(states)]
            return np.concatenate([np.zeros((0, *self.observation_shape), np.uint8), *drawn])
        return self._observed(factors, np.random.RandomState(0))

    @functools.cached_property
    def _random(self) -> bool:
        """Whether the images depend on the random state, by some of them drawn twice."""
        factors = self.factors_at(np.linspace(0, self.num_images - 1, 8).astype(np.int64))
        first, second = (self._observed(factors, np.random.RandomState(seed)) for seed in (0, 1))
        return not np.array_equal(first, second)

    def _observed(self, factors: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        values = np.asarray(self.data.sample_observations_from_factors(factors, random_state))
        if values.shape != (len(factors), *self.observation_shape) or values.dtype.kind not in "fiub":
            raise UserError(
                f"{self.name} must give observations {(len(factors), *self.observation_shape)}; got {values.dtype} "
                f"{values.shape}"
            )
        if not len(factors):
            return values.astype(np.uint8)
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 1):
            raise UserError(f"{self.name} must give observations in [0, 1]; got values in [{low}, {high}]")
        return np.rint(values.astype(np.float32) * 255).astype(np.uint8)


def has_duck_type(data: object) -> TypeGuard[DlibData]:
    """Whether `data` has what this package asks of a data set of disentanglement_lib."""
    return (
        not isinstance(data, type)
        and hasattr(data, "factors_num_values")
        and hasattr(data, "observation_shape")
        and callable(getattr(data, "sample_observations_from_factors", None))
    )
