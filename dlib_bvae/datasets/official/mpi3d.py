"""mpi3d_toy, mpi3d_realistic, mpi3d_real, mpi3d_real_complex: MPI3D (Gondal et al. 2019) from its official files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats.array_blocks import read_rows
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source

_PAGE = "https://github.com/rr-learning/disentanglement_dataset"
_LICENCE = "CC-BY 4.0"


def _source(name: str, md5: str) -> Source:
    urls = (
        f"https://storage.googleapis.com/disentanglement_dataset/Final_Dataset/{name}",
        f"https://storage.googleapis.com/mpi3d_disentanglement_dataset/data/{name}",
        f"https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main/{name}",
    )
    return Source(_PAGE, _LICENCE, (OfficialFile(name, f"md5:{md5}", urls=urls),))


class _MPI3D(OfficialData, GroundTruthData):
    factor_names = (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    )
    factor_sizes: tuple[int, ...] = (6, 6, 2, 3, 3, 40, 40)
    observation_shape = (64, 64, 3)

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`."""
        return read_rows(
            place / self.source.files[0].name, "images", "uint8", self.num_images, self.observation_shape, first
        )


class MPI3DToy(_MPI3D):
    """1,036,800 simply rendered images of 64×64×3: object_color (6: white, green, red, blue, brown, olive),
    object_shape (6: cone, cube, cylinder, hexagonal, pyramid, sphere), object_size (2), camera_height (3),
    background_color (3: purple, sea green, salmon), horizontal_axis (40), vertical_axis (40).
    """

    name = "mpi3d_toy"
    source = _source("mpi3d_toy.npz", "55889cb7c7dfc655d6e0277beee88868")


class MPI3DRealistic(_MPI3D):
    """1,036,800 realistically rendered images of 64×64×3, on the grid of mpi3d_toy."""

    name = "mpi3d_realistic"
    source = _source("mpi3d_realistic.npz", "59a6225b88b635365f70c91b3e52f70f")


class MPI3DReal(_MPI3D):
    """1,036,800 photographs of 64×64×3, on the grid of mpi3d_toy."""

    name = "mpi3d_real"
    source = _source("mpi3d_real.npz", "0f33f609918fb5c97996692f91129802")


class MPI3DRealComplex(_MPI3D):
    """460,800 photographs of 64×64×3: object_color (4), object_shape (4: coffee-cup, tennis-ball, croissant, beer-cup),
    and the other factors of mpi3d_toy. Its file has no published checksum.
    """

    name = "mpi3d_real_complex"
    factor_sizes = (4, 4, 2, 3, 3, 40, 40)
    source = Source(_PAGE, _LICENCE, (OfficialFile("real3d_complicated_shapes_ordered.npz"),))
