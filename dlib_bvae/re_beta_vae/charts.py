"""Arrays → the report's charts: scores against β and against L, curves of training, codes along the factors."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.re_beta_vae.evidence import Seeds
from dlib_bvae.visualize.figures import COLOURS, figure_png

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKS = "osD^vP"
_PANEL = (3.7, 3.0)  # inches
_COLUMNS = 3

Values = Mapping[str, Seeds]  # name → values (seeds,)


def scores_by_beta(panels: Mapping[str, tuple[Sequence[float], Sequence[Seeds], Values]]) -> bytes:
    """Figure 3. panels: title → (β of the models, values (seeds,) of each in percent, values of PCA and ICA).

    Medians are joined, every seed is a dot; PCA and ICA are horizontal lines at their medians. What has no values is left out.
    """
    figure, places = _grid(len(panels))
    for place, (title, (betas, values, lines)) in zip(places, panels.items(), strict=True):
        shown = [(beta, np.asarray(each, float)) for beta, each in zip(betas, values, strict=True) if len(each)]
        place.plot(
            [beta for beta, _ in shown], [np.median(each) for _, each in shown], "o-", color=COLOURS[0], label="β-VAE"
        )
        for beta, each in shown:
            place.plot([beta] * len(each), each, ".", color=COLOURS[0], alpha=0.45, markersize=5)
        for k, (name, scores) in enumerate(lines.items(), start=1):
            if len(scores):
                place.axhline(float(np.median(scores)), color=COLOURS[k], linestyle=_STYLES[k], label=name)
        place.set_xscale("log")
        place.set_xticks(betas, [f"{beta:g}" for beta in betas])
        place.minorticks_off()
        place.set_ylim(-3, 103)
        _finish(place, title, "β", "score, %")
        if place.get_legend_handles_labels()[0]:
            place.legend(fontsize=8, frameon=False)
    return _svg(figure)


def scores_by_pairs(panels: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]]) -> bytes:
    """Figure 6. panels: title → model → (L, median score in percent)."""
    figure, places = _grid(len(panels))
    for place, (title, curves) in zip(places, panels.items(), strict=True):
        for k, (name, (pairs, medians)) in enumerate(curves.items()):
            place.plot(pairs, medians, **_style(k), label=name)
        place.set_xscale("log", base=2)
        ticks = sorted({each for pairs, _ in curves.values() for each in pairs})
        place.set_xticks(ticks, [f"{each}" for each in ticks])
        place.minorticks_off()
        _finish(place, title, "L, pairs a point", "median score, %")
    _legend_below(figure, places)
    return _svg(figure)


def training_curves(panels: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]], label: str) -> bytes:
    """Figures 7 and 8. panels: title → model → (steps, values); label: of the values, with their unit."""
    figure, places = _grid(len(panels))
    for place, (title, curves) in zip(places, panels.items(), strict=True):
        for k, (name, (steps, values)) in enumerate(curves.items()):
            place.plot(steps, values, color=COLOURS[k % len(COLOURS)], linestyle=_STYLES[k % len(_STYLES)], label=name)
        _finish(place, title, "step", label)
        place.xaxis.set_major_locator(_few_ticks())
    _legend_below(figure, places)
    return _svg(figure)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _grid(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = 2 if count == 4 else min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.4), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place in places[count:]:
        place.remove()
    return figure, places[:count]


def _finish(place: Any, title: str, x: str, y: str) -> None:
    place.set_title(title, fontsize=10, parse_math=False)
    place.set_xlabel(x, fontsize=9, parse_math=False)
    place.set_ylabel(y, fontsize=9, parse_math=False)
    place.tick_params(labelsize=8)
    place.grid(color="0.9", linewidth=0.6)
    place.spines[["top", "right"]].set_visible(False)


def _legend_below(figure: Any, places: Sequence[Any]) -> None:
    """One legend of all names under the panels."""
    named: dict[str, Any] = {}
    columns = 3 if len(places) == 1 else 6
    for place in places:
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        figure.legend(
            named.values(), named.keys(), loc="outside lower center", ncols=columns, fontsize=9, frameon=False
        )


def _style(k: int) -> dict[str, Any]:
    place = k % len(_STYLES)
    return {"color": COLOURS[place], "linestyle": _STYLES[place], "marker": _MARKS[place], "markersize": 4}


def _svg(figure: Any) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "dlib_bvae"}):  # the same chart is the same file
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def walks(panels: Mapping[str, Sequence[tuple[str, np.ndarray]] | str]) -> bytes:
    """Figure 5. panels: title → [(factor, points (values, 2))], or why there are none.

    A factor is a line through its points, the same colour in every panel; all panels have the same axes.
    """
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.3 * columns, 3.3 * rows + 0.4), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    shown = [points for each in panels.values() if not isinstance(each, str) for _, points in each]
    most = 1.06 * max((float(np.abs(points).max()) for points in shown), default=1.0)
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
