"""Data sets by name: load("dsprites_rendered") gives images on a grid of factors."""

from __future__ import annotations

from typing import TypeAlias

import gin

from dlib_bvae.datasets.ground_truth import (
    DlibData,
    FactorDataset,
    FromDuckType,
    GroundTruthData,
    LabelledImages,
    has_duck_type,
)
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry, configurable

__all__ = [
    "DATASETS",
    "DERIVED",
    "DataLike",
    "DlibData",
    "FactorDataset",
    "FromDuckType",
    "GroundTruthData",
    "ImageData",
    "LabelledImages",
    "load",
    "as_dataset",
    "as_factor_dataset",
    "names",
    "recorded",
    "version_of",
]

# What a data set may be given as: its name, itself, or an object of disentanglement_lib's duck type.
DataLike: TypeAlias = str | ImageData | FactorDataset | DlibData

_OFFICIAL = {
    "cars3d": "official.cars3d:Cars3D",
    "celeba": "official.celeba_and_chairs:CelebA",
    "chairs": "official.celeba_and_chairs:Chairs",
    "cifar10": "official.cifar:CIFAR10",
    "cifar100": "official.cifar:CIFAR100",
    "dsprites_full": "official.dsprites_full:DSpritesFull",
    "mpi3d_real": "official.mpi3d:MPI3DReal",
    "mpi3d_real_complex": "official.mpi3d:MPI3DRealComplex",
    "mpi3d_realistic": "official.mpi3d:MPI3DRealistic",
    "mpi3d_toy": "official.mpi3d:MPI3DToy",
    "shapes3d": "official.shapes3d:Shapes3D",
    "smallnorb": "official.smallnorb:SmallNORB",
}
_RENDERED = {
    "dsprites_continuous": "rendered.dsprites_continuous:DSpritesContinuous",
    "dsprites_rendered": "rendered.dsprites:DSpritesRendered",
    "dummy_data": "dummy:DummyData",
    "mpi3d_toy_rendered": "rendered.mpi3d_toy:MPI3DToyRendered",
    "shapes3d_continuous": "rendered.shapes3d_continuous:Shapes3DContinuous",
    "shapes3d_rendered": "rendered.shapes3d:Shapes3DRendered",
    "xysquares": "rendered.xysquares:XYSquares",
}
_VARIANTS = {
    f"{variant}{rendered}": f"derived.dsprites_variants:{variant}{rendered}"
    for variant in ("color_dsprites", "dsprites_noshape", "noisy_dsprites", "scream_dsprites")
    for rendered in ("", "_rendered")
}
_VARIANTS["celeba_attributes"] = "official.celeba_attributes:CelebAAttributes"
_VARIANTS["cifar10_jpeg"] = "official.cifar10_jpeg:CIFAR10JPEG"
# Derived from another data set or read from the user's files, which a configuration has to name.
DERIVED = {
    "causal": "derived.dependent:Causal",
    "causal_chamber": "external.causal_chamber:causal_chamber",
    "correlated": "derived.training_distribution:Correlated",
    "from_file": "external.from_file:from_file",
    "grayscale": "derived.pixels:grayscale",
    "held_out": "derived.training_distribution:HeldOut",
    "image_folder": "external.image_folder:image_folder",
    "probe": "derived.subsets:Subsample",
    "redundant": "derived.dependent:Redundant",
    "resized": "derived.pixels:resized",
    "sequences": "derived.sequences:Sequences",
    "subset": "derived.subsets:Subset",
}

DATASETS = Registry(
    "data set",
    "dlib_bvae.datasets",
    {name: f"dlib_bvae.datasets.{address}" for name, address in (_OFFICIAL | _RENDERED | _VARIANTS | DERIVED).items()},
)


def names() -> list[str]:
    """The names that load() knows."""
    return DATASETS.names()


def version_of(data: ImageData) -> int:
    """The version of a data set, from 1: that of its name in the registry (Registry.versions), 1 where it has none.

    That of a derived set rises with each step of what it does and of the set that it is derived from.
    """
    name, inner = data.name.partition("(")[0], getattr(data, "data", None)
    own = DATASETS.version(name) if name in DATASETS else 1
    return own + version_of(inner) - 1 if isinstance(inner, ImageData) else own


def recorded(data: ImageData) -> dict[str, str | int]:
    """What results say of their images: "dataset", "fingerprint", "data_version" and "origin"."""
    return {
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "data_version": version_of(data),
        "origin": data.origin,
    }


@configurable("dataset")
def load(name: DataLike = gin.REQUIRED) -> ImageData:
    """Returns the data set called `name`; gin may also give a reference, such as @subset() or a function of your module.

    Raises UnknownName, which lists the near names, and UserError for what is no data set.
    """
    return as_dataset(name, "dataset.name")


def as_dataset(data: DataLike, parameter: str) -> ImageData:
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


def as_factor_dataset(data: DataLike, parameter: str) -> GroundTruthData:
    """Like as_dataset(), for what needs a grid of factors. Raises UserError for images without one."""
    value = as_dataset(data, parameter)
    if isinstance(value, LabelledImages):
        raise UserError(f"{parameter} must be a data set with every combination of its factors; {value.name} has not")
    if not isinstance(value, GroundTruthData):
        raise UserError(f"{parameter} must be a data set with known factors; {value.name} has images only")
    return value
