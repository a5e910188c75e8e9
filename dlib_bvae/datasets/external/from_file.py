"""from_file: a .npy, .npz or HDF5 file of the user → images by index, with or without factors."""

from __future__ import annotations

import contextlib
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
from dlib_bvae.datasets.external.arrays import NoArray, open_array
from dlib_bvae.datasets.external.labels import Labelled, LabelledGrid, checked_kinds, checked_names, factors_of
from dlib_bvae.datasets.external.tables import Columns, is_file_of_labels, matrix, read_columns, shape_check
from dlib_bvae.datasets.images import ImageData, check_image_size
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable

_PROBED = 64
_VERSION = 2  # of what labels say: images in the file's order, near values as one


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
    factor_kinds: Any = None,
    label_columns: Sequence[str] | None = None,
) -> ImageData:
    """The images of `path` (.npy, .npz, .h5, .hdf5): (n, height, width) or (n, height, width, channels), in the file's order.

    uint8, bool, or float in [0, 1], which is kept in steps of 1/255. They are read row by row; nothing is unpickled.
    HDF5 files need h5py.

    key: the array's name in the file; may be left out where one array alone has 3 or 4 dimensions.
    factor_sizes: the images are a full grid in the order of `for factors in np.ndindex(*factor_sizes)`, the first factor slowest.
    labels: instead, numbers (n, factors), one row per image: a key of the same file, or another file, which may also be a table
    (.csv with a line of names, .parquet) of numbers and texts. label_columns: which of its columns, or of a .npz or HDF5 file
    the keys of arrays (n,). Each factor's values are ranked in ascending order. With neither there are no factors.
    full_grid: False keeps labels of which some combinations are missing or occur more than once, and of which an image may lack
    some (NaN, an empty cell); see LabelledImages.
    factor_names: by default those of the columns, or factor_0, …. factor_kinds: "categorical", "ordinal", "continuous" or
    "cyclic", one a factor, or {name: kind} of some.
    max_pixel: the uint8 value that stands for 1.0, 255 or 1; found out by itself, except where it cannot be.
    Raises UserError for files, arrays and labels that do not fit (see dlib_bvae.datasets.external.labels); labels that do not
    name every combination exactly once are refused unless full_grid is False.
    """
    file = Path(path).expanduser()
    images = _Rows(_opened(file, key))
    white = _checked_max_pixel(images, max_pixel)
    identity: dict[str, Any] = {"path": content_sha256([file]), "key": key, "max_pixel": white}
    if labels is not None:
        if factor_sizes is not None:
            raise UserError("from_file takes either factor_sizes or labels; set one of the two")
        columns, identity["labels"] = _read_labels(file, str(labels), label_columns, len(images))
        names = checked_names(factor_names, columns.names, "from_file.factor_names")
        factors = factors_of(columns.entries, names, factor_kinds, "from_file.labels")
        identity |= {"names": names, "full_grid": bool(full_grid), "kinds": factors.kinds, "version": _VERSION}
        kind = FileGrid if full_grid else FileLabelled
        return kind(file, images, white, identity).label(factors, "from_file.labels")
    if not full_grid:
        raise UserError("from_file.full_grid = False goes with from_file.labels; factor_sizes are those of a full grid")
    if factor_sizes is None:
        others = (("factor_names", factor_names), ("factor_kinds", factor_kinds), ("label_columns", label_columns))
        for name, given in others:
            if given is not None:
                raise UserError(f"from_file.{name} needs from_file.factor_sizes or from_file.labels; set one of them")
        return FileImages(file, images, white, identity)
    sizes = _checked_sizes(factor_sizes, len(images))
    names = checked_names(factor_names, [None] * len(sizes), "from_file.factor_names")
    identity |= {"names": names, "sizes": sizes}
    if factor_kinds is not None:
        identity["kinds"] = checked_kinds(factor_kinds, names, "from_file")
    grid = FileGrid(file, images, white, identity)
    grid.factor_names, grid.factor_sizes, grid.factor_kinds = names, sizes, identity.get("kinds")
    return grid


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
        rows = self.check_indices(indices)
        if not len(rows):
            return np.zeros((0, *self.observation_shape), np.uint8)
        pixels = self._images[rows]
        floating = pixels.dtype.kind == "f"
        low, high, white = pixels.min(), pixels.max(), 1.0 if floating else self.max_pixel
        if not (low >= 0 and high <= white):
            raise UserError(f"{self.name} must have pixels in [0, {white}]; found [{low}, {high}]; scale them")
        return np.rint(pixels * np.float32(255)).astype(np.uint8) if floating else pixels.astype(np.uint8)


class FileLabelled(FileImages, Labelled):
    """Images of a file with labels that make no full grid."""


class FileGrid(FileImages, LabelledGrid):
    """Images of a file on a grid."""


def _opened(path: Path, key: str | None) -> Any:
    """The array of images. Raises UserError, also for a file that has a table of observations instead."""
    try:
        return open_array(path, key, (3, 4), "from_file.path", functools.partial(_check_images, path))
    except NoArray as error:
        with contextlib.suppress(NoArray):
            shape = open_array(path, None, (2,), "from_file.path").shape
            raise _tabular(path, shape) from error
        raise


def _tabular(path: Path, shape: Sequence[int]) -> UserError:
    return UserError(
        f"from_file takes images, and {path.name} has observations (n, columns) {tuple(shape)}, which are not trained on; score "
        "codes of them by metrics.score(name, factors=F, codes=Z), or give them to networks of dense layers as images "
        "(n, 1, columns) of numbers in [0, 1]"
    )


def _check_images(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if len(shape) == 2:
        raise _tabular(path, shape)
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


def _read_labels(file: Path, labels: str, wanted: Any, images: int) -> tuple[Columns, Any]:
    """The columns of labels, one row per image, and what stands for them in the fingerprint."""
    if is_file_of_labels(labels):
        other = Path(labels).expanduser()
        return read_columns(other, wanted, images, "from_file.labels"), (
            content_sha256([other]),
            wanted and list(wanted),
        )
    if wanted is not None:
        raise UserError(
            f"from_file.label_columns names columns of a file, and from_file.labels = {labels!r} is a key; give the file's name"
        )
    table = open_array(file, labels, (2,), "from_file.labels", shape_check(images, "from_file.labels"))
    return matrix(np.asarray(table)), labels
