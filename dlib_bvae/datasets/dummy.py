"""dummy_data: factor values → images of bars, on a tiny grid, for tests and first tries."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import RENDERED

_VERSION = "1"


class DummyData(GroundTruthData):
    """Bars on 16×16 pixels: orientation (2: horizontal, vertical), length (4), row (8), column (8); 512 images, 0/1.

    Rendered from the index alone, so it needs no file.
    """

    name = "dummy_data"
    origin = RENDERED
    factor_names = ("orientation", "length", "row", "column")
    factor_sizes = (2, 4, 8, 8)
    observation_shape = (16, 16, 1)
    max_pixel = 1

    @property
    def fingerprint(self) -> str:
        """Changes with the version of the rendering and the grid."""
        return hashlib.sha256(f"{self.name} {_VERSION} {self.factor_sizes}".encode()).hexdigest()[:16]

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 16, 16, 1), values 0/1."""
        orientation, length, row, column = self.factors_at(indices).T[:, :, None, None]
        y, x = np.mgrid[:16, :16][:, None]
        size = 3 + 2 * length
        height, width = np.where(orientation == 0, 2, size), np.where(orientation == 0, size, 2)
        inside = (y >= row) & (y < row + height) & (x >= column) & (x < column + width)
        return inside.astype(np.uint8)[..., None]
