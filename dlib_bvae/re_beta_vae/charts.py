"""Arrays → the report's figures: scores against β and against L, curves of training, codes along the factors, tiles of images."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.re_beta_vae.evidence import Seeds
from dlib_bvae.visualize.diagrams import Plane, paths_on
from dlib_bvae.visualize.figures import COLOURS, light, look
from dlib_bvae.visualize.pictures import as_pixels, tile, zoom_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (3.7, 3.0)  # inches
_COLUMNS = 3
_LETTERS = 40  # of a line of a panel's title
_DOTS = 110  # pixels of tiles an inch
_APART = 0.035  # doublings between the models' marks at one L

Values = Mapping[str, Seeds]  # name → values (seeds,)
Curve = tuple[Sequence[int], Sequence[float]]  # steps and values


class ByBeta(NamedTuple):
    """A panel of Figure 3. values: (seeds,) in percent of each β. lines: those of PCA and ICA. chance: in percent, or None."""

    betas: Sequence[float]
    values: Sequence[Seeds]
    lines: Values
    chance: float | None


class ByPairs(NamedTuple):
    """A panel of Figure 6. curves: model → L → scores (seeds,) in percent. chance: in percent, or None."""

    curves: Mapping[str, Mapping[int, Seeds]]
    chance: float | None


class Walk(NamedTuple):
    """A panel of Figure 5. cloud: codes (n, latents). paths: factor, codes (values, latents) along it, place of the start."""

    plane: Plane
    cloud: np.ndarray
    paths: list[tuple[str, np.ndarray, int]]


class Tiles(NamedTuple):
    """rows: float images (n, H, W, C) in [0, 1] of each. labels: a text a row. marked: the column of each row that is framed."""

    rows: Sequence[np.ndarray]
    labels: Sequence[str] = ()
    marked: Sequence[int | None] = ()


def scores_by_beta(panels: Mapping[str, ByBeta]) -> Figure:
    """Figure 3. panels: by title.

    Medians are joined, every seed is a dot; PCA and ICA are horizontal lines at their medians on a band from their least to
    their largest seed. What has no values is left out.
    """
    figure, places = _grid(len(panels))
    for place, (title, panel) in zip(places, panels.items(), strict=True):
        shown = [
            (beta, np.asarray(each, float)) for beta, each in zip(panel.betas, panel.values, strict=True) if len(each)
        ]
        betas, medians = [beta for beta, _ in shown], [np.median(each) for _, each in shown]
        place.plot(betas, medians, "o-", color=COLOURS[0], label="β-VAE")
        for beta, each in shown:
            place.plot([beta] * len(each), each, ".", color=COLOURS[0], alpha=0.45, markersize=5)
        for k, (name, scores) in enumerate(panel.lines.items(), start=1):
            if len(scores):
                style = {key: value for key, value in look(k).items() if key != "marker"}
                place.axhline(float(np.median(scores)), **style, label=name)
                place.axhspan(min(scores), max(scores), color=COLOURS[k], alpha=0.15, linewidth=0)
        _chance(place, panel.chance)
        place.set_xscale("log")
        place.set_xticks(panel.betas, [f"{beta:g}" for beta in panel.betas])
        place.minorticks_off()
        place.set_ylim(-3, 103)
        _finish(place, title, "β", "score, %")
    _legend_below(figure, places)
    return figure


def scores_by_pairs(panels: Mapping[str, ByPairs]) -> Figure:
    """Figure 6. panels: by title. Medians are joined; a vertical line goes from the least to the largest seed."""
    figure, places = _grid(len(panels))
    for place, (title, panel) in zip(places, panels.items(), strict=True):
        for k, (name, by_pairs) in enumerate(panel.curves.items()):
            medians = np.array([np.median(each) for each in by_pairs.values()])
            spread = np.abs([[min(each), max(each)] for each in by_pairs.values()] - medians[:, None]).T
            at = np.array([*by_pairs], float) * 2 ** (_APART * (k - (len(panel.curves) - 1) / 2))
            place.errorbar(at, medians, spread, **look(k), markersize=4, linewidth=1.2, elinewidth=0.8, label=name)
        _chance(place, panel.chance)
        place.set_xscale("log", base=2)
        ticks = sorted({each for by_pairs in panel.curves.values() for each in by_pairs})
        place.set_xticks(ticks, [f"{each}" for each in ticks])
        place.minorticks_off()
        _finish(place, title, "L, pairs per point", "score, %")
    _legend_below(figure, places)
    return figure


def training_curves(panels: Mapping[str, Mapping[str, Sequence[Curve]]], label: str, since: float = 0.0) -> Figure:
    """Figures 7 and 8. panels: title → model → the curve of each seed; label: of the values, with their unit.

    The line is the median over seeds at the steps that all have, on a band from the least to the largest. since: the share of
    the training, in [0, 1), that is left out at its start.
    """
    figure, places = _grid(len(panels))
    for place, (title, curves) in zip(places, panels.items(), strict=True):
        for k, (name, seeds) in enumerate(curves.items()):
            steps, values = _over_seeds(seeds, since)
            style = {key: value for key, value in look(k).items() if key != "marker"}
            place.plot(steps, np.median(values, axis=0), **style, label=name)
            if len(seeds) > 1:
                place.fill_between(
                    steps, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.2, linewidth=0
                )
        _finish(place, title, "training step", label)
        place.xaxis.set_major_locator(_few_ticks())
    _legend_below(figure, places)
    return figure


def _over_seeds(seeds: Sequence[Curve], since: float) -> tuple[np.ndarray, np.ndarray]:
    """The steps (n,) that all curves have, and their values (seeds, n)."""
    by_step = [dict(zip(*each, strict=True)) for each in seeds]
    steps = sorted(set.intersection(*map(set, by_step))) if by_step else []
    kept = [step for step in steps if step >= since * steps[-1]]
    return np.array(kept), np.array([[each[step] for step in kept] for each in by_step]).reshape(max(1, len(seeds)), -1)


def walks(panels: Mapping[str, Walk | str]) -> Figure:
    """Figure 5. panels: title → what is shown, or why nothing is. A factor has the same colour and mark in every panel.

    All panels have the same axes, in the latents' unit, so that a denser code is seen as one.
    """
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.5 * columns, 3.4 * rows + 0.5), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    shown = [each for each in panels.values() if not isinstance(each, str)]
    codes = [each.plane.project(part) for each in shown for part in (each.cloud, *(path for _, path, _ in each.paths))]
    most = 1.06 * max((float(np.abs(points).max()) for points in codes), default=1.0)
    named: dict[str, Any] = {}
    for place, (title, each) in zip(places, panels.items(), strict=False):
        place.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
        place.tick_params(labelsize=8)
        if isinstance(each, str):
            text = "\n".join(textwrap.wrap(each, 34))
            place.text(0, 0, text, ha="center", va="center", fontsize=8, parse_math=False)
            place.set_title(title, fontsize=10, parse_math=False)
            continue
        place.set_title(f"{title} ({each.plane.shares.sum():.0%} of the variance)", fontsize=10, parse_math=False)
        named |= dict(paths_on(place, each.plane, each.cloud, each.paths))
    for place in places[len(panels) :]:
        place.remove()
    figure.supxlabel("first principal component", fontsize=9)
    figure.supylabel("second principal component", fontsize=9)
    if named:
        options: dict[str, Any] = {"loc": "outside upper center", "ncols": 4, "fontsize": 8, "frameon": False}
        figure.legend(named.values(), named.keys(), **options)
    return figure


def tiles(shown: Tiles) -> Figure:
    """Figures 1, 2, 4, 9 and 10: rows of images with their labels; a frame marks the column that stands for the row's image."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    pixels = [as_pixels(images) for images in shown.rows]
    zoom = zoom_of(pixels[0].shape[1])
    tall, wide = pixels[0].shape[1] * zoom, pixels[0].shape[2] * zoom
    picture = tile(pixels, zoom)
    step_y, step_x = (picture.shape[0] - 2) // len(pixels), wide + 2
    room = 0.3 + 0.075 * max((len(line) for label in shown.labels for line in label.split("\n")), default=0)
    figure = Figure(figsize=(picture.shape[1] / _DOTS + room, picture.shape[0] / _DOTS + 0.1), layout="constrained")
    place = figure.add_subplot()
    place.imshow(picture, interpolation="none")
    place.set_xticks([])
    place.set_yticks([2 + row * step_y + tall / 2 for row in range(len(shown.labels))], shown.labels, fontsize=8)
    place.tick_params(length=0)
    place.spines[:].set_visible(False)
    for row, column in enumerate(shown.marked):
        if column is not None:
            corner = (0.5 + column * step_x, 0.5 + row * step_y)
            style: dict[str, Any] = {"fill": False, "edgecolor": COLOURS[1], "linewidth": 2}
            place.add_patch(Rectangle(corner, wide + 2, tall + 2, **style))
    return figure


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


def _grid(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = 2 if count == 4 else min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.4), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place in places[count:]:
        place.remove()
    return figure, places[:count]


def _chance(place: Any, percent: float | None) -> None:
    if percent is not None:
        place.axhline(percent, color="0.35", linestyle=(0, (1, 2)), linewidth=1.2, label="chance")


def _finish(place: Any, title: str, x: str, y: str) -> None:
    place.set_title("\n".join(textwrap.wrap(title, _LETTERS)), fontsize=10, parse_math=False)
    place.set_xlabel(x, fontsize=9, parse_math=False)
    place.set_ylabel(y, fontsize=9, parse_math=False)
    light(place, 8)


def _legend_below(figure: Any, places: Sequence[Any]) -> None:
    """One legend of all names under the panels."""
    named: dict[str, Any] = {}
    columns = 2 if len(places) == 1 else 7
    for place in places:
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        options: dict[str, Any] = {"loc": "outside lower center", "ncols": columns, "fontsize": 9, "frameon": False}
        figure.legend(named.values(), named.keys(), **options)
