"""chairs: rendered chairs (Aubry et al. 2014) from the official tar or its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats.pictures import SIZE, decoded, read_pictures, resized
from dlib_bvae.datasets.official.files import OfficialFile, Source
from dlib_bvae.datasets.official.official import OfficialData

_SIDE = 600


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
