"""dsprites_full: dSprites (Matthey et al. 2017) from its official file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.formats import damaged
from dlib_bvae.datasets.formats.array_blocks import read_rows
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"


class DSpritesFull(OfficialData, GroundTruthData):
    """737,280 images of 64×64 pixels, 0/1: shape (3: square, ellipse, heart), scale (6: 0.5 … 1), orientation (40:
    0 … 2π, the first and the last look alike), position_x (32), position_y (32).

    The official order without its colour factor of one value, as in dsprites_rendered: the same index is the same
    picture. The file's array `latents_classes` is checked against that order; its pickled `metadata` is never loaded.
    """

    name = "dsprites_full"
    factor_names = ("shape", "scale", "orientation", "position_x", "position_y")
    factor_sizes: tuple[int, ...] = (3, 6, 40, 32, 32)
    observation_shape = (64, 64, 1)
    max_pixel = 1
    source = Source(
        page="https://github.com/google-deepmind/dsprites-dataset",
        licence="zlib/libpng",
        files=(
            OfficialFile(
                _FILE,
                checksum="git-blob:d98996d3f8ee1550e06b9d4ed78d0beb478910d5",
                urls=(
                    f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{_FILE}",
                    f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{_FILE}",
                ),
            ),
        ),
    )

    @property
    def row_shape(self) -> tuple[int, ...]:
        """An image, packed: 8 pixels a byte."""
        return (64 * 64 // 8,)

    def packed(self) -> np.ndarray:
        """The whole grid, uint8 (737280, 512), memory-mapped: np.packbits of the pixels row by row."""
        return self.rows

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 1), values 0/1."""
        return np.unpackbits(super().images_at(indices), axis=1).reshape(-1, *self.observation_shape)

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Packed rows uint8 (n, 512) from `first`, after the order has been checked."""
        path = place / self.source.files[0].name
        self._check_order(path)
        for block in read_rows(path, "imgs", "uint8", self.num_images, (64, 64), first):
            if block.max() > 1:
                raise damaged(path, f"it has a pixel of value {block.max()} instead of 0 or 1")
            yield np.packbits(block.reshape(len(block), -1), axis=1)

    def _check_order(self, path: Path) -> None:
        start = 0
        for classes in read_rows(path, "latents_classes", "int64", self.num_images, (6,)):
            expected = self.factors_at(np.arange(start, start + len(classes)))
            if classes[:, 0].any() or not np.array_equal(classes[:, 1:], expected):
                raise damaged(path, f"its images {start} … {start + len(classes) - 1} are not in the official order")
            start += len(classes)
