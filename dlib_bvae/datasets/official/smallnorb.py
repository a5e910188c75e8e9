"""smallnorb: SmallNORB (LeCun et al. 2004) from its official files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats import damaged
from dlib_bvae.datasets.formats.archives import SIZE, resized
from dlib_bvae.datasets.formats.array_blocks import read_matrix
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_PAGE = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
_BLOCK = 4096
_CHECKSUMS = {
    "5x46789x9x18x6x2x96x96-training-dat": "66054832f9accfe74a0f4c36a75bc0a2",
    "5x46789x9x18x6x2x96x96-training-cat": "23c8b86101fbf0904a000b43d3ed2fd9",
    "5x46789x9x18x6x2x96x96-training-info": "51dee1210a742582ff607dfd94e332e3",
    "5x01235x9x18x6x2x96x96-testing-dat": "e4ad715691ed5a3a5f138751a4ceb071",
    "5x01235x9x18x6x2x96x96-testing-cat": "5aa791cd7e6016cf957ce9bdb93b8603",
    "5x01235x9x18x6x2x96x96-testing-info": "a9454f3864d7fd4bb3ea7fc3eb84924e",
}


def _file(name: str, checksum: str) -> OfficialFile:
    name = f"smallnorb-{name}.mat.gz"
    return OfficialFile(name, f"md5:{checksum}", urls=(f"{_PAGE}{name}",))


class SmallNORB(OfficialData, GroundTruthData):
    """48,600 images of the left camera, 64×64×1: category (5: animal, human, airplane, truck, car), elevation (9),
    azimuth (18), lighting (6); each of the 4,860 cells of this grid has 10 images, one a toy (instance).

    As in disentanglement_lib the instance is no factor: where images are sampled at given factors it is drawn by the
    random state. Image 10 · cell + instance is the toy `instance` of a cell. The training and the testing half are taken
    together; the official 96×96 pixels are reduced by Lanczos.
    """

    name = "smallnorb"
    factor_names = ("category", "elevation", "azimuth", "lighting")
    factor_sizes: tuple[int, ...] = (5, 9, 18, 6)
    images_per_cell = 10
    observation_shape = (SIZE, SIZE, 1)
    source = Source(
        page=_PAGE,
        licence="free for research; cite LeCun et al. 2004",
        files=tuple(_file(name, checksum) for name, checksum in _CHECKSUMS.items()),
    )

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 1) from `first`."""
        paths = [place / file.name for file in self.source.files]
        images = np.empty((self.num_images, *self.observation_shape), np.uint8)
        seen = np.zeros(self.num_images, bool)
        for dat, cat, info in (paths[:3], paths[3:]):
            rows = self._rows(cat, info)
            if seen[rows].any() or len(np.unique(rows)) != len(rows):
                raise damaged(
                    info, "two of its images have the same category, instance, elevation, azimuth and lighting"
                )
            seen[rows] = True
            start = 0
            for pairs in read_matrix(dat, "uint8", (self.num_images // 2, 2, 96, 96)):
                for row, pair in zip(rows[start : start + len(pairs)], pairs, strict=True):
                    images[row, ..., 0] = resized(pair[0])
                start += len(pairs)
        for start in range(first, self.num_images, _BLOCK):
            yield images[start : start + _BLOCK]

    def _rows(self, cat: Path, info: Path) -> np.ndarray:
        """Where each image of a half belongs, int64 (images / 2,)."""
        half = self.num_images // 2
        category = np.concatenate(list(read_matrix(cat, "int32", (half,))))
        details = np.concatenate(list(read_matrix(info, "int32", (half, 4))))
        instance, elevation, azimuth, lighting = details.T
        # The official azimuth counts in steps of 10°, of which every second one occurs.
        values = np.stack([category, elevation, azimuth // 2, lighting, instance], axis=1)
        sizes = (*self.factor_sizes, self.images_per_cell)
        if (values < 0).any() or (values >= sizes).any() or (azimuth % 2).any():
            raise damaged(info, f"it has values outside 0 … size - 1 for the sizes {sizes}")
        return np.ravel_multi_index(tuple(values.T), sizes)
