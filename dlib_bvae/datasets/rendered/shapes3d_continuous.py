"""shapes3d_continuous: 3D Shapes off the grid; any hue, scale and orientation, in the scene of shapes3d_rendered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.drawn import DrawnImages
from dlib_bvae.datasets.factor_distribution import Factor
from dlib_bvae.datasets.ground_truth import CATEGORICAL, CONTINUOUS, CYCLIC
from dlib_bvae.datasets.official.shapes3d import Shapes3D
from dlib_bvae.datasets.rendered.shapes3d import (
    LEVELS,
    SKY_COLOUR,
    EmptyRoom,
    Scene,
    Shapes3DRendered,
    filter_matrix,
    hue_levels,
)
from dlib_bvae.datasets.rendered.shapes3d_scene import ORIENTATIONS, SCALES, SHAPES, SIZE, SKY
from dlib_bvae.registry import configurable

_MOST_THREADS = 16
_SAMPLES = 3  # rays along a pixel's side; the geometries of the grid, which are rendered once, have 6
_DEGREES = np.rad2deg(ORIENTATIONS[[0, -1]]).round(6)
_RANGES = {
    **dict.fromkeys(("floor_hue", "wall_hue", "object_hue"), (CYCLIC, 0, 1)),
    "scale": (CONTINUOUS, SCALES[0], SCALES[-1]),
    "shape": (CATEGORICAL, 0, len(SHAPES) - 1),
    "orientation": (CONTINUOUS, *_DEGREES),
}


@configurable("shapes3d_continuous", denylist=["cache_dir"], seeds=["seed"])
class Shapes3DContinuous(DrawnImages):
    """3D Shapes without its grid, 64×64×3 pixels: floor_hue, wall_hue, object_hue (0 … 1, which is 0 again), scale (0.75 … 1.25),
    shape (0 cube, 1 cylinder, 2 sphere, 3 capsule), orientation (−30 … 30°). `images` of them are scored; training draws others.

    The scene of shapes3d_rendered, from 9 rays a pixel instead of 36: at the values of that set the pixels are its pixels but for
    edges. Metrics count the continuous factors and the hues in bins (`evaluation.factor_bins`), or regress on them; metrics that
    choose factors need a grid, and refuse.
    """

    name = "shapes3d_continuous"
    observation_shape = (SIZE, SIZE, 3)
    factors = tuple(Factor(name, *_RANGES[name]) for name in Shapes3D.factor_names)

    @property
    def renderer(self) -> str:
        """Changes with the scene of shapes3d_rendered and the number of rays."""
        return f"{Shapes3DRendered().fingerprint} {_SAMPLES}"

    def images_of(self, values: ArrayLike) -> np.ndarray:
        """Factor values (n, 6) → images uint8 (n, 64, 64, 3), values 0 … 255. Raises ValueError for values off their range."""
        from joblib import cpu_count

        checked = self.check_values(values)
        scene, weights = Scene(), filter_matrix(_SAMPLES)
        images = np.empty((len(checked), *self.observation_shape), np.uint8)

        def draw(row: int) -> None:
            *hues, scale, shape, degrees = checked[row]
            room = EmptyRoom(scene, float(np.deg2rad(degrees)), weights.shape[1])
            images[row] = _picture(room, int(shape), float(scale), np.array(hues), weights)

        with ThreadPoolExecutor(
            min(_MOST_THREADS, cpu_count())
        ) as pool:  # numpy works on the arrays of an image without holding Python's lock
            list(pool.map(draw, range(len(checked))))
        return images


def _picture(room: EmptyRoom, shape: int, scale: float, hues: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The room with an object; hues: of floor, wall and object, (3,) → pixel values (64, 64, 3)."""
    (material, matt, gloss), _ = room.with_object(shape, scale)
    # One row a material; the sky has its colour whatever the light.
    levels = np.concatenate([np.zeros((1, 3)), hue_levels(10 * hues) / (LEVELS - 1)]).astype(np.float32)
    own = np.zeros_like(levels)
    own[SKY] = SKY_COLOUR
    channels = []
    for channel in range(3):
        bright = np.minimum(levels[material, channel] * matt + gloss, 255) + own[material, channel]
        channels.append(weights @ room.picture(bright) @ weights.T)
    return np.clip(np.floor(np.stack(channels, axis=-1) + 0.5), 0, 255)
