"""ImageData: images addressed by index, with or without known factors."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.errors import UserError, pluralize

LARGEST_IMAGE = 2**24  # numbers of one image: height · width · channels
# In the order of the trust that they deserve.
OFFICIAL, RENDERED, RE_ENCODED, EXTERNAL = ORIGINS = ("official", "rendered", "re-encoded", "external")
DRAWS = 2**48  # indices below it are first images; the second image of a pair has its first one's index + code · DRAWS
ALL_FACTORS = -2  # of pairs: every factor changes


class ImageData(abc.ABC):
    """A finite set of images, 0 … num_images - 1.

    name: the registry's name; that of a derived set has its base set's in parentheses. observation_shape: (height, width,
    channels) in pixels. max_pixel: the uint8 value that stands for 1.0 (255, or 1 for binary data). drawn: whether training
    shows no image of these, but draws others, of indices num_images … DRAWS − 1 (see drawn.DrawnImages).

    A class of another package that is derived from one of this package has the origin "external" unless it says another:
    `origin = "rendered"`, or `origin = OfficialData.origin` to have it as its base class. Raises UserError for a text that
    is none of ORIGINS.
    """

    name: str
    observation_shape: tuple[int, int, int]
    max_pixel: int = 255
    drawn: bool = False

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        declaring = next(each for each in cls.__mro__ if "origin" in vars(each))
        if _of_package(declaring) and not _of_package(cls):
            cls.origin = EXTERNAL  # type: ignore[method-assign, assignment]
        elif not isinstance(declared := vars(declaring)["origin"], (property, functools.cached_property)):
            check_origin(declared, cls.__name__)

    def __repr__(self) -> str:
        height, width, channels = self.observation_shape
        names, sizes = getattr(self, "factor_names", ()), getattr(self, "factor_sizes", ())
        factors = ", ".join(f"{name} {size}" for name, size in zip(names, sizes, strict=True))
        text = f"{self.name}: {pluralize(self.num_images, 'image')} of {height}×{width}×{channels}"
        return f"<{text}; {f'values of factors: {factors}' if factors else 'no factors'}>"

    @property
    def origin(self) -> str:
        """Where the images come from, as results record it.

        "official": files of the data set's authors, whose published checksums are compared; "rendered": by this package;
        "re-encoded": pictures of a published set that were encoded again, so that their pixels are others; "external": all
        others, such as files of the user. A derived set has the origin of the one that it is derived from.
        """
        return EXTERNAL

    @property
    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A hex string that changes whenever the pixels or their order change."""

    @property
    @abc.abstractmethod
    def num_images(self) -> int:
        """Number of images."""

    @abc.abstractmethod
    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels), values 0 … max_pixel.

        Raises ValueError for indices that the set does not have.
        """

    def packed(self) -> np.ndarray | None:
        """All images bit by bit, uint8 (images, pixels / 8), where the set has it so (binary data only); else None."""
        return None

    def training_weights(self) -> np.ndarray | None:
        """How often each image is shown in training, float64 (images,), >= 0, relative; None: every image once an epoch.

        Where all positive weights are equal, the images that have one are each shown once an epoch.
        """
        return None

    def labels(self) -> np.ndarray | None:
        """The class of each image, int64 (images,), from 0, where the set has classes that are no factors; else None."""
        return None

    def observations_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → observations float32 (n, height, width, channels) in [0, 1]."""
        return self.images_at(indices).astype(np.float32) / np.float32(self.max_pixel)

    def check_indices(self, indices: ArrayLike) -> np.ndarray:
        """Returns `indices` as int64 (n,); raises ValueError when they are not integers in 0 … num_images - 1."""
        rows = np.asarray(indices)
        if rows.size == 0:
            return np.zeros(0, np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise ValueError(f"indices must be integers in one dimension; got dtype {rows.dtype}, shape {rows.shape}")
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= self.num_images:
            raise ValueError(
                f"indices must be in 0 … {self.num_images - 1} for {self.name}; got {low if low < 0 else high}"
            )
        return rows.astype(np.int64)


def _of_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def check_origin(origin: object, what: str) -> str:
    """Returns `origin`, which `what` declares. Raises UserError when it is none of ORIGINS."""
    if origin not in ORIGINS:
        raise UserError(f"the origin of {what} must be one of {', '.join(ORIGINS)}; got {origin!r}")
    return str(origin)


def check_image_size(what: str, shape: Sequence[int]) -> None:
    """Raises UserError, which names `what`, for images (height, width[, channels]) that are too large to be held many at once."""
    if math.prod(shape) > LARGEST_IMAGE:
        raise UserError(
            f"{what}: an image may have at most {LARGEST_IMAGE:,} numbers (height · width · channels); got "
            f"{' × '.join(map(str, shape))}; make the images smaller"
        )


def training_sample(data: ImageData, count: int, seed: int) -> np.ndarray:
    """Indices int64 of `count` images as training shows them, by `seed`.

    Without repetition, or all where there are fewer; where training weights differ, by them and with repetition. Of a set that
    draws images for training they are of those that are scored, which have codes; for those of training see drawn_sample.
    """
    rng, weights = np.random.default_rng(seed), data.training_weights()
    shown = np.arange(data.num_images) if weights is None else np.flatnonzero(weights)
    if weights is None or np.ptp(weights[shown]) == 0:
        return rng.choice(shown, min(count, len(shown)), replace=False)
    return rng.choice(data.num_images, count, p=weights / weights.sum())


def drawn_sample(data: ImageData, count: int, seed: int) -> np.ndarray:
    """Indices int64 of `count` images that a set which draws images for training may show in it, and does not score."""
    return np.random.default_rng(seed).integers(data.num_images, DRAWS, size=count)


def partner_code(changed: int) -> int:
    """In how many factors a pair differs, 1 …, -1 for any number, or ALL_FACTORS → the code, 1 … 255, in its second index."""
    return changed % 256


def changed_of(code: int) -> int:
    """The inverse of partner_code."""
    return code if code < 128 else code - 256


def check_changed(name: str, changed: int, free: int) -> None:
    """Raises UserError unless the images of a pair of the data set `name` can differ in `changed` of its `free` factors."""
    if changed == ALL_FACTORS and free:
        return
    if free < 2 or not (changed == -1 or 1 <= changed <= free):
        raise UserError(f"pairs must differ in 1 … {free} factors of {name}, or -1 for any number; got {changed}")
