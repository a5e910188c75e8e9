"""Curves in a grid of small panels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.results import write_atomic

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito's colours, which readers who confuse red and green tell apart; dashes and marks for those who print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
_MARKS = "osD^vP*"
_WIDTH, _HEIGHT = 1.7, 1.45  # inches of a panel
_BESIDE = 2.3  # inches for the names of a row's curves
_DPI = 130


def save_grid_of_curves(
    path: Path, frame: pd.DataFrame, *, row: str, column: str, x: str, curve: str, y: str, labels: Mapping[str, str]
) -> None:
    """Writes a PNG: a panel for each pair of values of the columns `row` and `column` of `frame`, in their order there.

    A panel has one curve for each value of `curve`: the mean of `y` over rows with the same `x`, on a band from the least
    to the largest. labels: what the x axis of each `column` says. Panels of a row share their y axis, 0 to 1 where
    everything lies in it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = (list(dict.fromkeys(frame[name])) for name in (row, column))
    size = (_WIDTH * len(columns) + _BESIDE + 0.9, _HEIGHT * len(rows) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    for i, name in enumerate(rows):
        part = frame[frame[row] == name]
        curves = list(dict.fromkeys(part[curve]))
        for j, each in enumerate(columns):
            _draw(panels[i, j], part[part[column] == each], curves, x=x, curve=curve, y=y)
        panels[i, 0].set_ylim(*_limits(part[y]))
        panels[i, 0].set_ylabel(name, fontsize=8, parse_math=False)
        handles = [panels[i, 0].plot([], [], **_style(k), label=text)[0] for k, text in enumerate(curves)]
        panels[i, -1].legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7, frameon=False)
    for j, each in enumerate(columns):
        panels[0, j].set_title(each, fontsize=9, parse_math=False)
        panels[-1, j].set_xlabel(labels[each], fontsize=8, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI)
    write_atomic(path, buffer.getvalue())


def _draw(panel: Any, part: pd.DataFrame, curves: list[str], *, x: str, curve: str, y: str) -> None:
    for k, name in enumerate(curves):
        over = part[part[curve] == name].groupby(x)[y]
        mean, low, high = over.mean(), over.min(), over.max()
        panel.plot(mean.index, mean, **_style(k))
        panel.fill_between(mean.index, low, high, color=COLOURS[k % len(COLOURS)], alpha=0.2, linewidth=0)
    if (part[x] % 1 == 0).all():
        panel.xaxis.get_major_locator().set_params(integer=True)
    panel.tick_params(labelsize=7)
    panel.grid(color="0.9", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


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
