"""FromDuckType: a data set of disentanglement_lib's duck type, addressed by grid index."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError

_PROBED = 64


class FromDuckType(GroundTruthData):
    """Images of an object with factors_num_values, observation_shape and sample_observations_from_factors.

    A class written for disentanglement_lib is used from gin through a function of a module of yours, without touching
    this package. In bars.py, which Python must find (PYTHONPATH=., or installed):

        @gin.configurable
        def bars():
            return Bars()                     # or FromDuckType(Bars(), name="bars", factor_names=("row", "column"))

    and in the gin file, which makes an import of its own:

        import bars
        dataset.name = @bars()                # or correlated.data = @bars()

    data: the object; its observations are float (n, height, width, channels) in [0, 1], kept in steps of 1/255.
    name: in results; the class's name when None. factor_names: the object's own, or factor_0, factor_1, …, when None.
    Observations that depend on random_state are drawn one by one, each from RandomState(index), so that an index is
    one image. The fingerprint is of the name, the sizes, the factors' names and 64 images.
    Raises UserError for an object that lacks the duck type and for observations of another shape or range.
    """

    def __init__(self, data: Any, name: str | None = None, factor_names: tuple[str, ...] | None = None):
        if not has_duck_type(data):
            raise UserError(
                "FromDuckType needs an object with factors_num_values, observation_shape and "
                f"sample_observations_from_factors; got {data!r}"
            )
        self.data = data
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

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with the name, the grid and 64 images spread over it."""
        rows = np.unique(np.linspace(0, self.num_images - 1, _PROBED).astype(np.int64))
        digest = hashlib.sha256(f"{self.name} {self.factor_names} {self.factor_sizes}".encode())
        digest.update(self.images_at(rows).tobytes())
        return digest.hexdigest()[:16]

    def images_at(self, indices: Any) -> np.ndarray:
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


def has_duck_type(data: Any) -> bool:
    """Whether `data` has what this package asks of a data set of disentanglement_lib."""
    return (
        not isinstance(data, type)
        and hasattr(data, "factors_num_values")
        and hasattr(data, "observation_shape")
        and callable(getattr(data, "sample_observations_from_factors", None))
    )
