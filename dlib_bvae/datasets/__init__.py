"""Data sets by name: load("dsprites_rendered") gives images on a grid of factors."""

from __future__ import annotations

from typing import Any

import gin

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.registry import Registry

__all__ = ["DATASETS", "GroundTruthData", "ImageData", "load", "names"]

DATASETS = Registry(
    "data set",
    "dlib_bvae.datasets",
    {
        "cars3d": "dlib_bvae.datasets.cars3d:Cars3D",
        "celeba": "dlib_bvae.datasets.celeba:CelebA",
        "chairs": "dlib_bvae.datasets.chairs:Chairs",
        "cifar10": "dlib_bvae.datasets.cifar:CIFAR10",
        "cifar100": "dlib_bvae.datasets.cifar:CIFAR100",
        "dsprites_full": "dlib_bvae.datasets.dsprites_full:DSpritesFull",
        "dsprites_rendered": "dlib_bvae.datasets.rendered.dsprites:DSpritesRendered",
        "dummy_data": "dlib_bvae.datasets.dummy:DummyData",
        "mpi3d_real": "dlib_bvae.datasets.mpi3d:MPI3DReal",
        "mpi3d_real_complex": "dlib_bvae.datasets.mpi3d:MPI3DRealComplex",
        "mpi3d_realistic": "dlib_bvae.datasets.mpi3d:MPI3DRealistic",
        "mpi3d_toy": "dlib_bvae.datasets.mpi3d:MPI3DToy",
        "shapes3d": "dlib_bvae.datasets.shapes3d:Shapes3D",
        "smallnorb": "dlib_bvae.datasets.smallnorb:SmallNORB",
    },
)


def names() -> list[str]:
    """The names that load() knows."""
    return DATASETS.names()


@gin.configurable("dataset")
def load(name: str = gin.REQUIRED) -> Any:
    """Returns the data set called `name`. Raises UnknownName, which lists the near ones."""
    return DATASETS.get(name)()
