"""Diagrams by matplotlib in one style: curves in a grid, a training's losses, bars of latents, paths of codes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.runtime import load_tensorflow
from dlib_bvae.visualize.figures import COLOURS, MARKS, figure_png, light, look
from dlib_bvae.visualize.latents import Latents, short

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from tensorflow.core.util.event_pb2 import Event


_GREY = "0.8"
_TILES = ("#009E73", "#F0E442", "#D55E00", "#DDDDDD", "#56B4E9")  # Okabe and Ito's, and a grey
_MOST_NUMBERS = 24  # bars with their number above: beyond, they become too narrow
_LOSSES = ("loss", "reconstruction", "kl")
_VALIDATION = "validation/"

Curve = dict[int, float]  # step → value


class Axes(NamedTuple):
    """Columns of a frame: what lies down and across the grid of panels, on a panel's axes, and what a curve is."""

    row: str
    column: str
    x: str
    curve: str
    y: str


def grid_of_curves(
    frame: pd.DataFrame,
    axes: Axes,
    labels: Mapping[str, str],
    *,
    panel: tuple[float, float] = (1.7, 1.45),
    doubling: bool = False,
) -> bytes:
    """A PNG: a panel for each pair of values of `axes.row` and `axes.column`, in their order in `frame`.

    A panel has one curve for each value of `axes.curve`: the mean of y over rows with the same x, on a band from the least
    to the largest. labels: what the x axis of each column says. Panels of a row share their y axis, 0 to 1 where
    everything lies in it. panel: width and height in inches. doubling: x is drawn by its logarithm, with its values as ticks.
    """
    from matplotlib.figure import Figure

    rows, columns = (list(dict.fromkeys(frame[name])) for name in (axes.row, axes.column))
    legend = 1 + 0.065 * max(map(len, frame[axes.curve]))
    figure = Figure(figsize=(panel[0] * len(columns) + legend + 0.7, panel[1] * len(rows) + 0.7), layout="constrained")
    panels = figure.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    named: list[str] = []
    for name, line in zip(rows, panels, strict=True):
        part = frame[frame[axes.row] == name]
        curves = list(dict.fromkeys(part[axes.curve]))
        for each, place in zip(columns, line, strict=True):
            _draw(place, part[part[axes.column] == each], curves, axes, doubling)
        line[0].set_ylim(*_limits(part[axes.y]))
        line[0].set_ylabel(name, fontsize=8, parse_math=False)
        if curves != named:
            _legend(line[-1], curves)
        named = curves
    for place, bottom, each in zip(panels[0], panels[-1], columns, strict=True):
        place.set_title(each, fontsize=9, parse_math=False)
        bottom.set_xlabel(labels[each], fontsize=8, parse_math=False)
    return figure_png(figure)


def tiles(grid: pd.DataFrame, words: Sequence[str]) -> bytes:
    """A PNG: a coloured tile for each entry of `grid`, one of `words`, at most five; a legend names their colours."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    colours = _TILES[: len(words)]
    figure = Figure(figsize=(0.2 * grid.shape[1] + 4.5, 0.2 * grid.shape[0] + 2.6), layout="constrained")
    axes = figure.add_subplot()
    values = np.array([[words.index(word) for word in row] for row in grid.to_numpy()])
    axes.pcolormesh(values[::-1], cmap=ListedColormap(colours), vmin=-0.5, vmax=len(words) - 0.5, edgecolors="white")
    axes.set_yticks(np.arange(len(grid)) + 0.5, list(grid.index)[::-1], fontsize=7, parse_math=False)
    axes.set_xticks(np.arange(grid.shape[1]) + 0.5, list(grid.columns), fontsize=7, rotation=90, parse_math=False)
    handles = [Patch(facecolor=colour, label=word) for colour, word in zip(colours, words, strict=True)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(words), fontsize=8, frameon=False)
    return figure_png(figure)


def _draw(panel: Any, part: pd.DataFrame, curves: list[str], axes: Axes, doubling: bool) -> None:
    for k, name in enumerate(curves):
        over = part[part[axes.curve] == name].groupby(axes.x)[axes.y]
        mean, low, high = over.mean(), over.min(), over.max()
        panel.plot(mean.index, mean, **_style(k))
        panel.fill_between(mean.index, low, high, color=COLOURS[k % len(COLOURS)], alpha=0.2, linewidth=0)
    values = sorted(set(part[axes.x]))
    if doubling:
        panel.set_xscale("log", base=2)
        panel.set_xticks(values, [f"{value:g}" for value in values])
        panel.minorticks_off()
    elif all(value % 1 == 0 for value in values):
        panel.xaxis.get_major_locator().set_params(integer=True)
    light(panel, 7)


def _legend(panel: Any, curves: list[str]) -> None:
    """Names the curves on the right of a panel."""
    handles = [panel.plot([], [], **_style(k), label=name)[0] for k, name in enumerate(curves)]
    panel.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7, frameon=False)


def _style(k: int) -> dict[str, Any]:
    """The k-th curve's looks."""
    return {**look(k), "markersize": 3, "linewidth": 1.2}


def _limits(values: pd.Series) -> tuple[float, float]:
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def scalars(directory: Path) -> dict[str, Curve]:
    """Every scalar in the event files of the training in `directory`: {name: {step: value}}, steps ascending.

    Names are those of the losses, as in the results (loss, kl …), with validation/ before those of validation; scalars of another
    group have their tag, such as latents/active_units. Events of earlier versions, without groups, are read by the same names.
    Of a step that was logged twice, as after an interruption, the later file counts. A file that ends in the middle of a record,
    as when its process was killed, is read as far as it goes.
    """
    load_tensorflow()
    import tensorflow as tf

    from dlib_bvae.training.events import name_of, runs_of

    found: dict[str, Curve] = {}
    for prefix, folder in runs_of(directory):
        files = [events for path in folder.glob("events.out.tfevents.*") if (events := _events(path))]
        # Names do not tell: their numbers have no zeros before them. A file's first event has the time in whole seconds.
        files.sort(key=lambda events: events[-1].wall_time)
        for event in itertools.chain.from_iterable(files):
            for value in event.summary.value:
                tensor = value.tensor
                if tensor.dtype == tf.float32.as_datatype_enum and not tensor.tensor_shape.dim:
                    name = prefix + name_of(value.tag)
                    found.setdefault(name, {})[event.step] = float(tf.make_ndarray(tensor))
    return {name: dict(sorted(curve.items())) for name, curve in found.items()}


def _events(path: Path) -> list[Event]:
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    found: list[Event] = []
    with contextlib.suppress(tf.errors.DataLossError):
        found.extend(event_pb2.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path)))
    return found


def draw_curves(curves: Mapping[str, Curve]) -> Figure | None:
    """A figure with a panel each for loss, reconstruction and kl in nats, as far as they are there; None where none is.

    A curve called validation/… is drawn into the panel of the same name.
    """
    from matplotlib.figure import Figure

    names = [name for name in _LOSSES if curves.get(name)]
    if not names:
        return None
    figure = Figure(figsize=(3.4 * len(names), 3.0), layout="constrained")
    for name, axes in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        validation = curves.get(_VALIDATION + name)
        axes.plot(list(curves[name]), list(curves[name].values()), color=COLOURS[0], linewidth=1.3, label="training")
        if validation:
            looks = {"color": COLOURS[1], "linestyle": "--", "marker": "o", "markersize": 3}
            axes.plot(list(validation), list(validation.values()), label="validation", **looks)
            axes.legend(fontsize=8, frameon=False)
        axes.set_title({"kl": "KL"}.get(name, name), fontsize=10)
        axes.set(xlabel="step", ylabel="nats per image")
        light(axes, 8)
    return figure


def bars(latents: Latents) -> Figure:
    """A bar a latent, the one that carries most on top: its KL in nats, or where none has one the variance that it explains.

    Next to it stands what it carries; latents that are not active are grey. Of a mixed model those without a KL have no bar.
    """
    from matplotlib.figure import Figure

    order = latents.order()
    if latents.with_variance.any():
        order = order[latents.with_variance[order]]
        lengths, what, form = latents.kl[order], "KL per latent (nats)", "{:.2f}"
    else:
        lengths, what, form = (
            100 * latents.explained[order],
            "share of the images' variance explained alone (%)",
            "{:.1f}",
        )
    figure = Figure(figsize=(6.2, min(9.0, 0.9 + 0.27 * len(order))), layout="constrained")
    axes = figure.add_subplot()
    colours = [COLOURS[0] if latents.is_active(latent) else _GREY for latent in order]
    rectangles = axes.barh(np.arange(len(order)), lengths, color=colours, height=0.75)
    if len(order) <= _MOST_NUMBERS:
        texts = [
            f"{form.format(n)}  {latents.carried(latent)}".rstrip() for n, latent in zip(lengths, order, strict=True)
        ]
        for text in axes.bar_label(rectangles, texts, fontsize=8, padding=3):
            text.set_parse_math(False)
        axes.margins(x=0.45)
    step = -(-len(order) // _MOST_NUMBERS)
    axes.set_yticks(range(0, len(order), step), [f"z{latent}" for latent in order[::step]], fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlabel(what, fontsize=9)
    light(axes)
    return figure


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


def draw_paths(plane: Plane, cloud: np.ndarray, paths: list[tuple[str, np.ndarray, int]]) -> Figure:
    """Paths in the plane, a colour and a mark each, over the cloud of codes in grey.

    cloud: codes (n, latents). paths: a name, codes (size, latents) along a factor, and the place of the start, marked by a star.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 5.0), layout="constrained")
    axes = figure.add_subplot()
    named = paths_on(axes, plane, cloud, paths)
    axes.set_xlabel(f"first principal component ({plane.shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second principal component ({plane.shares[1]:.0%} of the variance)")
    _name(axes, [line for _, line in named], [name for name, _ in named])
    light(axes)
    return figure


def paths_on(
    axes: Any, plane: Plane, cloud: np.ndarray, paths: list[tuple[str, np.ndarray, int]]
) -> list[tuple[str, Any]]:
    """Draws what draw_paths shows into one panel; returns (name, line) of the cloud, each path and the start, for a legend."""
    x, y = plane.project(cloud).T
    axes.scatter(x, y, s=3, color=_GREY, linewidths=0, rasterized=True)  # thousands of them make a file slow
    (dots,) = axes.plot([], [], "o", color=_GREY, markersize=4)  # the dots themselves are too small to be named by
    named = [("other images", dots)]
    for k, (name, codes, _) in enumerate(paths):
        x, y = plane.project(codes).T
        looks: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": MARKS[k % len(MARKS)]}
        named += [(short(name), line) for line in axes.plot(x, y, markersize=4, linewidth=1.2, **looks)]
    _, codes, start = paths[0]
    x, y = plane.project(codes[start : start + 1]).T
    star = axes.plot(x, y, "*", color="white", markeredgecolor="black", markersize=16)
    return [*named, ("start", star[0])]


def _name(axes: Any, handles: list[Any], names: list[str]) -> None:
    """A legend on the right of the panel, whose names are no formulas and may begin with an underscore."""
    options = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False, "fontsize": 9}
    legend = axes.legend(handles, [str(place) for place in range(len(names))], **options)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
