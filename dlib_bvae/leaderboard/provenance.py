"""Where rows of a board come from: their images, as results record it or as earlier ones name them; versions of all they used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import dlib_bvae
from dlib_bvae import metrics
from dlib_bvae.datasets.images import EXTERNAL as EXTERNAL_IMAGES
from dlib_bvae.datasets.images import OFFICIAL, ORIGINS, RENDERED
from dlib_bvae.errors import UserError

_EXTERNAL_FILES = ("from_file", "image_folder")
_PROBED = re.compile(r", \d+ images, seed \d+$")  # what a probe says of itself after the data set
# The names of the data sets in versions whose results do not record the origin. Those of which no checksum is published, chairs
# and mpi3d_real_complex, are not among the official ones.
_VARIANTS = ("color_dsprites", "dsprites_noshape", "noisy_dsprites", "scream_dsprites")
_EARLIER_RENDERED = {
    *("dsprites_rendered", "dummy_data", "mpi3d_toy_rendered", "shapes3d_rendered"),
    *(f"{variant}_rendered" for variant in _VARIANTS),
}
_EARLIER_OFFICIAL = {
    *("cars3d", "celeba", "cifar10", "cifar100", "dsprites_full", "mpi3d_real", "mpi3d_realistic", "mpi3d_toy"),
    *("shapes3d", "smallnorb", *_VARIANTS),
}
_DERIVED = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


def origin_of(dataset: str, recorded: Iterable[str | None]) -> str:
    """Where the images of a row come from: one of datasets.images.ORIGINS.

    recorded: the origin in each result of the row, None in those of earlier versions. These go by the name of the
    `dataset`, such as "dsprites_rendered" or "probe(shapes3d, 1000 images, seed 0)". Where results differ, the row has what
    deserves least trust: external, then re-encoded, then rendered.
    """
    found = {_named_origin(dataset) if origin is None else origin for origin in recorded}
    return max(found, key=ORIGINS.index) if found and found <= {*ORIGINS} else EXTERNAL_IMAGES


def _named_origin(dataset: str) -> str:
    """What the name of a data set says in results of earlier versions; a derived set is as the one in its parentheses."""
    while (derived := _DERIVED.fullmatch(dataset)) and derived[1] not in _EXTERNAL_FILES:
        dataset = _PROBED.sub("", derived[2])
    if dataset in _EARLIER_RENDERED:
        return RENDERED
    return OFFICIAL if dataset in _EARLIER_OFFICIAL else EXTERNAL_IMAGES


def versions(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the `rows` of a board used: {"package_version", "data_sets", "metrics"}.

    data_sets: {"dataset", "version", "fingerprint"} of each. metrics: {"metric", "version", "changed"} of each; changed: the
    dated line of that version (Registry.versions), None where the metric is not installed or has no such version here.
    """
    data = {(row["dataset"], int(row["data_version"]), row["fingerprint"]) for row in rows}
    scored = {(row["metric"], int(row["metric_version"])) for row in rows}
    return {
        "package_version": dlib_bvae.__version__,
        "data_sets": [dict(zip(("dataset", "version", "fingerprint"), each, strict=True)) for each in sorted(data)],
        "metrics": [
            {"metric": name, "version": version, "changed": _changed(name, version)} for name, version in sorted(scored)
        ],
    }


def _changed(metric: str, version: int) -> str | None:
    try:
        return metrics.versions(metric).get(version)
    except UserError:  # not installed, or a plug-in that cannot be imported
        return None
