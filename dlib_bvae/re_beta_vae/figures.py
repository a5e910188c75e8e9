"""Codes of walks through the factors, a panel a β, from arrays only."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.visualize.diagrams import COLOURS, figure_png


def walks(panels: Mapping[str, Sequence[tuple[str, np.ndarray]] | str]) -> bytes:
    """Figure 5. panels: title → [(factor, points (values, 2))], or why there are none.

    A factor is a line through its points, the same colour in every panel; all panels have the same axes.
    """
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.3 * columns, 3.3 * rows + 0.4), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = [points for each in panels.values() if not isinstance(each, str) for _, points in each]
    most = 1.06 * max((float(np.abs(points).max()) for points in drawn), default=1.0)
    named: dict[str, Any] = {}
    for place, (title, each) in zip(places.flat, panels.items(), strict=False):
        place.set_title(title, fontsize=10, parse_math=False)
        place.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
        place.tick_params(labelsize=8)
        if isinstance(each, str):
            place.text(0, 0, "\n".join(textwrap.wrap(each, 34)), ha="center", va="center", fontsize=8, parse_math=False)
            continue
        for k, (factor, points) in enumerate(each):
            colour = COLOURS[k % len(COLOURS)]
            (named[factor],) = place.plot(*points.T, ".-", color=colour, linewidth=0.8, markersize=4, label=factor)
    for place in list(places.flat)[len(panels) :]:
        place.remove()
    figure.supxlabel("first component", fontsize=9)
    figure.supylabel("second component", fontsize=9)
    if named:
        figure.legend(named.values(), named.keys(), loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure_png(figure)
