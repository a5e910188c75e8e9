"""Fréchet distances by name: each with its own protocol, none in another's place."""

from __future__ import annotations

from typing import NamedTuple

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject
from dlib_bvae.re_beta_vae.rows import column, value

_STEM = "evaluation_results."
_IMAGES = f"{_STEM}protocol.images_each_side"
_ALWAYS = ("fid_reconstruction", "fid_sample")


class Distance(NamedTuple):
    """name: the score's, e.g. fid_sample; codes: mean or sampled, None where nothing was run; images: of each side."""

    name: str
    codes: str | None
    images: int | None

    def __str__(self) -> str:
        if self.codes is None:
            return self.name
        return f"{self.name} ({self.codes} codes{f', {self.images:,} images a side' if self.images else ''})"


def distances(evidence: Evidence, subject: Subject) -> dict[Distance, dict[str, list[float]]]:
    """Distance → β-VAE → values over seeds. FID of reconstructions and of samples are there even where nothing was run."""
    rows = evidence.rows[
        (evidence.rows["dataset"] == subject.dataset) & (evidence.rows["architecture"] == subject.architecture)
    ]
    found: dict[Distance, dict[str, list[float]]] = {}
    for name in sorted(_names(rows.columns), key=lambda each: (not each.startswith("fid_"), each)):
        scored = rows[column(rows, f"{_STEM}{name}").notna()].assign(
            images=lambda part: column(part, _IMAGES).map(value)
        )
        for (codes, images), part in scored.groupby(["representation", "images"], dropna=False):
            key = Distance(name, str(codes), None if images is None or images != images else int(images))
            found[key] = {model: _values(part[part["model"] == model], name) for model in paper.VAES}
    for name in _ALWAYS:
        if not any(each.name == name for each in found):
            found[Distance(name, None, None)] = {model: [] for model in paper.VAES}
    return found


def _names(columns: list[str]) -> set[str]:
    names = {name.removeprefix(_STEM) for name in columns if name.startswith((f"{_STEM}fid_", f"{_STEM}fd_"))}
    return {name for name in names if not name.endswith("_std")}


def _values(part, name: str) -> list[float]:
    numbers = part[f"{_STEM}{name}"].map(value).astype(float)
    return [float(each) for each in numbers.groupby(part["seed"]).mean()]
