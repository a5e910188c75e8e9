"""Curves in a grid of small panels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dlib_bvae.artifacts import write_atomic

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito's colours, which readers who confuse red and green tell apart; dashes and marks for those who print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
_MARKS = "osD^vP*"
_DPI = 130


class Axes(NamedTuple):
    """Columns of a frame: what lies down and across the grid of panels, on a panel's axes, and what a curve is."""

    row: str
    column: str
    x: str
    curve: str
    y: str


def save_grid_of_curves(
    path: Path,
    frame: pd.DataFrame,
    axes: Axes,
    labels: Mapping[str, str],
    *,
    panel: tuple[float, float] = (1.7, 1.45),
    doubling: bool = False,
) -> None:
    """Writes a PNG: a panel for each pair of values of `axes.row` and `axes.column`, in their order in `frame`.

    A panel has one curve for each value of `axes.curve`: the mean of y over rows with the same x, on a band from the least
    to the largest. labels: what the x axis of each column says. Panels of a row share their y axis, 0 to 1 where
    everything lies in it. panel: width and height in inches. doubling: x is drawn by its logarithm, with its values as ticks.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = (list(dict.fromkeys(frame[name])) for name in (axes.row, axes.column))
    beside = 1 + 0.065 * max(map(len, frame[axes.curve]))
    figure = Figure(figsize=(panel[0] * len(columns) + beside + 0.7, panel[1] * len(rows) + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
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
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI)
    write_atomic(path, buffer.getvalue())


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
    panel.tick_params(labelsize=7)
    panel.grid(color="0.9", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def _legend(panel: Any, curves: list[str]) -> None:
    """Names the curves beside a panel."""
    handles = [panel.plot([], [], **_style(k), label=name)[0] for k, name in enumerate(curves)]
    panel.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7, frameon=False)


def _style(k: int) -> dict[str, Any]:
    """The k-th curve's looks."""
    place = k % len(COLOURS)
    return {
        "color": COLOURS[place],
        "linestyle": _DASHES[place],
        "marker": _MARKS[place],
        "markersize": 3,
        "linewidth": 1.2,
    }


def _limits(values: pd.Series) -> tuple[float, float]:
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    margin = 0.04 * (high - low)
    return low - margin, high + margin
