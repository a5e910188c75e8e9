"""subset, probe: some values of some factors, a smaller grid; and some images of a grid too large to be encoded whole."""

from __future__ import annotations

import functools
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets import DataLike, as_factor_dataset
from dlib_bvae.datasets.derived.base import DerivedImages, Regridded, factor_values
from dlib_bvae.datasets.ground_truth import LabelledImages
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable


@gin.configurable("subset")
class Subset(Regridded):
    """The images whose factors have the listed values; a factor that is not listed keeps all of its values.

    data: a name or a data set with factors. values: {factor name: values, each in 0 … size - 1}; their order in the grid
    is kept, so that listing them in another order is the same set. A factor of which one value is left stays, with size
    1. Raises UserError for unknown factors and for values that are none of them.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, values: Any = gin.REQUIRED):
        whole = as_factor_dataset(data, "subset.data")
        chosen = factor_values(whole, values, "subset.values")
        pairs = zip(whole.factor_names, whole.factor_sizes, strict=True)
        self.values = [np.asarray(chosen.get(name, range(size))) for name, size in pairs]
        super().__init__(whole, "subset", chosen, whole.factor_names, [len(kept) for kept in self.values])
        self._sizes, self.factor_kinds = whole.factor_sizes, whole.factor_kinds
        if whole.factor_values is not None:
            pairs_of_values = zip(whole.factor_values, self.values, strict=True)
            self.factor_values = tuple(known[kept] for known, kept in pairs_of_values)

    def cells_of(self, cells: np.ndarray) -> np.ndarray:
        """Cells of this grid → cells of the whole one."""
        factors = np.unravel_index(cells, self.factor_sizes)
        kept = tuple(values[column] for values, column in zip(self.values, factors, strict=True))
        return np.ravel_multi_index(kept, self._sizes).astype(np.int64)


@configurable("probe", seeds=["seed"])
class Subsample(DerivedImages, LabelledImages):
    """`images` images of `data`, drawn by `seed` without repetition and uniformly over the grid, in ascending order.

    data: a name or a data set with factors. rows: their indices in `data`, int64 (images,); codes for
    dlib_bvae_evaluate --codes are those of data.images_at(rows). Name and fingerprint contain images and seed.
    Raises UserError for numbers out of range.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, images: int = 100_000, seed: int = 0):
        whole = as_factor_dataset(data, "probe.data")
        check_integer("probe.images", images, 2)
        check_integer("probe.seed", seed, 0)
        if images > whole.num_images:
            raise UserError(
                f"probe.images = {images} is more than the {whole.num_images} images of {whole.name}; use fewer"
            )
        super().__init__(whole, "probe", {"images": int(images), "seed": int(seed)})
        self.name = f"probe({whole.name}, {images} images, seed {seed})"
        self.factor_names, self.factor_sizes = whole.factor_names, whole.factor_sizes
        self.factor_kinds, self.factor_values = whole.factor_kinds, whole.factor_values
        self._whole, self._drawn = whole, (int(images), int(seed))

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The indices in `data`, int64 (images,), ascending."""
        images, seed = self._drawn
        chosen = np.random.default_rng(seed).choice(self.data.num_images, size=images, replace=False, shuffle=False)
        return np.sort(chosen).astype(np.int64)

    @property
    def num_images(self) -> int:
        """Number of images drawn."""
        return self._drawn[0]

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.rows[self.check_indices(indices)])

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
        return self._whole.factors_at(self.rows[self.check_indices(indices)])

    def packed(self) -> np.ndarray | None:
        """None: the rows of `data` lie apart."""
        return None

    def training_weights(self) -> np.ndarray | None:
        """Those of the images drawn."""
        inner = self.data.training_weights()
        return None if inner is None else np.asarray(inner)[self.rows]
