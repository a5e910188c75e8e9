"""from_file: a .npy, .npz or HDF5 file of the user → images by index, with or without factors."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import content_sha256
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.external.arrays import SUFFIXES, open_array
from dlib_bvae.datasets.ground_truth import GroundTruthData, LabelledImages
from dlib_bvae.datasets.images import ImageData, check_image_size
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable

_PROBED = 64


# The fingerprint is of the content of both files and of the key that `labels` may be.
@configurable("from_file", labels=["path", "labels"])
def from_file(
    path: str = gin.REQUIRED,
    key: str | None = None,
    factor_sizes: Sequence[int] | None = None,
    labels: str | None = None,
    factor_names: Sequence[str] | None = None,
    max_pixel: int | None = None,
    full_grid: bool = True,
) -> ImageData:
    """The images of `path` (.npy, .npz, .h5, .hdf5): (n, height, width) or (n, height, width, channels).

    uint8, bool, or float in [0, 1], which is kept in steps of 1/255. They are read row by row; nothing is unpickled.
    HDF5 files need h5py.

    key: the array's name in the file; may be left out where one array alone has 3 or 4 dimensions.
    factor_sizes: the images are a full grid in this order, the first factor slowest. labels: instead, a key of the same
    file or another file with numbers (n, factors) in any order; each factor's values are ranked in ascending order, and
    the images are put in grid order. full_grid: False keeps labels of which some combinations are missing or occur more
    than once, in the file's order; see LabelledImages. With neither there are no factors. factor_names: factor_0, … when
    None.
    max_pixel: the uint8 value that stands for 1.0, 255 or 1; found out by itself, except where it cannot be.
    Raises UserError for files, arrays and labels that do not fit; labels that do not name every combination exactly once
    are refused unless full_grid is False.
    """
    file = Path(path).expanduser()
    check = functools.partial(_check_images, file)
    images = _Rows(open_array(file, key, (3, 4), "from_file.path", check))
    white = _checked_max_pixel(images, max_pixel)
    identity = {"path": content_sha256([file]), "key": key, "max_pixel": white}
    if not full_grid and labels is None:
        raise UserError("from_file.full_grid = False goes with from_file.labels; factor_sizes are those of a full grid")
    if factor_sizes is None and labels is None:
        if factor_names is not None:
            raise UserError("from_file.factor_names needs from_file.factor_sizes or from_file.labels; set one of them")
        return FileImages(file, images, white, identity)
    if factor_sizes is not None and labels is not None:
        raise UserError("from_file takes either factor_sizes or labels; set one of the two")
    if labels is not None:
        table, source = _read_labels(file, str(labels), len(images))
        identity["labels"] = source
        if not full_grid:
            return _labelled(file, images, white, identity, table, factor_names)
        sizes, order = grid_of(table, len(images), "from_file.labels")
    else:
        sizes, order = _checked_sizes(factor_sizes, len(images)), None
    names = _checked_names(factor_names, len(sizes))
    return FileGrid(file, images, white, {**identity, "names": names, "sizes": sizes}, names, sizes, order)


def _labelled(
    file: Path, images: _Rows, max_pixel: int, identity: dict[str, Any], table: np.ndarray, factor_names: Any
) -> FileLabelled:
    sizes, values = ranks_of(table, len(images), "from_file.labels")
    names = _checked_names(factor_names, len(sizes))
    identity = {**identity, "names": names, "full_grid": False}
    return FileLabelled(file, images, max_pixel, identity, names, sizes, values)


class _Rows:
    """An array (n, height, width[, channels]) that len() and [indices] read."""

    def __init__(self, array: Any):
        self.array = array
        self.dtype = array.dtype
        self.shape = tuple(int(size) for size in array.shape[1:]) + ((1,) if array.ndim == 3 else ())

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.array[rows]).reshape(len(rows), *self.shape)


class FileImages(ImageData):
    """Images of a file by their row."""

    def __init__(self, path: Path, images: _Rows, max_pixel: int, identity: dict[str, Any]):
        self.name = f"from_file({path.name})"
        self.observation_shape = images.shape  # type: ignore[assignment]
        self.max_pixel, self._images, self._identity = max_pixel, images, identity

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with the file's content and every parameter."""
        return combined(repr(sorted(self._identity.items())))

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self._images)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels). Raises UserError for pixels out of range."""
        rows = self._file_rows(self.check_indices(indices))
        if not len(rows):
            return np.zeros((0, *self.observation_shape), np.uint8)
        pixels = self._images[rows]
        floating = pixels.dtype.kind == "f"
        low, high, white = pixels.min(), pixels.max(), 1.0 if floating else self.max_pixel
        if not (low >= 0 and high <= white):
            raise UserError(f"{self.name} must have pixels in [0, {white}]; found [{low}, {high}]; scale them")
        return np.rint(pixels * np.float32(255)).astype(np.uint8) if floating else pixels.astype(np.uint8)

    def _file_rows(self, indices: np.ndarray) -> np.ndarray:
        return indices


class _WithFactors(FileImages):
    """Images of a file with factors of `names` and `sizes`; table: what the kind of set reads them by."""

    def __init__(
        self,
        path: Path,
        images: _Rows,
        max_pixel: int,
        identity: dict[str, Any],
        names: tuple[str, ...],
        sizes: tuple[int, ...],
        table: Any,
    ):
        super().__init__(path, images, max_pixel, identity)
        self.factor_names, self.factor_sizes, self._table = names, sizes, table


class FileLabelled(_WithFactors, LabelledImages):
    """Images of a file with labels that make no full grid; table: their values, int64 (images, factors)."""

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors), ranks among the values that occur."""
        return self._table[self.check_indices(indices)]


class FileGrid(_WithFactors, GroundTruthData):
    """Images of a file on a grid; table: the file's row of each grid index, or None when they are the same."""

    def _file_rows(self, indices: np.ndarray) -> np.ndarray:
        return indices if self._table is None else self._table[indices]


def _check_images(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if len(shape) not in (3, 4) or 0 in shape:
        raise UserError(
            f"the images of {path.name} must be (n, height, width) or (n, height, width, channels); got {shape}"
        )
    if len(shape) == 4 and shape[3] > 4:
        raise UserError(
            f"the images of {path.name} must have 1 to 4 channels in the last dimension; got {shape}; move it there"
        )
    if dtype != np.uint8 and dtype.kind not in "bf":
        raise UserError(f"the images of {path.name} must be uint8, bool or float in [0, 1]; got {dtype}")
    check_image_size(f"the images of {path.name}", shape[1:])


def _checked_max_pixel(images: _Rows, max_pixel: int | None) -> int:
    if images.dtype.kind == "f":
        if max_pixel not in (None, 255):
            raise UserError(f"from_file.max_pixel is for uint8 images; float ones are in [0, 1]; got {max_pixel!r}")
        return 255
    if max_pixel is not None:
        if max_pixel not in (1, 255) or isinstance(max_pixel, bool):
            raise UserError(f"from_file.max_pixel must be 1 or 255; got {max_pixel!r}")
        return int(max_pixel)
    if images.dtype == bool:
        return 1
    probe = images[np.unique(np.linspace(0, len(images) - 1, _PROBED).astype(np.int64))]
    if probe.max() > 1:
        return 255
    raise UserError(
        "the images looked at hold only the values 0 and 1, so their white is in doubt; set from_file.max_pixel = 1 "
        "(or 255 if they are that dark)"
    )


def _checked_sizes(sizes: Any, images: int) -> tuple[int, ...]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or not sizes:
        raise UserError(f"from_file.factor_sizes must list integers; got {sizes!r}")
    for size in sizes:
        check_integer("each of from_file.factor_sizes", size, 1)
    if math.prod(sizes) != images:
        raise UserError(
            f"from_file.factor_sizes {tuple(sizes)} make a grid of {math.prod(sizes)} images; the file has {images}"
        )
    return tuple(int(size) for size in sizes)


def _checked_names(names: Any, factors: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"factor_{k}" for k in range(factors))
    listed = [] if isinstance(names, str) else list(names)
    if len(listed) != factors or len(set(listed)) != factors or not all(isinstance(name, str) for name in listed):
        raise UserError(f"from_file.factor_names must be {factors} different names; got {names!r}")
    return tuple(listed)


def _read_labels(file: Path, labels: str, images: int) -> tuple[np.ndarray, str]:
    """The table of labels, one row an image, and what stands for it in the fingerprint."""
    check = lambda shape, dtype: _check_table(shape, images, "from_file.labels")
    if labels.endswith(SUFFIXES):
        other = Path(labels).expanduser()
        return np.asarray(open_array(other, None, (2,), "from_file.labels", check)), content_sha256([other])
    return np.asarray(open_array(file, labels, (2,), "from_file.labels", check)), labels


def grid_of(labels: np.ndarray, images: int, parameter: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Numbers (images, factors) → factor sizes and the row at each grid index, int64 (images,).

    A factor's values are ranked in ascending order. Raises UserError, which names `parameter`, for labels of another
    shape, that are not finite, or that do not name every combination of values exactly once.
    """
    ranked = _ranked(labels, images, parameter)
    sizes = tuple(len(values) for values, _ in ranked)
    refusal = "expected a full grid, each combination once; set from_file.full_grid = False to keep them as they are"
    if math.prod(sizes) != images:
        raise UserError(
            f"{parameter} have {' × '.join(map(str, sizes))} = {math.prod(sizes)} combinations for {images} images; {refusal}"
        )
    places = np.ravel_multi_index(tuple(ranks.ravel() for _, ranks in ranked), sizes)
    counts = np.bincount(places, minlength=images)
    if (counts != 1).any():
        twice = int(np.flatnonzero(counts > 1)[0])
        values = [float(known[k]) for (known, _), k in zip(ranked, np.unravel_index(twice, sizes), strict=True)]
        raise UserError(
            f"{parameter} name {int((counts > 1).sum())} combinations more than once (the first: {values}) and "
            f"{int((counts == 0).sum())} never; {refusal}"
        )
    return sizes, np.argsort(places).astype(np.int64)


def ranks_of(labels: np.ndarray, images: int, parameter: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Numbers (images, factors), any combinations of values → factor sizes and each value's rank, int64 (images, factors).

    Raises UserError, which names `parameter`, for labels of another shape or that are not finite.
    """
    ranked = _ranked(labels, images, parameter)
    return tuple(len(values) for values, _ in ranked), np.stack([ranks.ravel() for _, ranks in ranked], axis=1)


def _check_table(shape: tuple[int, ...], images: int, parameter: str) -> None:
    if len(shape) != 2 or shape[0] != images or not shape[1]:
        raise UserError(f"{parameter} must be numbers ({images}, factors), one row an image; got shape {shape}")


def _ranked(labels: np.ndarray, images: int, parameter: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each factor's values in ascending order, and the place of each image's among them."""
    _check_table(labels.shape, images, parameter)
    if not np.isfinite(labels).all():
        raise UserError(f"{parameter} must be finite; row {int(np.argmin(np.isfinite(labels).all(axis=1)))} is not")
    return [np.unique(column, return_inverse=True) for column in labels.T]
