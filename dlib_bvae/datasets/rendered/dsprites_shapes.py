"""The geometry of dSprites: outlines, the laws of scale, orientation and position, and scan conversion to 64-bit rows.

The laws were found from the 320 frames of the official animation (dSprites: Matthey et al. 2017). All their numbers are
round, and the official images were evidently drawn by a rasteriser that puts corners on a grid of 1/256 pixel: so drawn, all
frames come out bit for bit, which benchmarks/dsprites_fidelity.py shows. Lengths are pixels at scale 1.
"""

from __future__ import annotations

import numpy as np

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


def draw_rows(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Factor indices → all positions of one figure, uint64 (32 x, 32 y, 64 rows); the highest bit is the left pixel.

    A pixel is set when its centre lies inside the outline (even-odd rule).
    """
    x, y = (snap(POSITIONS[:, None] + axis) for axis in place(shape, scale, orientation).T)
    centres = np.arange(SIZE) + 0.5
    below = y[:, None, :] <= centres[:, None]
    # Every edge that crosses a row's centres, in the order of y position and row.
    at, row, edge = np.nonzero(below != np.roll(below, -1, axis=2))
    following = (edge + 1) % x.shape[1]
    along = (centres[row] - y[at, edge]) / (y[at, following] - y[at, edge])
    crossing = x[:, edge] + along * (x[:, following] - x[:, edge])
    # Everything right of each crossing is flipped; pixel i is right of c when i + 0.5 >= c.
    first = np.clip(np.ceil(crossing - 0.5), 0, SIZE).astype(np.int64)
    place_in_rows = at * SIZE + row
    starts = np.flatnonzero(np.diff(place_in_rows, prepend=-1))
    rows = np.zeros((len(POSITIONS), len(POSITIONS) * SIZE), np.uint64)
    rows[:, place_in_rows[starts]] = np.bitwise_xor.reduceat(_FROM[first], starts, axis=1)
    return rows.reshape(len(POSITIONS), len(POSITIONS), SIZE)


# Bits of the pixels from i to the right border, i = 0 … 64.
_FROM = np.array([(1 << (SIZE - i)) - 1 for i in range(SIZE + 1)], np.uint64)
