"""The pattern on floor and walls of Shapes3D: square tiles of faint hexagonal dots, five of them darker on every tile.

Found from the residual of a plain drawing against the frames of the official animation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Columns and half rows of dots on a tile; a dot stands where column + half row is even.
_COLUMNS, _HALF_ROWS = 10, 16
_DARK_DOTS = ((0, 10), (0, 8), (1, 9), (1, 7), (2, 6))


@dataclass(frozen=True)
class Texture:
    """side: of a tile; offsets: where a tile begins, along the surface and across it; the rest are shares of the light.

    wall_offsets: along the left, back and right wall, each from left to right as seen from inside.
    """

    wall_side: float = 5.8552
    wall_offsets: tuple[float, float, float] = (0.2153, -0.09566, -0.1791)
    floor_side: float = 5.7892
    floor_offset: tuple[float, float] = (0.06227, -0.03749)
    contrast: float = 0.01011
    darkening: float = 0.05394
    dot_radius: float = 0.3791

    def on_walls(self, points: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Points and normals (n, 3) of the walls → share of the light they give back, float64 (n,), near 1."""
        along = points[:, 2] * normal[:, 0] - points[:, 0] * normal[:, 2]
        left, back, right = self.wall_offsets
        offset = np.where(normal[:, 2] < -0.5, back, np.where(normal[:, 0] > 0, left, right))
        return self._tile((along - offset) / self.wall_side, points[:, 1] / self.wall_side)

    def on_floor(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the floor → share of the light they give back, float64 (n,), near 1."""
        along = (points[:, 2] - self.floor_offset[0]) / self.floor_side
        across = (points[:, 0] - self.floor_offset[1]) / self.floor_side
        return self._tile(along - 0.8, 0.375 - across)

    def _tile(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """u, v in tiles → brightness (n,)."""
        column, row = 2 * np.pi * _COLUMNS * u, np.pi * _HALF_ROWS * v
        dots = self.contrast * (2 * np.cos(column / 2) * np.cos(row) + np.cos(column))
        dark = np.zeros(u.shape, bool)
        for i, j in _DARK_DOTS:
            du, dv = u - i / _COLUMNS, v - j / _HALF_ROWS
            dark |= np.hypot(du - np.rint(du), dv - np.rint(dv)) * self.wall_side < self.dot_radius
        return 1 + dots - self.darkening * dark
