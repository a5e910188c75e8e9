"""cars3d: Cars3D (Reed et al. 2015) from its official archive."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats import damaged, reading
from dlib_bvae.datasets.formats.archives import SIZE, resized, tar_members
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_LARGEST = 2**26
_MEMBER = r"data/cars/([^/]+\.mat|list\.txt)"


class Cars3D(OfficialData, GroundTruthData):
    """17,568 images of 64×64×3: elevation (4), azimuth (24), object_type (183).

    The official images have 128×128 pixels and are reduced by Lanczos, as in disentanglement_lib. Object types are in
    the order of the archive's list.txt; disentanglement_lib takes whatever order the file system lists them in.
    """

    name = "cars3d"
    factor_names = ("elevation", "azimuth", "object_type")
    factor_sizes: tuple[int, ...] = (4, 24, 183)
    observation_shape = (SIZE, SIZE, 3)
    source = Source(
        page="http://www.scottreed.info",
        licence="none stated; cite Reed et al. 2015, Deep Visual Analogy-Making",
        files=(
            OfficialFile(
                "nips2015-analogy-data.tar.gz",
                checksum="md5:4e866a7919c1beedf53964e6f7a23686",
                urls=("http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",),
            ),
        ),
    )

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`, one elevation and azimuth a block."""
        path = place / self.source.files[0].name
        elevations, azimuths, cars = self.factor_sizes
        grid = np.empty((elevations, azimuths, cars, *self.observation_shape), np.uint8)
        with reading(path, "the archive of Cars3D"):
            names, meshes = self._members(path)
            if len(names) != cars or len(set(names)) != cars:
                raise damaged(path, f"its list.txt names {len(set(names))} cars instead of {cars}")
            for k, name in enumerate(names):
                if name not in meshes:
                    raise damaged(path, f"it has no {name}.mat")
                grid[:, :, k] = meshes[name]
        images = grid.reshape(self.num_images, *self.observation_shape)
        for start in range(first, self.num_images, cars):
            yield images[start : start + cars]

    def _members(self, path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
        """The names in list.txt, and the images of each car uint8 (elevation, azimuth, 64, 64, 3)."""
        names: list[str] = []
        meshes = {}
        for member, content in tar_members(path, lambda name: re.fullmatch(_MEMBER, name) is not None, _LARGEST):
            name = member.removeprefix("data/cars/")
            if name == "list.txt":
                names = content.decode("utf-8").split()
            else:
                meshes[name.removesuffix(".mat")] = self._mesh(content)
        return names, meshes

    def _mesh(self, content: bytes) -> np.ndarray:
        from scipy.io import loadmat

        elevations, azimuths, _ = self.factor_sizes
        shape = (128, 128, 3, azimuths, elevations)
        images = loadmat(io.BytesIO(content), variable_names=["im"]).get("im")
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape != shape:
            got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else "missing"
            raise ValueError(f"`im` of a car is {got} instead of uint8 {shape}")
        rows = np.ascontiguousarray(images.transpose(4, 3, 0, 1, 2)).reshape(-1, 128, 128, 3)
        return np.stack([resized(row) for row in rows]).reshape(elevations, azimuths, SIZE, SIZE, 3)
