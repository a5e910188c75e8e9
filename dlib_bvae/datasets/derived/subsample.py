"""probe: some images of a grid that is too large to be encoded whole, always the same ones."""

from __future__ import annotations

import functools
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.derived.base import Wrapper
from dlib_bvae.datasets.labelled import LabelledImages
from dlib_bvae.errors import UserError, check_integer


@gin.configurable("probe")
class Subsample(Wrapper, LabelledImages):
    """`images` images of `data`, drawn by `seed` without repetition and uniformly over the grid, in ascending order.

    data: a name or a data set with factors. rows: their indices in `data`, int64 (images,); codes for
    dlib_bvae_evaluate --codes are those of data.images_at(rows). Name and fingerprint tell images and seed.
    Raises UserError for numbers out of range.
    """

    def __init__(self, data: Any = gin.REQUIRED, images: int = 100_000, seed: int = 0):
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
        self._whole, self._drawn = whole, (int(images), int(seed))

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The indices in the wrapped set, int64 (images,), ascending."""
        images, seed = self._drawn
        chosen = np.random.default_rng(seed).choice(self.data.num_images, size=images, replace=False, shuffle=False)
        return np.sort(chosen).astype(np.int64)

    @property
    def num_images(self) -> int:
        """Number of images drawn."""
        return self._drawn[0]

    def images_at(self, indices: Any) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.rows[self.check_indices(indices)])

    def factors_at(self, indices: Any) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
        return self._whole.factors_at(self.rows[self.check_indices(indices)])

    def packed(self) -> np.ndarray | None:
        """None: the rows of the wrapped set lie apart."""
        return None

    def training_weights(self) -> np.ndarray | None:
        """Those of the images drawn."""
        inner = self.data.training_weights()
        return None if inner is None else np.asarray(inner)[self.rows]
