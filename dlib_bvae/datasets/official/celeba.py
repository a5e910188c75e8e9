"""celeba: the aligned faces of CelebA (Liu et al. 2015) from the official zip or its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats.pictures import SIZE, decoded, read_pictures, resized
from dlib_bvae.datasets.official.files import OfficialFile, Source
from dlib_bvae.datasets.official.official import OfficialData

_WIDTH, _HEIGHT = 178, 218
_TOP = (_HEIGHT - _WIDTH) // 2


class CelebA(OfficialData):
    """202,599 faces of 64×64×3 in the order of their numbers: the middle 178×178 of 178×218 pixels, reduced by Lanczos.

    No factors; the 40 attributes are not read. The md5 is that on which independent public loaders agree.
    """

    name = "celeba"
    observation_shape = (SIZE, SIZE, 3)
    num_images = 202_599
    source = Source(
        page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        licence="non-commercial research only",
        files=(OfficialFile("img_align_celeba.zip", "md5:00d2c5bc6d35e252742224ab0c1e8fcb"),),
        folder="img_align_celeba",
    )

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`."""
        path = place if place != self.folder else place / self.source.files[0].name
        return read_pictures(path, r"img_align_celeba/\d{6}\.jpg", self.num_images, first, _face)


def _face(content: bytes) -> np.ndarray:
    return resized(decoded(content, (_WIDTH, _HEIGHT), "RGB")[_TOP : _TOP + _WIDTH])
