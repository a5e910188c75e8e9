"""What a board says of a row besides its scores: the method, what it learns of the factors, where its images come from."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from dlib_bvae.errors import UserError

NOT_STATED = "not stated"
EXTERNAL = "external codes"  # the method of external codes

_EXTERNAL_FILES = ("from_file", "image_folder")
_PROBED = re.compile(r", \d+ images, seed \d+$")  # what a probe says of itself after the data set
_DERIVED = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


def method_of(config: Mapping[str, object]) -> str:
    """The gin name of the objective or fitted model that a training configuration gives: {"model.model": "@vae()"} → "vae"."""
    reference = config.get("model.model")
    if not isinstance(reference, str) or not reference.startswith("@"):
        return EXTERNAL
    return reference.removeprefix("@").removesuffix("()").split("/")[-1].split(".")[-1]


@functools.cache
def supervision_of(method: str) -> str:
    """What the training of a method learns of the factors besides the images, of results that do not record it.

    "none", "pairs" of images that share most of them, the "labels" of some images, or the "factors" of all; NOT_STATED for
    external codes, and for a method of a package that is not installed or cannot be imported. Imports TensorFlow.
    """
    if method == EXTERNAL:
        return NOT_STATED
    from dlib_bvae.models.baselines import BASELINES
    from dlib_bvae.models.objectives import OBJECTIVES

    try:
        if method in OBJECTIVES:
            wants = getattr(OBJECTIVES.get(method), "wants", None)
            return getattr(wants, "supervision", NOT_STATED)
        return getattr(BASELINES.get(method), "supervision", NOT_STATED)
    except UserError:  # unknown, or a plug-in that cannot be imported
        return NOT_STATED


def origin_of(dataset: str) -> str:
    """Where the images of a data set come from: "rendered" by this package, "official" files, or "external" (all others).

    dataset: as results name it, such as "dsprites_rendered" or "probe(shapes3d, 1000 images, seed 0)": a derived
    set has the origin of the one it is derived from.
    """
    from dlib_bvae.datasets import DATASETS

    while (derived := _DERIVED.fullmatch(dataset)) and derived[1] not in _EXTERNAL_FILES:
        dataset = _PROBED.sub("", derived[2])
    if dataset.endswith("_rendered") or dataset == "dummy_data":
        return "rendered"
    return "official" if dataset in DATASETS.names() else "external"
