"""What a board says of a row besides its scores: the method, its supervision, and where its images come from."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What a method's training is told of the factors beside the images: "none", "pairs" of images that share most of them,
# the "labels" of some images, or the "factors" of all. The one table; a test holds it against Objective.wants.
SUPERVISION = {
    **dict.fromkeys(
        (
            "annealed_vae",
            "beta_tc_vae",
            "control_vae",
            "dip_vae",
            "factor_qvae",
            "factor_vae",
            "fast_ica",
            "hfs",
            "info_vae",
            "joint_vae",
            "mr_vae",
            "pca",
            "qlae",
            "random_encoder",
            "vae",
            "vq_vae",
            "wae_mmd",
        ),
        "none",
    ),
    "ada_gvae": "pairs",
    "ada_ml_vae": "pairs",
    "s2_vae": "labels",
    "oracle": "factors",
}
NOT_STATED = "not stated"
EXTERNAL = "external codes"  # the method of codes that were not computed here

_EXTERNAL_FILES = ("from_file", "image_folder")
_PROBED = re.compile(r", \d+ images, seed \d+$")  # what a probe says of itself after the data set
_DERIVED = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


def method_of(config: Mapping[str, object]) -> str:
    """The gin name of the objective or fitted model that a training configuration gives: {"model.model": "@vae()"} → "vae"."""
    reference = config.get("model.model")
    if not isinstance(reference, str) or not reference.startswith("@"):
        return EXTERNAL
    return reference.removeprefix("@").removesuffix("()").split("/")[-1].split(".")[-1]


def supervision_of(method: str) -> str:
    """An entry of SUPERVISION; NOT_STATED for external codes and for methods of other packages."""
    return SUPERVISION.get(method, NOT_STATED)


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
