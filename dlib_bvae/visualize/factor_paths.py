"""Where the codes go when one factor changes (Figure 5 of the [Re] β-VAE report)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.visualize.curves import COLOURS
from dlib_bvae.visualize.latents import short
from dlib_bvae.visualize.tiles import figure_png

_MARKS = "osD^vP*X<>"
_GREY = "0.8"


class Plane(NamedTuple):
    """The first two principal components of codes (images, latents).

    center: (latents,). axes: (2, latents), orthonormal; the second is 0 where the codes have one latent. shares: of the variance,
    (2,), in 0 … 1.
    """

    center: np.ndarray
    axes: np.ndarray
    shares: np.ndarray

    def project(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, latents) → places float64 (n, 2)."""
        return (codes - self.center) @ self.axes.T


def plane_of(codes: np.ndarray) -> Plane:
    """The plane of most variance of codes (n, latents). An axis points where its largest entry is positive."""
    center = codes.mean(axis=0, dtype=np.float64)
    _, scales, axes = np.linalg.svd(codes - center, full_matrices=False)
    total = max(float(np.sum(scales**2)), np.finfo(float).tiny)
    found, shares = np.zeros((2, codes.shape[1])), np.zeros(2)
    for place, (axis, scale) in enumerate(zip(axes[:2], scales[:2], strict=True)):
        found[place] = axis * np.sign(axis[np.abs(axis).argmax()])
        shares[place] = scale**2 / total
    return Plane(center, found, shares)


def median_paths(data: GroundTruthData) -> list[tuple[str, np.ndarray, int]]:
    """For every factor with more than one value: its name, the grid indices (size,) along it, and where it starts.

    All paths go through the image whose factors have their median values (size // 2), which is at place `start` of each.
    """
    middle = np.array([size // 2 for size in data.factor_sizes])
    paths = []
    for factor, size in enumerate(data.factor_sizes):
        if size > 1:
            values = np.tile(middle, (size, 1))
            values[:, factor] = np.arange(size)
            paths.append((data.factor_names[factor], data.index_of(values), size // 2))
    return paths


def draw_paths(plane: Plane, cloud: np.ndarray, paths: list[tuple[str, np.ndarray, int]]) -> bytes:
    """A PNG: paths in the plane, a colour and a mark each, over the cloud of codes in grey.

    cloud: codes (n, latents). paths: a name, codes (size, latents) along a factor, and the place of the start, marked by a star.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 5.0), layout="constrained")
    axes = figure.add_subplot()
    x, y = plane.project(cloud).T
    axes.scatter(x, y, s=3, color=_GREY, linewidths=0)
    handles = axes.plot([], [], "o", color=_GREY, markersize=4)  # the dots themselves are too small to be named by
    for k, (_, codes, _) in enumerate(paths):
        x, y = plane.project(codes).T
        looks: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": _MARKS[k % len(_MARKS)]}
        handles += axes.plot(x, y, markersize=4, linewidth=1.2, **looks)
    _, codes, start = paths[0]
    x, y = plane.project(codes[start : start + 1]).T
    handles += axes.plot(x, y, "*", color="white", markeredgecolor="black", markersize=16)
    axes.set_xlabel(f"first principal component ({plane.shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second principal component ({plane.shares[1]:.0%} of the variance)")
    _name(axes, handles, ["other images", *(short(name) for name, _, _ in paths), "start"])
    axes.spines[["top", "right"]].set_visible(False)
    return figure_png(figure)


def _name(axes: Any, handles: list[Any], names: list[str]) -> None:
    """A legend beside the panel, whose names are no formulas and may begin with an underscore."""
    options = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False, "fontsize": 9}
    legend = axes.legend(handles, [str(place) for place in range(len(names))], **options)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
