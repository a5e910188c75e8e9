"""shapes3d: 3D Shapes (Burgess & Kim 2018) from its official file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets.formats import damaged, reading
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_BLOCK_ROWS = 2048
_MOST_CHUNK_ROWS = 32_768


class Shapes3D(OfficialData, GroundTruthData):
    """480,000 images of 64×64×3: floor_hue (10), wall_hue (10), object_hue (10), scale (8), shape (4: cube, cylinder,
    sphere, capsule), orientation (15: −30° … 30°).

    Its authors publish no checksum; size and md5 are those on which independent public loaders agree. The file's array
    `labels` is checked against the order of the grid.
    """

    name = "shapes3d"
    factor_names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    factor_sizes: tuple[int, ...] = (10, 10, 10, 8, 4, 15)
    observation_shape = (64, 64, 3)
    source = Source(
        page="https://github.com/google-deepmind/3d-shapes",
        licence="Apache 2.0",
        files=(
            OfficialFile(
                "3dshapes.h5",
                checksum="md5:099a2078d58cec4daad0702c55d06868",
                size=267_573_662,
                urls=("https://storage.googleapis.com/3d-shapes/3dshapes.h5",),
            ),
        ),
    )

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`, after the order has been checked."""
        import h5py  # 0.2 s that only a conversion needs

        path = place / self.source.files[0].name
        with reading(path, "an HDF5 file"), h5py.File(path, "r", rdcc_nbytes=2**27) as file:
            labels = self._array(path, file, "labels", "float64", (len(self.factor_sizes),))
            self._check_order(path, labels[:])
            images = self._array(path, file, "images", "uint8", self.observation_shape)
            step = _block_rows(images)
            # Whole chunks at a time: each is decompressed once.
            for start in range(first - first % step, self.num_images, step):
                yield images[max(start, first) : start + step]

    def _array(self, path: Path, file: Any, key: str, dtype: str, row_shape: tuple[int, ...]) -> Any:
        found = file.get(key)
        shape = (self.num_images, *row_shape)
        if getattr(found, "shape", None) != shape or found.dtype != dtype:
            got = f"{found.dtype} {found.shape}" if hasattr(found, "dtype") and hasattr(found, "shape") else "missing"
            raise damaged(path, f"its array {key!r} is {got} instead of {dtype} {shape}")
        return found

    def _check_order(self, path: Path, labels: np.ndarray) -> None:
        """Each factor's values must rise along the grid."""
        for k, name in enumerate(self.factor_names):
            values, places = np.unique(labels[:, k], return_inverse=True)
            grid = self.factors_at(np.arange(self.num_images))[:, k]
            if len(values) != self.factor_sizes[k] or not np.array_equal(places, grid):
                raise damaged(path, f"its images are not in the official order: see the labels of {name}")


def _block_rows(images: Any) -> int:
    """Rows to read at once: whole chunks, in bounded memory."""
    chunk = images.chunks[0] if images.chunks else 1
    return max(1, _BLOCK_ROWS // chunk) * chunk if chunk <= _MOST_CHUNK_ROWS else _BLOCK_ROWS
