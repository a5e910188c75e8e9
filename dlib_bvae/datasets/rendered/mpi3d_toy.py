"""mpi3d_toy_rendered: MPI3D-toy (Gondal et al. 2019) drawn here on the official grid."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets import grids
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.files import cache_dir
from dlib_bvae.datasets.rendered import bit_cache
from dlib_bvae.datasets.rendered.mpi3d_toy_background import SIZE
from dlib_bvae.datasets.rendered.mpi3d_toy_pose import LAYOUT, ROW, compose, draw_pose, still_layer
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import BACKGROUNDS, COLORS, HEIGHTS, SCENE, SHAPES, SIZES, STEPS, Scene

# Where the factors of a pose stand.
_POSE = [3, 5, 6]
# A pose takes a few hundredths of a second to draw.
_CHECKED_POSES = 4
# Another machine's last bit may move a few samples over an edge.
_TOLERANCE = 0.01


class MPI3DToyRendered(GroundTruthData):
    """1,036,800 images of 64×64×3 pixels: object_color (6: white, green, red, blue, brown, olive), object_shape (6: cone,
    cube, cylinder, hexagonal, pyramid, sphere), object_size (2), camera_height (3: top, center, bottom),
    background_color (3: purple, sea green, salmon), horizontal_axis (40), vertical_axis (40).

    The official grid and index order. The geometry is drawn once, one row for each of 4,800 poses (camera height,
    horizontal and vertical axis; mpi3d_toy_pose.py), into `cache_dir` (default: dlib_bvae.datasets.official.files.cache_dir());
    colours are looked up for every batch.
    """

    name = "mpi3d_toy_rendered"
    factor_names = grids.MPI3D
    factor_sizes = (len(COLORS), len(SHAPES), len(SIZES), len(HEIGHTS), len(BACKGROUNDS), STEPS, STEPS)
    observation_shape = (SIZE, SIZE, 3)
    max_pixel = 255

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid and with any number of the scene."""
        return fingerprint(SCENE)

    @property
    def cache_path(self) -> Path:
        """Where the drawn poses lie; the name carries the fingerprint, so that another drawing has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        heights, horizontal, vertical = self._poses
        return bit_cache.open_or_draw(
            self.cache_path,
            (heights * horizontal * vertical, ROW),
            self._blocks,
            self._row,
            checked=_CHECKED_POSES,
            tolerance=_TOLERANCE,
        )

    def images_at(self, indices: Any) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 3). Raises ValueError for indices off the grid.

        Raises UserError when the cache file is damaged or cannot be written.
        """
        factors = self.factors_at(indices)
        return self._compose(self._rows[np.ravel_multi_index(tuple(factors[:, _POSE].T), self._poses)], factors)

    def draw(self, factors: Any) -> np.ndarray:
        """Factor values (n, 7) → the same images uint8 (n, 64, 64, 3), drawn here and now without the cache file.

        Raises ValueError for values off the grid.
        """
        factors = self.factors_at(self.index_of(factors))
        return self._compose(np.stack([draw_pose(SCENE, *pose) for pose in factors[:, _POSE].tolist()]), factors)

    def _compose(self, rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
        color, shape, size, height, background = factors[:, :5].T
        return compose(SCENE, rows, shape * len(SIZES) + size, height, background, color)

    @property
    def _poses(self) -> tuple[int, int, int]:
        """How many camera heights and steps of the horizontal and the vertical axis there are."""
        return self.factor_sizes[3], self.factor_sizes[5], self.factor_sizes[6]

    def _blocks(self) -> Iterator[np.ndarray]:
        """The poses in order, one camera height and step of the horizontal axis a block: uint8 (40, ROW)."""
        heights, horizontal, vertical = map(range, self._poses)
        for height in heights:
            still = [still_layer(SCENE, height, v) for v in vertical]
            for h in horizontal:
                yield np.stack([draw_pose(SCENE, height, h, v, still[v]) for v in vertical])

    def _row(self, index: int) -> np.ndarray:
        """One pose, uint8 (ROW,)."""
        height, horizontal, vertical = map(int, np.unravel_index(index, self._poses))
        return draw_pose(SCENE, height, horizontal, vertical)


@functools.lru_cache(maxsize=16)
def fingerprint(scene: Scene) -> str:
    """A hex string of all numbers of the scene and of how they are drawn."""
    return hashlib.sha256(f"{LAYOUT}; {scene!r}".encode()).hexdigest()[:16]
