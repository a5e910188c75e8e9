"""celeba, chairs: pictures in archives (Liu et al. 2015, Aubry et al. 2014), without factors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats.archives import SIZE, decoded, read_pictures, resized
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_WIDTH, _HEIGHT = 178, 218  # pixels of a face
_TOP = (_HEIGHT - _WIDTH) // 2
_SIDE = 600  # pixels of a chair


class CelebA(OfficialData):
    """202,599 faces of 64×64×3 in the order of their numbers: the middle 178×178 of 178×218 pixels, reduced by Lanczos.

    No factors: celeba_attributes has the 40 attributes. The md5 is that on which independent public loaders agree.
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


class Chairs(OfficialData):
    """86,366 grey images of 64×64×1, 1,393 chairs in 62 views each, in the order of their names: 600×600 pixels made
    grey (ITU-R 601 luma), then reduced by Lanczos.

    No factors. The tar has no published checksum: the number, format and size of its pictures are checked.
    """

    name = "chairs"
    observation_shape = (SIZE, SIZE, 1)
    num_images = 86_366
    source = Source(
        page="https://www.di.ens.fr/willow/research/seeing3Dchairs/",
        licence="none stated; cite Aubry et al. 2014, Seeing 3D Chairs",
        files=(
            OfficialFile(
                "rendered_chairs.tar",
                urls=("https://www.di.ens.fr/willow/research/seeing3Dchairs/data/rendered_chairs.tar",),
            ),
        ),
        folder="rendered_chairs",
    )

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 1) from `first`."""
        path = place if place != self.folder else place / self.source.files[0].name
        pattern = r"rendered_chairs/[^/]+/renders/[^/.][^/]*\.png"
        return read_pictures(path, pattern, self.num_images, first, _chair)


def _chair(content: bytes) -> np.ndarray:
    return resized(decoded(content, (_SIDE, _SIDE), "L"))[..., None]
