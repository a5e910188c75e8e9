"""dsprites_rendered: dSprites (Matthey et al. 2017) drawn here on the official grid."""

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
from dlib_bvae.datasets.rendered.dsprites_shapes import ORIENTATIONS, POSITIONS, SCALES, SHAPES, SIZE, draw_rows, place

_POSITIONS = len(POSITIONS) ** 2


class DSpritesRendered(GroundTruthData):
    """737,280 images of 64×64 pixels, 0/1: shape (3: square, ellipse, heart), scale (6: 0.5 … 1), orientation (40:
    0 … 2π, the first and the last look alike), position_x (32), position_y (32).

    The official grid and index order without its colour factor of one value. The pixels are drawn once, bit-packed,
    into `cache_dir` (default: dlib_bvae.datasets.official.files.cache_dir()).
    """

    name = "dsprites_rendered"
    factor_names = grids.DSPRITES
    factor_sizes = (len(SHAPES), len(SCALES), len(ORIENTATIONS), len(POSITIONS), len(POSITIONS))
    observation_shape = (SIZE, SIZE, 1)
    max_pixel = 1

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid and with any corner of any figure."""
        return _fingerprint()

    @property
    def cache_path(self) -> Path:
        """Where the drawn grid lies; the name carries the fingerprint, so that another drawing has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    def packed(self) -> np.ndarray:
        """The whole grid, uint8 (737280, 512), memory-mapped: np.packbits of the pixels row by row.

        Raises UserError when the cache file is damaged or cannot be written.
        """
        return self._rows

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        return bit_cache.open_or_draw(self.cache_path, (self.num_images, SIZE * SIZE // 8), self._blocks, self._row)

    def images_at(self, indices: Any) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 1), values 0/1. Raises ValueError for indices off the grid."""
        rows = self._rows[self.check_indices(indices)]
        return np.unpackbits(rows, axis=1).reshape(-1, *self.observation_shape)

    def _blocks(self) -> Iterator[np.ndarray]:
        """The grid in order, one figure at all its positions a block: uint8 (1024, 512)."""
        for figure in np.ndindex(*self.factor_sizes[:3]):
            yield _bytes(draw_rows(*figure)).reshape(_POSITIONS, -1)

    def _row(self, index: int) -> np.ndarray:
        """One image, packed: uint8 (512,)."""
        shape, scale, orientation, x, y = self.factors_at([index])[0]
        return _bytes(draw_rows(int(shape), int(scale), int(orientation))[x, y])


def _bytes(rows: np.ndarray) -> np.ndarray:
    """uint64 (…, 64 rows) → uint8 (…, 512), left pixel in the highest bit."""
    return rows.astype(">u8").view(np.uint8)


@functools.cache
def _fingerprint() -> str:
    digest = hashlib.sha256(b"dsprites_rendered, corners on 1/256 pixel, pixel centres, even-odd")
    digest.update(POSITIONS.round(6).tobytes())
    for figure in np.ndindex(len(SHAPES), len(SCALES), len(ORIENTATIONS)):
        # Rounded, so that another machine's last bit of a sine changes nothing.
        digest.update((place(*figure).round(6) + 0.0).tobytes())
    return digest.hexdigest()[:16]
