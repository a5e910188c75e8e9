"""shapes3d_rendered: 3D Shapes (Burgess & Kim 2018) drawn here on the official grid."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets import grids
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.files import cache_dir
from dlib_bvae.datasets.rendered import bit_cache
from dlib_bvae.datasets.rendered.shapes3d_layers import (
    FIRST_LAYER,
    FRACTION_BITS,
    LAYERS,
    SAMPLES,
    SKY_COLOUR,
    Painter,
    Scene,
    hue_levels,
)
from dlib_bvae.datasets.rendered.shapes3d_scene import ORIENTATIONS, SCALES, SHAPES, SIZE

_GEOMETRIES = (len(SCALES), len(SHAPES), len(ORIENTATIONS))
_HUES = hue_levels()


class Shapes3DRendered(GroundTruthData):
    """480,000 images of 64×64×3 pixels, 0 … 255: floor_hue (10: 0 … 0.9), wall_hue (10), object_hue (10), scale (8:
    0.75 … 1.25), shape (4: cube, cylinder, sphere, capsule), orientation (15: -30° … 30°).

    The official grid and index order. The 480 geometries are drawn once, without colours, into `cache_dir` (default:
    dlib_bvae.datasets.official.files.cache_dir()), 79 MiB; an image is put together from them when it is asked for.
    """

    name = "shapes3d_rendered"
    factor_names = grids.SHAPES3D
    factor_sizes = (len(_HUES), len(_HUES), len(_HUES), *_GEOMETRIES)
    observation_shape = (SIZE, SIZE, 3)

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid, the laws and every parameter of geometry, light and colour."""
        return _fingerprint()

    @property
    def cache_path(self) -> Path:
        """Where the drawn geometries lie; the name carries the fingerprint: another drawing has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    @functools.cached_property
    def _layers(self) -> np.ndarray:
        """int16 (480, LAYERS, 4096), memory-mapped."""
        shape = (int(np.prod(_GEOMETRIES)), LAYERS * SIZE * SIZE * 2)
        rows = bit_cache.open_or_draw(self.cache_path, shape, _blocks)
        return np.asarray(rows).view("<i2").reshape(shape[0], LAYERS, SIZE * SIZE)

    def images_at(self, indices: Any) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 3), values 0 … 255. Raises ValueError for indices off the grid.

        The first call draws or opens the cache file; raises UserError when that is damaged or cannot be written.
        """
        rows = self.check_indices(indices)
        geometry = rows % self._layers.shape[0]
        hues = np.stack(np.unravel_index(rows // self._layers.shape[0], self.factor_sizes[:3]), axis=1)
        return compose(self._layers, geometry, hues)


def compose(layers: np.ndarray, geometry: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Adds layers up to images.

    layers: int16 (geometries, LAYERS, 4096). geometry: int64 (n,). hues: int64 (n, 3), hue indices of floor, wall and
    object. Returns uint8 (n, 64, 64, 3).
    """
    flat = layers.reshape(-1, SIZE * SIZE)
    base = (geometry * LAYERS)[:, None]
    total = flat[base + np.arange(3)]
    for material, first in enumerate(FIRST_LAYER.values()):
        total += flat[base + first + _HUES[hues[:, material]]]
    total += 1 << (FRACTION_BITS - 1)
    total >>= FRACTION_BITS
    pixels = np.clip(total, 0, 255, out=total).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 2, 1)).reshape(-1, SIZE, SIZE, 3)


def _blocks() -> Iterator[np.ndarray]:
    """The geometries in order, one a block: uint8 (1, LAYERS · 4096 · 2)."""
    painter = Painter()
    for geometry in np.ndindex(*_GEOMETRIES):
        yield painter.draw(*geometry).reshape(1, -1).view(np.uint8)


@functools.cache
def _fingerprint() -> str:
    axes = (SCALES.round(9).tolist(), ORIENTATIONS.round(9).tolist(), _HUES.tolist(), SHAPES)
    drawing = ("lanczos3, layers clipped to 255", SAMPLES, FRACTION_BITS, SKY_COLOUR)
    parameters = asdict(Scene())
    text = json.dumps([Shapes3DRendered.name, axes, drawing, parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
