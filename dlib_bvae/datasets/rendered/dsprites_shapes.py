"""The geometry of dSprites: outlines, the laws of scale, orientation and position, and scan conversion to 64-bit rows.

The laws were found from the 320 frames of the official animation (dSprites: Matthey et al. 2017); all of them are
reproduced bit for bit, which benchmarks/dsprites_fidelity.py shows. Lengths are pixels at scale 1.
"""

from __future__ import annotations

import numpy as np

SIZE = 64
SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)
# Centres walk from a quarter to three quarters of the image; pixel i has its centre at i + 0.5.
POSITIONS = np.linspace(16.0, 48.0, 32)

# Half the square's side: the frames allow 9.5966 to 9.5998.
_SQUARE_HALF = 9.598
# The ellipse is a polygon; of 56 to 73 sides, with or without half a turn of a side, this one fits with the widest margin.
_ELLIPSE_SIDES, _ELLIPSE_AXES = 62, (12.774, 7.222)
# Radii of the heart's right half, every 2 degrees from the tip (down) to the notch (up): the smoothest polygon that
# separates the pixels inside from those outside in the frames, found by linear programming in 1 / radius.
_HEART_RADII = (
    9.6213,
    8.8803,
    8.2453,
    7.9266,
    7.6316,
    7.3578,
    7.1518,
    6.9602,
    6.7785,
    6.6419,
    6.5242,
    6.4105,
    6.3007,
    6.2108,
    6.1579,
    6.1059,
    6.0548,
    6.0046,
    5.9551,
    5.9384,
    5.9217,
    5.9266,
    5.9315,
    5.9364,
    5.9414,
    5.9463,
    5.9827,
    6.0196,
    6.0746,
    6.1305,
    6.1876,
    6.2457,
    6.3236,
    6.4035,
    6.4855,
    6.5953,
    6.7090,
    6.8266,
    6.9572,
    7.0930,
    7.2414,
    7.3961,
    7.5576,
    7.7263,
    7.9412,
    8.1331,
    8.3345,
    8.5462,
    8.7689,
    8.9774,
    9.1961,
    9.4253,
    9.5913,
    9.8159,
    9.9951,
    10.1711,
    10.3533,
    10.5288,
    10.6487,
    10.7713,
    10.8852,
    10.9770,
    11.0628,
    11.1499,
    11.2231,
    11.2393,
    11.2556,
    11.2720,
    11.2884,
    11.2377,
    11.1875,
    11.1222,
    11.0576,
    10.9938,
    10.8653,
    10.7353,
    10.5755,
    10.3920,
    10.1748,
    9.9440,
    9.7234,
    9.4184,
    9.0657,
    8.7070,
    8.3755,
    7.8800,
    7.4398,
    7.0448,
    6.3096,
    5.7133,
    5.2200,
)


def outline(shape: int) -> np.ndarray:
    """Shape index 0 … 2 → polygon float64 (corners, 2), x to the right and y down, in pixels at scale 1."""
    if shape == 0:
        return _SQUARE_HALF * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    if shape == 1:
        angle = (np.arange(_ELLIPSE_SIDES) + 0.5) * 2 * np.pi / _ELLIPSE_SIDES
        return np.stack([_ELLIPSE_AXES[0] * np.cos(angle), _ELLIPSE_AXES[1] * np.sin(angle)], axis=1)
    angle = np.linspace(0, np.pi, len(_HEART_RADII))
    right = np.array(_HEART_RADII)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return np.concatenate([right, right[-2:0:-1] * (-1, 1)])


def place(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Factor indices → the scaled and rotated outline around the origin, float64 (corners, 2)."""
    cos, sin = np.cos(ORIENTATIONS[orientation]), np.sin(ORIENTATIONS[orientation])
    return SCALES[scale] * outline(shape) @ np.array([[cos, -sin], [sin, cos]])


def draw_rows(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Factor indices → all positions of one figure, uint64 (32 x, 32 y, 64 rows); the highest bit is the left pixel.

    A pixel is set when its centre lies inside the outline (even-odd rule).
    """
    crossings = _crossings(place(shape, scale, orientation))
    rows = np.zeros((len(POSITIONS), *crossings.shape[:2]), np.uint64)
    for crossing in np.moveaxis(crossings, 2, 0):
        # Everything right of each crossing is flipped; pixel i is right of c when i + 0.5 >= c.
        first = np.clip(np.ceil(POSITIONS[:, None, None] + crossing - 0.5), 0, SIZE)
        rows ^= _FROM[first.astype(np.int64)]
    return rows


# Bits of the pixels from i to the right border, i = 0 … 64.
_FROM = np.array([(1 << (SIZE - i)) - 1 for i in range(SIZE + 1)], np.uint64)


def _crossings(corners: np.ndarray) -> np.ndarray:
    """Where the outline crosses the rows, float64 (32 y, 64 rows, most crossings), relative to its centre; inf pads."""
    y = (np.arange(SIZE) + 0.5 - POSITIONS[:, None])[..., None]
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    crosses = (y0 <= y) != (y1 <= y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    x = np.where(crosses, x0 + (y - y0) * ((x1 - x0) / rise), np.inf)
    most = int(crosses.sum(axis=2).max())
    return np.partition(x, most, axis=2)[..., :most] if most < x.shape[2] else x
