"""dsprites_continuous: dSprites off the grid; any scale, orientation and position, drawn by the rules of dsprites_rendered."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.drawn import DrawnImages
from dlib_bvae.datasets.factor_distribution import Factor
from dlib_bvae.datasets.ground_truth import CATEGORICAL, CONTINUOUS, CYCLIC
from dlib_bvae.datasets.official.dsprites_full import DSpritesFull
from dlib_bvae.datasets.rendered import dsprites
from dlib_bvae.datasets.rendered.dsprites import POSITIONS, SCALES, SHAPES, SIZE
from dlib_bvae.registry import configurable

_RANGES = {
    "shape": (CATEGORICAL, 0, len(SHAPES) - 1),
    "scale": (CONTINUOUS, SCALES[0], SCALES[-1]),
    "orientation": (CYCLIC, 0, 2 * math.pi),
    "position_x": (CONTINUOUS, POSITIONS[0], POSITIONS[-1]),
    "position_y": (CONTINUOUS, POSITIONS[0], POSITIONS[-1]),
}


@configurable("dsprites_continuous", denylist=["cache_dir"], seeds=["seed"])
class DSpritesContinuous(DrawnImages):
    """dSprites without its grid, 64×64 pixels, 0/1: shape (0 square, 1 ellipse, 2 heart), scale (0.5 … 1), orientation (0 … 2π
    radians), position_x, position_y (16 … 48 pixels, of the centre). `images` of them are scored; training draws others.

    At the values of dsprites_rendered the pixels are those of that set. Metrics count the continuous factors and the orientation
    in bins (`evaluation.factor_bins`), or regress on them; metrics that choose factors need a grid, and refuse.
    """

    name = "dsprites_continuous"
    observation_shape = (SIZE, SIZE, 1)
    max_pixel = 1
    factors = tuple(Factor(name, *_RANGES[name]) for name in DSpritesFull.factor_names)

    @property
    def renderer(self) -> str:
        """Changes with the figures of dsprites_rendered."""
        return dsprites.figures_fingerprint()

    def images_of(self, values: ArrayLike) -> np.ndarray:
        """Factor values (n, 5) → images uint8 (n, 64, 64, 1), values 0/1. Raises ValueError for values off their range."""
        shape, scale, orientation, x, y = self.check_values(values).T
        rows = np.zeros((len(shape), SIZE), np.uint64)
        for kind in np.unique(shape):
            part = np.flatnonzero(shape == kind)
            outline = dsprites.outline(int(kind)) * scale[part, None, None]
            cos, sin = (function(orientation[part])[:, None] for function in (np.cos, np.sin))
            across = outline[..., 0] * cos + outline[..., 1] * sin
            down = outline[..., 1] * cos - outline[..., 0] * sin
            rows[part] = filled(*(dsprites.snap(at[part, None] + axis) for at, axis in ((x, across), (y, down))))
        bits = np.unpackbits(rows.astype(">u8").view(np.uint8).reshape(len(rows), SIZE * SIZE // 8), axis=1)
        return bits.reshape(-1, *self.observation_shape)


def filled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Corners of polygons in pixels, float64 (n, corners) each → rows of pixels uint64 (n, 64); the highest bit is the left one.

    Which pixels are set: see dsprites.render_rows.
    """
    centres = np.arange(SIZE) + 0.5
    below = y[:, None, :] < centres[:, None]
    image, row, edge = np.nonzero(below != np.roll(below, -1, axis=2))
    following = (edge + 1) % x.shape[1]
    along = (centres[row] - y[image, edge]) / (y[image, following] - y[image, edge])
    crossing = x[image, edge] + along * (x[image, following] - x[image, edge])
    rows = np.zeros(len(x) * SIZE, np.uint64)
    if len(crossing):
        place = image * SIZE + row
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        rows[place[starts]] = np.bitwise_xor.reduceat(dsprites.right_of(crossing), starts)
    return rows.reshape(len(x), SIZE)
