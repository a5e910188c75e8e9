"""subset, probe: some values of some factors, a smaller grid; and some images of a grid too large to be encoded whole."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets import DataLike, as_factor_dataset
from dlib_bvae.datasets.derived.base import DerivedImages, Regridded, factor_values
from dlib_bvae.datasets.external.arrays import open_array
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


# The fingerprint is of the content of the file of rows.
@configurable("probe", seeds=["seed"], labels=["rows"])
class Subsample(DerivedImages, LabelledImages):
    """`images` images of `data`, drawn by `seed` without repetition and uniformly over the grid, in ascending order.

    data: a name or a data set with factors. rows: a .npy, .npz or HDF5 file with the indices in `data`, integers (n,), each once;
    the images are those, in that order, instead of drawn ones. The attribute `rows` has the indices, int64 (images,); codes for
    dlib_bvae_evaluate --codes are those of data.images_at(rows). Name and fingerprint contain images and seed, or the
    digest of the rows. Raises UserError for numbers out of range and rows that are none.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, images: int = 100_000, seed: int = 0, rows: str | None = None):
        whole = as_factor_dataset(data, "probe.data")
        given = None if rows is None else _rows_of(rows, whole.num_images, whole.name)
        if given is not None:
            images = len(given)
        check_integer("probe.images", images, 2)
        check_integer("probe.seed", seed, 0)
        if images > whole.num_images:
            raise UserError(
                f"probe.images = {images} is more than the {whole.num_images} images of {whole.name}; use fewer"
            )
        digest = None if given is None else hashlib.sha256(given.astype("<i8").tobytes()).hexdigest()
        which = {"seed": int(seed)} if digest is None else {"rows": digest}
        super().__init__(whole, "probe", {"images": int(images), **which})
        drawn = f"seed {seed}" if digest is None else f"rows {digest[:8]}"
        self.name = f"probe({whole.name}, {images} images, {drawn})"
        self.factor_names, self.factor_sizes = whole.factor_names, whole.factor_sizes
        self.factor_kinds, self.factor_values = whole.factor_kinds, whole.factor_values
        self._whole, self._drawn = whole, (int(images), int(seed))
        if given is not None:
            self.rows = given

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The indices in `data`, int64 (images,); those that were drawn ascend."""
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


def _rows_of(path: object, images: int, name: str) -> np.ndarray:
    """The indices in a file, int64 (n,). Raises UserError unless they are at least two different ones of 0 … images - 1."""
    if not isinstance(path, (str, Path)):
        raise UserError(f"probe.rows must be the path of a file with the indices of images; got {path!r}")
    found = open_array(Path(path).expanduser(), None, (1,), "probe.rows")
    rows = np.asarray(found[np.arange(found.shape[0])])
    if rows.dtype.kind not in "iu" or len(rows) < 2:
        raise UserError(
            f"probe.rows: {str(path)!r} must hold at least two integers; it has {len(rows)} of {rows.dtype}"
        )
    if rows.min() < 0 or rows.max() >= images:
        raise UserError(
            f"probe.rows: {str(path)!r} must hold indices 0 … {images - 1} of {name}; got {rows.min()} … {rows.max()}"
        )
    values, counts = np.unique(rows, return_counts=True)
    if len(values) < len(rows):
        raise UserError(
            f"probe.rows: {str(path)!r} has index {values[counts > 1][0]} more than once; give each image once"
        )
    return rows.astype(np.int64)
