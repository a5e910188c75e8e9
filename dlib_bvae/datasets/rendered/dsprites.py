"""dsprites_rendered: factor values of dSprites (Matthey et al. 2017) → images, rendered here on the official grid.

Outlines, scales, orientations and positions were found from the 320 frames of the official animation. All their numbers
are round, and the official images evidently come from a rasteriser that puts corners on a grid of 1/256 pixel and whose y
axis points up, as OpenGL's: rendered so, all frames come out bit for bit, which benchmarks/dsprites_fidelity.py shows.
Which edges belong to a figure shows in two official images that are in tests/datasets/rendered/test_dsprites_figures.py.
Lengths are pixels at scale 1.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir, open_or_write
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import RENDERED
from dlib_bvae.datasets.official.dsprites_full import DSpritesFull

SIZE = 64
SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)
# Centres walk from a quarter to three quarters of the image; pixel i has its centre at i + 0.5.
POSITIONS = np.linspace(16.0, 48.0, 32)

_HALF = 9.6  # of the square's side; of the heart's width and height but for its notch
_STRETCH = 1.33  # of the ellipse, whose area is that of a circle of radius _HALF
_ELLIPSE_SIDES, _HEART_SIDES = 100, 150
_HEART_LOW = 0.075  # how far down the heart's origin lies, in its heights
_SUBPIXELS = 256
_POSITIONS = len(POSITIONS) ** 2
# Bits of the pixels from i to the right border, i = 0 … 64.
_FROM = np.array([(1 << (SIZE - i)) - 1 for i in range(SIZE + 1)], np.uint64)


class DSpritesRendered(GroundTruthData):
    """737,280 images of 64×64 pixels, 0/1: shape (3: square, ellipse, heart), scale (6: 0.5 … 1), orientation (40:
    0 … 2π, the first and the last look alike), position_x (32), position_y (32).

    The official grid and index order without its colour factor of one value. The pixels are rendered once, bit-packed,
    into `cache_dir` (default: dlib_bvae.datasets.cache.cache_dir()).
    """

    name = "dsprites_rendered"
    origin = RENDERED
    factor_names = DSpritesFull.factor_names
    factor_sizes = (len(SHAPES), len(SCALES), len(ORIENTATIONS), len(POSITIONS), len(POSITIONS))
    observation_shape = (SIZE, SIZE, 1)
    max_pixel = 1

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid and with any corner of any figure."""
        return figures_fingerprint()

    @property
    def cache_path(self) -> Path:
        """Where the rendered grid lies; the name carries the fingerprint, so that another rendering has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    def packed(self) -> np.ndarray:
        """The whole grid, uint8 (737280, 512), memory-mapped: np.packbits of the pixels row by row.

        Raises UserError when the cache file is damaged or cannot be written.
        """
        return self._rows

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        return open_or_write(self.cache_path, (self.num_images, SIZE * SIZE // 8), self._blocks, self._row)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 1), values 0/1. Raises ValueError for indices off the grid."""
        rows = self._rows[self.check_indices(indices)]
        return np.unpackbits(rows, axis=1).reshape(-1, *self.observation_shape)

    def _blocks(self) -> Iterator[np.ndarray]:
        """The grid in order, one figure at all its positions a block: uint8 (1024, 512)."""
        for figure in np.ndindex(*self.factor_sizes[:3]):
            yield _bytes(render_rows(*figure)).reshape(_POSITIONS, -1)

    def _row(self, index: int) -> np.ndarray:
        """One image, packed: uint8 (512,)."""
        shape, scale, orientation, x, y = self.factors_at([index])[0]
        return _bytes(render_rows(int(shape), int(scale), int(orientation))[x, y])


def _bytes(rows: np.ndarray) -> np.ndarray:
    """uint64 (…, 64 rows) → uint8 (…, 512), left pixel in the highest bit."""
    return rows.astype(">u8").view(np.uint8)


@functools.cache
def figures_fingerprint() -> str:
    """Changes with the rules of the renderer, with the grid and with any corner of any figure."""
    digest = hashlib.sha256(b"dsprites_rendered, corners on 1/256 pixel, pixel centres, even-odd, lower and left edges")
    digest.update(POSITIONS.round(6).tobytes())
    for figure in np.ndindex(len(SHAPES), len(SCALES), len(ORIENTATIONS)):
        # Rounded, so that another machine's last bit of a sine changes nothing.
        digest.update((place(*figure).round(6) + 0.0).tobytes())
    return digest.hexdigest()[:16]


def outline(shape: int) -> np.ndarray:
    """Shape index 0 … 2 → polygon float64 (corners, 2), x to the right and y down, in pixels at scale 1."""
    if shape == 0:
        return _HALF * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    t = np.linspace(0, 2 * np.pi, _ELLIPSE_SIDES if shape == 1 else _HEART_SIDES, endpoint=False)
    if shape == 1:
        return _HALF * np.stack([_STRETCH * np.cos(t), np.sin(t) / _STRETCH], axis=1)
    # The well-known heart curve; it is 32 wide, and 29 high but for the notch.
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return 2 * _HALF * np.stack([np.sin(t) ** 3 / 2, -height / 29 - _HEART_LOW], axis=1)


def place(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Factor indices → the scaled and rotated outline around the origin, float64 (corners, 2)."""
    cos, sin = np.cos(ORIENTATIONS[orientation]), np.sin(ORIENTATIONS[orientation])
    return SCALES[scale] * outline(shape) @ np.array([[cos, -sin], [sin, cos]])


def snap(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates in pixels → the nearest multiples of 1/256."""
    return np.round(coordinates * _SUBPIXELS) / _SUBPIXELS


def render_rows(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Factor indices → all positions of one figure, uint64 (32 x, 32 y, 64 rows); the highest bit is the left pixel.

    A pixel is set when its centre lies inside the outline (even-odd rule), or on a lower or left edge, not on an upper or
    right one.
    """
    x, y = (snap(POSITIONS[:, None] + axis) for axis in place(shape, scale, orientation).T)
    centres = np.arange(SIZE) + 0.5
    below = y[:, None, :] < centres[:, None]  # strictly, so that a centre on an upper edge is outside
    # Every edge that crosses a row's centres, in the order of y position and row.
    at, row, edge = np.nonzero(below != np.roll(below, -1, axis=2))
    following = (edge + 1) % x.shape[1]
    along = (centres[row] - y[at, edge]) / (y[at, following] - y[at, edge])
    crossing = x[:, edge] + along * (x[:, following] - x[:, edge])
    place_in_rows = at * SIZE + row
    starts = np.flatnonzero(np.diff(place_in_rows, prepend=-1))
    rows = np.zeros((len(POSITIONS), len(POSITIONS) * SIZE), np.uint64)
    rows[:, place_in_rows[starts]] = np.bitwise_xor.reduceat(right_of(crossing), starts, axis=1)
    return rows.reshape(len(POSITIONS), len(POSITIONS), SIZE)


def right_of(crossing: np.ndarray) -> np.ndarray:
    """Where edges cross a row, in pixels → uint64 of that shape, the bits of all pixels to the right, which each of them flips.

    Pixel i is right of c when i + 0.5 >= c.
    """
    return _FROM[np.clip(np.ceil(crossing - 0.5), 0, SIZE).astype(np.int64)]
