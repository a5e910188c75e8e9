"""dSprites in colour, on noise, on a picture, and without its shape: the variants of disentanglement_lib.

There the colour, noise, crop or shape is drawn anew at every look at an image. Here it is a pure function of (seed, index),
whatever the batch and the order, so that index → image is one picture, codes can be cached and runs compared. The names
ending in _rendered are the same of the dSprites rendered by this package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gin
import numpy as np

from dlib_bvae.datasets import DataLike, ImageData, as_dataset, as_factor_dataset
from dlib_bvae.datasets.derived.base import Regridded, combined, factor_index, mapped
from dlib_bvae.datasets.derived.pixels import full_range
from dlib_bvae.datasets.formats.pictures import opened_picture, rgb_picture
from dlib_bvae.datasets.random_words import random_bytes, words
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.registry import configurable

PICTURE_SIZE = (274, 350)  # height, width


def colored(data: DataLike, seed: int = 0) -> ImageData:
    """The white of each image in another colour, RGB each uniform in [0.5, 1]. data: one channel."""
    sprites = _one_channel(data, "color", seed)

    def color(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
        drawn = random_bytes(seed, indices, 3).astype(np.uint16)
        return _scaled(images, (drawn + 256) // 2, sprites.max_pixel)  # 128 … 255

    return mapped(sprites, "color", {"seed": seed}, _rgb(sprites), color)


def noisy(data: DataLike, seed: int = 0) -> ImageData:
    """Uniform RGB noise added and cut at white: noise around a white sprite. data: one channel."""
    sprites = _one_channel(data, "noisy", seed)
    shape = _rgb(sprites)

    def noise(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
        pixels = random_bytes(seed, indices, shape[0] * shape[1] * 3).reshape(-1, *shape)
        sprite = full_range(images, sprites.max_pixel)[..., 0]
        for channel in range(3):  # NumPy is slow along a last axis of 3
            plane = pixels[..., channel]
            pixels[..., channel] = plane + np.minimum(sprite, 255 - plane)
        return pixels

    return mapped(sprites, "noisy", {"seed": seed}, shape, noise)


def on_picture(data: DataLike, picture: np.ndarray, seed: int = 0) -> ImageData:
    """Each image on another crop of `picture`, (crop + a random RGB) / 2, which the white pixels invert.

    data: one channel. picture: uint8 (height, width, 3), higher and wider than the images.
    """
    sprites = _one_channel(data, "scream", seed)
    height, width, _ = shape = _rgb(sprites)
    room = np.array([picture.shape[0] - height, picture.shape[1] - width], np.uint64)
    if (room < 1).any() or picture.shape[0] < height or picture.shape[1] < width:
        raise UserError(f"the picture must be larger than {height}×{width} pixels; it is {picture.shape[:2]}")

    def on_crops(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
        drawn = words(seed, indices, 3)
        corners = (drawn[:, :2] % room).astype(np.int64).tolist()
        crops = np.stack(
            [picture[top : top + height, left : left + width].reshape(height, -1) for top, left in corners]
        )
        shift = ((drawn[:, 2:] >> np.array([0, 8, 16], np.uint64)) & np.uint64(255)).astype(np.uint8)
        shift = np.tile(shift, (1, width))[:, None]
        background = ((crops & shift) + ((crops ^ shift) >> 1)).reshape(-1, *shape)  # their mean, without a wider type
        inverting = np.where(images[..., 0] == sprites.max_pixel, np.uint8(255), np.uint8(0))
        for channel in range(3):
            background[..., channel] ^= inverting  # 255 - m is the complement of m's bits
        return background

    identity = {"seed": seed, "picture": combined(str(picture.shape), picture.tobytes().hex())}
    return mapped(sprites, "scream", identity, shape, on_crops)


class WithoutFactor(Regridded):
    """The grid without one factor, whose value each cell draws by its index: it varies and is no factor.

    data: a name or a data set with that factor. seed: of the draws, an integer >= 0.
    """

    def __init__(self, data: DataLike, factor: str, seed: int = 0):
        whole = as_factor_dataset(data, "data")
        check_integer("seed", seed, 0)
        self._axis, self._seed, self._sizes = factor_index(whole, factor), seed, whole.factor_sizes
        kept = [k for k in range(whole.num_factors) if k != self._axis]
        names, sizes = [whole.factor_names[k] for k in kept], [whole.factor_sizes[k] for k in kept]
        super().__init__(whole, f"without_{factor}", {"seed": seed}, names, sizes)

    def cells_of(self, cells: np.ndarray) -> np.ndarray:
        """Cells of this grid → cells of the whole one."""
        hidden = words(self._seed, cells, 1)[:, 0] % np.uint64(self._sizes[self._axis])
        factors = list(np.unravel_index(cells, self.factor_sizes))
        factors.insert(self._axis, hidden.astype(np.int64))
        return np.ravel_multi_index(tuple(factors), self._sizes).astype(np.int64)


@configurable("scream", labels=["picture"])  # the fingerprint is of its pixels
def scream_picture(picture: str = gin.REQUIRED) -> np.ndarray:
    """The background of scream_dsprites, uint8 (274, 350, 3): the file `picture` (Munch's The Scream there), resized.

    The picture is not shipped. Read by dlib_bvae.datasets.formats.pictures.rgb_picture and resized by pillow's bicubic filter.
    Raises UserError for a file that is no picture.
    """
    from PIL import Image

    with opened_picture(Path(picture).expanduser(), f"scream.picture = {str(picture)!r}") as opened:
        size = (PICTURE_SIZE[1], PICTURE_SIZE[0])
        return np.asarray(rgb_picture(opened).resize(size, Image.Resampling.BICUBIC))


def _one_channel(data: DataLike, kind: str, seed: int) -> ImageData:
    sprites = as_dataset(data, "data")
    check_integer(f"the seed of {kind}", seed, 0)
    if sprites.observation_shape[2] != 1:
        raise UserError(f"{kind} needs images of one channel; {sprites.name} has {sprites.observation_shape[2]}")
    return sprites


def _rgb(data: ImageData) -> tuple[int, int, int]:
    return (data.observation_shape[0], data.observation_shape[1], 3)


def _scaled(images: np.ndarray, rgb: np.ndarray, max_pixel: int) -> np.ndarray:
    """uint8 images (n, H, W, 1) times colours uint16 (n, 3) over max_pixel, rounded."""
    scaled = np.empty((*images.shape[:3], 3), np.uint8)
    gray = images[..., 0] if max_pixel == 1 else images[..., 0].astype(np.uint16)
    for channel in range(3):
        factor = rgb[:, channel, None, None].astype(gray.dtype)
        scaled[..., channel] = gray * factor if max_pixel == 1 else (gray * factor + max_pixel // 2) // max_pixel
    return scaled


def _named(name: str, make: Callable[[str, int], ImageData], base: str) -> Callable[..., ImageData]:
    """The registry's entry `name`: make(base, seed), called by that name."""

    def variant(seed: int = 0) -> ImageData:
        data = make(base, seed)
        data.name = name
        return data

    variant.__name__ = variant.__qualname__ = name
    variant.__doc__ = f"{name}: {(make.__doc__ or '').splitlines()[0]} Of {base}; seed: an integer >= 0."
    return configurable(name, module=__name__, seeds=["seed"])(variant)


def _without_shape(data: str, seed: int) -> ImageData:
    """Factors scale, orientation, position_x, position_y; the shape is drawn by the index and is no factor."""
    return WithoutFactor(data, "shape", seed)


def _scream(data: str, seed: int) -> ImageData:
    """Each image on another crop of scream.picture, colours shifted; the sprite inverts it."""
    return on_picture(data, scream_picture(), seed)


color_dsprites = _named("color_dsprites", colored, "dsprites_full")
color_dsprites_rendered = _named("color_dsprites_rendered", colored, "dsprites_rendered")
noisy_dsprites = _named("noisy_dsprites", noisy, "dsprites_full")
noisy_dsprites_rendered = _named("noisy_dsprites_rendered", noisy, "dsprites_rendered")
scream_dsprites = _named("scream_dsprites", _scream, "dsprites_full")
scream_dsprites_rendered = _named("scream_dsprites_rendered", _scream, "dsprites_rendered")
dsprites_noshape = _named("dsprites_noshape", _without_shape, "dsprites_full")
dsprites_noshape_rendered = _named("dsprites_noshape_rendered", _without_shape, "dsprites_rendered")
