"""Data sets by name: load("dsprites_rendered") gives images on a grid of factors."""

from __future__ import annotations

from typing import Any

import gin

from dlib_bvae.datasets.duck_type import FromDuckType, has_duck_type
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry

__all__ = ["DATASETS", "FromDuckType", "GroundTruthData", "ImageData", "load", "made", "made_grid", "names"]

_VARIANTS = (
    "color_dsprites",
    "color_dsprites_rendered",
    "dsprites_noshape",
    "dsprites_noshape_rendered",
    "noisy_dsprites",
    "noisy_dsprites_rendered",
    "scream_dsprites",
    "scream_dsprites_rendered",
)

DATASETS = Registry(
    "data set",
    "dlib_bvae.datasets",
    {
        "dsprites_full": "dlib_bvae.datasets.dsprites_full:DSpritesFull",
        "dsprites_rendered": "dlib_bvae.datasets.rendered.dsprites:DSpritesRendered",
        "dummy_data": "dlib_bvae.datasets.dummy:DummyData",
        "shapes3d_rendered": "dlib_bvae.datasets.rendered.shapes3d:Shapes3DRendered",
        "mpi3d_toy_rendered": "dlib_bvae.datasets.rendered.mpi3d_toy:MPI3DToyRendered",
        "mpi3d_real": "dlib_bvae.datasets.mpi3d:MPI3DReal",
        "mpi3d_real_complex": "dlib_bvae.datasets.mpi3d:MPI3DRealComplex",
        "mpi3d_realistic": "dlib_bvae.datasets.mpi3d:MPI3DRealistic",
        "mpi3d_toy": "dlib_bvae.datasets.mpi3d:MPI3DToy",
        "shapes3d": "dlib_bvae.datasets.shapes3d:Shapes3D",
        # made of another data set
        "correlated": "dlib_bvae.datasets.wrappers.correlated:Correlated",
        "grayscale": "dlib_bvae.datasets.wrappers.pixels:grayscale",
        "held_out": "dlib_bvae.datasets.wrappers.held_out:HeldOut",
        "resized": "dlib_bvae.datasets.wrappers.pixels:resized",
        "subset": "dlib_bvae.datasets.wrappers.subset:Subset",
        **{name: f"dlib_bvae.datasets.wrappers.dsprites_variants:{name}" for name in _VARIANTS},
        # made of the user's files
        "from_file": "dlib_bvae.datasets.own.from_file:from_file",
        "image_folder": "dlib_bvae.datasets.own.image_folder:ImageFolder",
    },
)


def names() -> list[str]:
    """The names that load() knows."""
    return DATASETS.names()


@gin.configurable("dataset")
def load(name: Any = gin.REQUIRED) -> Any:
    """Returns the data set called `name`; gin may also give a reference, such as @subset() or a function of yours.

    Raises UnknownName, which lists the near names, and UserError for what is no data set.
    """
    return made(name, "dataset.name")


def made(data: Any, parameter: str) -> ImageData:
    """The data set that `data` stands for: a name, a data set, or an object of disentanglement_lib's duck type.

    parameter: what the user set, for the sentence of the UserError that says it is none of these.
    """
    value = DATASETS.get(data)() if isinstance(data, str) else data
    if isinstance(value, ImageData):
        return value
    if has_duck_type(value):
        return FromDuckType(value)
    raise UserError(
        f"{parameter} must be a data set: a name such as 'dsprites_rendered', or a reference such as @subset() with its "
        f"parentheses; got {value!r}"
    )


def made_grid(data: Any, parameter: str) -> GroundTruthData:
    """Like made(), for what needs factors. Raises UserError for images without them."""
    value = made(data, parameter)
    if not isinstance(value, GroundTruthData):
        raise UserError(f"{parameter} must be a data set with known factors; {value.name} has images only")
    return value
