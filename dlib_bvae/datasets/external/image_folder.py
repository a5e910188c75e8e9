"""image_folder: the pictures of a folder of the user → images by index, decoded once."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir, content_sha256, listing_of, open_or_write
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.derived.pixels import check_filter
from dlib_bvae.datasets.external.labels import Labelled, LabelledGrid, checked_names, factors_of
from dlib_bvae.datasets.external.tables import read_columns
from dlib_bvae.datasets.formats.pictures import SUFFIXES, opened_picture, rgb_picture
from dlib_bvae.datasets.images import ImageData, check_image_size
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable

_BLOCK_BYTES = 2**26
_MODES = {1: "L", 3: "RGB"}
_DECODING = "decoding 2"  # counted up when the same files give other pixels: no earlier cache is read then


class ImageFolder(ImageData):
    """Every picture below a folder, sorted by path, resized to height × width; no factors.

    path: the folder, with its subfolders, without what is hidden (a name that begins with a dot, as macOS's ._x.png).
    files: the pictures' paths in it, with / between folders. height, width: pixels; None where all pictures have the first
    one's size. channels: 1 (gray) or 3. filter: of pillow, see dlib_bvae.datasets.derived.pixels. background: what
    transparent pixels show, one gray or (red, green, blue), 0 … 255.
    How each kind of picture is read: dlib_bvae.datasets.formats.pictures.rgb_picture; gray of it: ITU-R 601.
    Decoded once into the cache folder, an array uint8 (n, height · width · channels), and memory-mapped from there; other
    files or parameters make another. cache_path: where the decoded pictures lie.
    Raises UserError for a folder without pictures, a file that is none (BMP, GIF, JPEG, PNG, PPM, TIFF or WebP, whatever its
    name), one of more than 2^26 pixels or of values whose white is unknown, images of more than 2^24 numbers, and sizes that
    differ.
    """

    def __init__(
        self,
        path: str,
        height: int | None = None,
        width: int | None = None,
        channels: int = 3,
        filter: str = "bilinear",
        background: int | Sequence[int] = 255,
    ):
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise UserError(f"image_folder.path: there is no folder {str(path)!r} (looked from {Path.cwd()})")
        self._files = _pictures_of(folder)
        self.files = [file.relative_to(folder).as_posix() for file in self._files]
        if not self._files:
            raise UserError(f"image_folder.path: {str(path)!r} has no picture; looked for {', '.join(SUFFIXES)}")
        if channels not in _MODES:
            raise UserError(f"image_folder.channels must be 1 or 3; got {channels!r}")
        check_filter("image_folder.filter", filter)
        if (height is None) != (width is None):
            raise UserError("image_folder needs both height and width, or neither; set the other too")
        self._resize = height is not None
        if height is not None and width is not None:
            check_integer("image_folder.height", height, 1)
            check_integer("image_folder.width", width, 1)
            size = (int(height), int(width))
        else:
            with opened_picture(self._files[0]) as first:
                check_image_size("image_folder", (first.height, first.width, channels))
                width, height = rgb_picture(first).size  # a picture on its side is turned
                size = (height, width)
        check_image_size("image_folder", (*size, channels))
        self._background = _colour_of(background)
        self.name = f"image_folder({folder.resolve().name})"
        self.observation_shape = (*size, channels)
        self._filter = filter
        parameters = f"{_DECODING} {self.observation_shape} {filter if self._resize else None} {self._background}"
        self.cache_path = cache_dir() / f"image_folder-{combined(listing_of(self._files), parameters)}.npy"
        self._fingerprint = combined("image_folder", content_sha256(self._files), parameters)

    @property
    def fingerprint(self) -> str:
        """Changes with the files' content, their order and every parameter."""
        return self._fingerprint

    def identify(self, labels: str) -> None:
        """Makes the fingerprint change with `labels` too, a text that says all of them."""
        self._fingerprint = combined(self._fingerprint, labels)

    @property
    def num_images(self) -> int:
        """Number of pictures."""
        return len(self._files)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels), values 0 … 255."""
        return self._rows[self.check_indices(indices)].reshape(-1, *self.observation_shape)

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        shape = (self.num_images, math.prod(self.observation_shape))
        return open_or_write(self.cache_path, shape, self._blocks, self._decoded)

    def _blocks(self) -> Iterator[np.ndarray]:
        step = max(1, _BLOCK_BYTES // math.prod(self.observation_shape))
        for start in range(0, self.num_images, step):
            yield np.stack([self._decoded(k) for k in range(start, min(start + step, self.num_images))])

    def _decoded(self, index: int) -> np.ndarray:
        """One picture, uint8 (height · width · channels,)."""
        from PIL import Image

        height, width, channels = self.observation_shape
        path = self._files[index]
        with opened_picture(path) as opened:
            picture = rgb_picture(opened, self._background).convert(_MODES[channels])
        if self._resize:
            picture = picture.resize((width, height), Image.Resampling[self._filter.upper()])
        elif picture.size != (width, height):
            raise UserError(
                f"{path} has {picture.size[1]}×{picture.size[0]} pixels, the first picture {height}×{width}; set "
                "image_folder.height and image_folder.width"
            )
        return np.asarray(picture).ravel()


def _pictures_of(folder: Path) -> list[Path]:
    """The picture files below `folder`, sorted by path, without hidden ones and those in hidden folders."""
    found = {}
    for file in folder.rglob("*"):
        place = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if file.suffix.lower() in SUFFIXES and not hidden and file.is_file():
            found[place.as_posix()] = file
    return [found[place] for place in sorted(found)]


def _colour_of(background: int | Sequence[int]) -> tuple[int, int, int]:
    """One gray or three numbers → (red, green, blue)."""
    values = tuple(background) if isinstance(background, (list, tuple)) else (background,) * 3
    if len(values) != 3:
        raise UserError(f"image_folder.background must be one gray or (red, green, blue); got {background!r}")
    for value in values:
        check_integer("each number of image_folder.background", value, 0, 255)
    return (int(values[0]), int(values[1]), int(values[2]))


class LabelledFolder(ImageFolder, Labelled):
    """Pictures with labels that make no full grid."""


class FolderGrid(ImageFolder, LabelledGrid):
    """Pictures on a grid."""


# The fingerprint is of the content of the pictures and the labels, and of their order.
@configurable("image_folder", labels=["path", "labels"])
def image_folder(
    path: str = gin.REQUIRED,
    height: int | None = None,
    width: int | None = None,
    channels: int = 3,
    filter: str = "bilinear",
    background: int | Sequence[int] = 255,
    labels: str | None = None,
    label_columns: Sequence[str] | None = None,
    factor_names: Sequence[str] | None = None,
    factor_kinds: Any = None,
    full_grid: bool = True,
) -> ImageFolder:
    """The pictures below a folder, in the order of their sorted paths: see ImageFolder.

    labels: a .csv file with a line of names, or a .parquet file. Its first column names each picture by its path in the
    folder, with / between folders, in any order; the others are factors. label_columns: which of them; None: all.
    factor_names, factor_kinds, full_grid: as of from_file.
    Raises UserError as ImageFolder, and for labels that do not fit: each picture must have one row, each row a picture.
    """
    if labels is None:
        for name, given in (
            ("label_columns", label_columns),
            ("factor_names", factor_names),
            ("factor_kinds", factor_kinds),
        ):
            if given is not None:
                raise UserError(f"image_folder.{name} needs image_folder.labels; set it")
        if not full_grid:
            raise UserError("image_folder.full_grid = False goes with image_folder.labels; set it")
        return ImageFolder(path, height, width, channels, filter, background)
    kind = FolderGrid if full_grid else LabelledFolder
    folder = kind(path, height, width, channels, filter, background)
    file = Path(labels).expanduser()
    columns = read_columns(file, label_columns, None, "image_folder.labels", named=True)
    rows = rows_of_pictures(folder.files, columns.entries[0], "image_folder.labels")
    names = checked_names(factor_names, columns.names[1:], "image_folder.factor_names")
    factors = factors_of([entries[rows] for entries in columns.entries[1:]], names, factor_kinds, "image_folder.labels")
    identity = (content_sha256([file]), columns.names, names, factors.kinds, bool(full_grid))
    folder.identify(repr(identity))
    return folder.label(factors, "image_folder.labels")


def rows_of_pictures(files: Sequence[str], named: np.ndarray, parameter: str) -> np.ndarray:
    """The row of the labels that names each of the files, int64 (files,).

    Raises UserError, which names `parameter`, where they are not one to one.
    """
    places: dict[Any, int] = {}
    for row, name in enumerate(named.tolist()):
        if name in places:
            raise UserError(f"{parameter}: labels name the picture {name!r} twice; keep one of the rows")
        places[name] = row
    for name in files:
        if name not in places:
            raise UserError(
                f"{parameter}: labels have no row for the picture {name!r}; add one (an empty cell where a label is missing), or "
                "move the picture away"
            )
    if len(places) > len(files):
        known = set(files)
        extra = next(name for name in places if name not in known)
        raise UserError(f"{parameter}: labels name the picture {extra!r}, which the folder has not; remove its row")
    return np.array([places[name] for name in files], np.int64)
