"""resized and grayscale: the same images with other pixels."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets import DataLike, ImageData, as_dataset
from dlib_bvae.datasets.derived.base import mapped
from dlib_bvae.datasets.images import check_image_size
from dlib_bvae.errors import UserError, check_integer, unknown

FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
_LUMA = np.array([299, 587, 114], np.uint32)  # thousandths of red, green and blue: ITU-R BT.601


@gin.configurable("resized")
def resized(
    data: DataLike = gin.REQUIRED, height: int = gin.REQUIRED, width: int = gin.REQUIRED, filter: str = "bilinear"
) -> ImageData:
    """Every image at `height` × `width` pixels, values 0 … 255; the sides are scaled each by itself.

    data: a name or a data set, with or without factors. filter: pillow's name for how pixels are averaged, one of
    FILTERS; all but "nearest" average over every pixel that a smaller image loses. Raises UserError for other values.
    """
    whole = as_dataset(data, "resized.data")
    check_integer("resized.height", height, 1)
    check_integer("resized.width", width, 1)
    check_filter("resized.filter", filter)
    check_image_size("resized.height and width", (int(height), int(width), whole.observation_shape[2]))
    shape = (int(height), int(width), whole.observation_shape[2])

    def resize(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return np.stack([resize_one(image, shape, filter) for image in full_range(images, whole.max_pixel)])

    return mapped(whole, "resized", {"height": height, "width": width, "filter": filter}, shape, resize)


@gin.configurable("grayscale")
def grayscale(data: DataLike = gin.REQUIRED) -> ImageData:
    """Every image in one channel, 0 … 255: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), rounded.

    data: a name or a data set with three channels. Raises UserError for another number of channels.
    """
    whole = as_dataset(data, "grayscale.data")
    if whole.observation_shape[2] != 3:
        raise UserError(f"grayscale needs images of 3 channels; {whole.name} has {whole.observation_shape[2]}")

    def gray(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return ((full_range(images, whole.max_pixel) @ _LUMA + 500) // 1000).astype(np.uint8)[..., None]

    return mapped(whole, "grayscale", {}, (*whole.observation_shape[:2], 1), gray)


def check_filter(parameter: str, name: object) -> None:
    """Raises UserError, which names the near ones, unless `name` is one of FILTERS."""
    if name not in FILTERS:
        raise unknown(f"filter ({parameter})", str(name), FILTERS)


def full_range(images: np.ndarray, max_pixel: int) -> np.ndarray:
    """uint8 of any shape, values 0 … max_pixel → uint8, values 0 … 255."""
    if max_pixel == 255:
        return images
    if max_pixel == 1:
        return images * np.uint8(255)
    return ((images.astype(np.uint16) * 255 + max_pixel // 2) // max_pixel).astype(np.uint8)


def resize_one(image: np.ndarray, shape: tuple[int, int, int], filter: str) -> np.ndarray:
    """uint8 (H, W, C) → uint8 `shape`, channel by channel."""
    from PIL import Image

    method = Image.Resampling[filter.upper()]
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(shape[2])]
    return np.stack([np.asarray(plane.resize((shape[1], shape[0]), method)) for plane in planes], axis=-1)
