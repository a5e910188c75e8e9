"""xysquares: three squares on a grid of places, a colour channel each; adversarial to losses that compare pixels."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import RENDERED
from dlib_bvae.errors import check_integer
from dlib_bvae.registry import configurable

SIZE, SQUARE = 64, 8
_COLOURS = ("red", "green", "blue")
_BYTES = SIZE * SIZE * 3 // 8
_MOST_PACKED = 2**30  # bytes
_VERSION = "1"


@configurable("xysquares")
class XYSquares(GroundTruthData):
    """Three squares of 8×8 pixels in 64×64×3, 0/1, one a colour channel: red_x, red_y, green_x, green_y, blue_x, blue_y.

    A factor's values are places `spacing` pixels apart, from the left or the top; where they do not fill the image, they stand in
    its middle. With spacing = 8 there are 8 places and 8⁶ = 262,144 images, and squares in different places share no pixel: the
    squared or the cross-entropy distance of two images depends on how many squares differ in place, not on how far apart they
    are, so that a loss on pixels says nothing of the order of a factor's values. With less spacing squares overlap and it does
    (Michlo et al. 2023, https://arxiv.org/abs/2202.13341; the pixels are those of the authors' XYSquaresData, in their order of
    factors).

    spacing: pixels, 1 … 56. Raises UserError for one out of range.
    """

    name = "xysquares"
    origin = RENDERED
    factor_names = tuple(f"{colour}_{axis}" for colour in _COLOURS for axis in "xy")
    factor_sizes = (8,) * 6
    observation_shape = (SIZE, SIZE, 3)
    max_pixel = 1

    def __init__(self, spacing: int = SQUARE):
        check_integer("xysquares.spacing", spacing, 1, SIZE - SQUARE)
        self.spacing = int(spacing)
        self.places = (SIZE - SQUARE) // self.spacing + 1
        self.factor_sizes = (self.places,) * 6

    @property
    def fingerprint(self) -> str:
        """Changes with the version of the rendering and the spacing."""
        return combined(f"{self.name} {_VERSION} {self.spacing}")

    @functools.cached_property
    def _squares(self) -> np.ndarray:
        """The images of one square alone, bit by bit: uint8 (3 channels, places of x · y, bytes)."""
        first = (SIZE - SQUARE - (self.places - 1) * self.spacing) // 2
        corners = first + self.spacing * np.arange(self.places)
        inside = (np.arange(SIZE) >= corners[:, None]) & (np.arange(SIZE) < corners[:, None] + SQUARE)
        square = inside[None, :, :, None] & inside[:, None, None, :]  # x, y, row, column
        drawn = np.zeros((3, self.places**2, SIZE, SIZE, 3), bool)
        for channel in range(3):
            drawn[channel, ..., channel] = square.reshape(-1, SIZE, SIZE)
        return np.packbits(drawn.reshape(3, self.places**2, -1), axis=2)

    def packed(self) -> np.ndarray | None:
        """All images, uint8 (images, 1536): np.packbits of the pixels. None where they take more than 1 GiB: spacings under 7."""
        if self.num_images * _BYTES > _MOST_PACKED:
            return None
        red, green, blue = self._squares
        return (red[:, None, None] | green[None, :, None] | blue[None, None]).reshape(-1, _BYTES)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 3), values 0/1. Raises ValueError for indices off the grid."""
        cells = self.check_indices(indices)
        sprites = np.unravel_index(cells, (self.places**2,) * 3)
        red, green, blue = (squares[place] for squares, place in zip(self._squares, sprites, strict=True))
        return np.unpackbits(red | green | blue, axis=1).reshape(-1, *self.observation_shape)
