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
        "dsprites_rendered": "dlib_bvae.datasets.rendered.dsprites:DSpritesRendered",
        "dummy_data": "dlib_bvae.datasets.dummy:DummyData",
        "shapes3d_rendered": "dlib_bvae.datasets.rendered.shapes3d:Shapes3DRendered",
        "mpi3d_toy_rendered": "dlib_bvae.datasets.rendered.mpi3d_toy:MPI3DToyRendered",
    },
)


def names() -> list[str]:
    """The names that load() knows."""
    return DATASETS.names()


@gin.configurable("dataset")
def load(name: str = gin.REQUIRED) -> Any:
    """Returns the data set called `name`. Raises UnknownName, which lists the near ones."""
    return DATASETS.get(name)()
