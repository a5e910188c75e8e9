"""image_folder: the pictures of a folder of the user → images by index, decoded once."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir, content_sha256, listing_of, open_or_write
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.derived.pixels import check_filter
from dlib_bvae.datasets.formats.pictures import SUFFIXES, opened_picture, rgb_picture
from dlib_bvae.datasets.images import ImageData, check_image_size
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable

_BLOCK_BYTES = 2**26
_MODES = {1: "L", 3: "RGB"}
_DECODING = "decoding 2"  # counted up when the same files give other pixels: no earlier cache is read then


@configurable("image_folder", labels=["path"])  # the fingerprint is of the pictures' content and order
class ImageFolder(ImageData):
    """Every picture below a folder, sorted by path, resized to height × width; no factors.

    path: the folder, with its subfolders, without what is hidden (a name that begins with a dot, as macOS's ._x.png).
    height, width: pixels; None where all pictures have the first one's size. channels: 1 (gray) or 3. filter: of pillow, see
    dlib_bvae.datasets.derived.pixels. background: what transparent pixels show, one gray or (red, green, blue), 0 … 255.
    How each kind of picture is read: dlib_bvae.datasets.formats.pictures.rgb_picture; gray of it: ITU-R 601.
    Decoded once into the cache folder, an array uint8 (n, height · width · channels), and memory-mapped from there; other
    files or parameters make another. cache_path: where the decoded pictures lie.
    Raises UserError for a folder without pictures, a file that is none (BMP, GIF, JPEG, PNG, PPM, TIFF or WebP, whatever its
    name), one of more than 2^26 pixels or of values whose white is unknown, images of more than 2^24 numbers, and sizes that
    differ.
    """

    def __init__(
        self,
        path: str = gin.REQUIRED,
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
