"""Charts as SVG: scores against β and against L, and curves of training. Only over numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.visualize.diagrams import COLOURS

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKS = "osD^vP"
_PANEL = (3.7, 3.0)  # inches
_COLUMNS = 3

Values = Mapping[str, Any]  # name → values (seeds,)


def scores_by_beta(panels: Mapping[str, tuple[Sequence[float], Sequence[Any], Values]]) -> bytes:
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
        for k, (name, each) in enumerate(lines.items(), start=1):
            if len(each):
                place.axhline(float(np.median(each)), color=COLOURS[k], linestyle=_STYLES[k], label=name)
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
