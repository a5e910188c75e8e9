"""A board → its figures as files for a paper: of each data set a summary, paths of strengths, a Pareto front, agreement."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.analysis.intervals import RANGE
from dlib_bvae.analysis.names import reading_order
from dlib_bvae.errors import visible
from dlib_bvae.leaderboard.summary import PLACE, Line, line_of, order_of_lines
from dlib_bvae.visualize.figures import COLOURS, FORMATS, MAP, figure_files, light, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"  # in that of the board
_MOST_LINES = 40  # configurations in a figure
_MOST_PANELS = 12
_ACROSS = 4  # panels side by side
_FEW_SEEDS = 5  # up to so many, the points of all are drawn
_PANEL = (1.9, 1.8)  # inches
_LINE = 0.17  # inches a configuration takes
_GREY, _PALE = "0.45", "0.75"
_NO_SCORES = "reconstruction_error"  # a metric that is an axis
Row = Mapping[str, Any]


class Panel(NamedTuple):
    """A metric on a data set. factor: what its values are multiplied by, 100 for percent."""

    title: str
    metric: str
    unit: str
    higher_is_better: bool
    rows: Sequence[Row]

    @property
    def factor(self) -> float:
        return 100.0 if self.unit == "%" else 1.0

    @property
    def label(self) -> str:
        return f"{self.title}{f', {self.unit}' if self.unit else ''}"


class Place(NamedTuple):
    """A data set with its panels."""

    title: str
    panels: Sequence[Panel]


def files_of(board: Mapping[str, Any]) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """({"figures/<name>.svg", ….pdf, ….png: content}, [{"title", "svg", "pdf", "png"}], the links relative to the board).

    A figure for which a data set has too little is left out: a path needs two strengths of a method, a front reconstruction
    errors, agreement two metrics.
    """
    files: dict[str, bytes] = {}
    listed = []
    for name, title, figure in _figures(board):
        stem = f"{FOLDER}/{name}"
        files |= figure_files(stem, figure)
        listed.append({"title": title, **{kind: f"{stem}.{kind}" for kind in FORMATS}})
    return files, listed


def _figures(board: Mapping[str, Any]) -> Iterator[tuple[str, str, Figure]]:
    """(Name of its files, title, the figure) of each."""
    rows = {row["id"]: row for row in board["rows"]}
    kinds: tuple[tuple[str, str, Callable[[Place], Figure | None]], ...] = (
        ("summary", "Summary", summary),
        ("path", "Scores against the strength of a method", path),
        ("pareto", "Scores against reconstruction", pareto),
    )
    summaries, agreements = (_said_apart(board[name], board["summary"]) for name in ("summary", "agreement"))
    slugs = _slugs([*summaries, *agreements])
    for each in summaries:
        place, slug = _place(each, rows), slugs[_key(each)]
        for name, title, make in kinds:
            if (figure := make(place)) is not None:
                yield f"{name}-{slug}", f"{title}: {place.title}", figure
    for each in agreements:
        if not any(value is not None for k, line in enumerate(each["spearman"]) for value in line[:k]):
            continue
        title = f"Agreement of metrics: {_title(each)}"
        yield f"agreement-{slugs[_key(each)]}", title, agreement(each, title)


def _said_apart(places: Sequence[Mapping[str, Any]], summaries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The places, with a budget only where the summaries have several of their data set."""
    where = lambda each: tuple(each[name] for name in PLACE[:-1])
    of_data = Counter(map(where, summaries))
    return [{**each, "budget": each["budget"] if of_data[where(each)] > 1 else None} for each in places]


def _key(place: Mapping[str, Any]) -> tuple[str, str, int, int, str]:
    return *(place[name] for name in PLACE[:-1]), place["budget"] or ""


def _slugs(places: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int, int, str], str]:
    """A name of files for each data set and budget; those that would be equal are numbered."""
    found: dict[tuple[str, str, int, int, str], str] = {}
    for key in sorted({_key(place) for place in places}):
        text = f"{key[0][:60]} {key[4].replace(',', '')}"
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-").lower() or "data"
        names = (stem, *(f"{stem}-{number}" for number in range(2, len(places) + 2)))
        found[key] = next(name for name in names if name not in found.values())
    return found


def _place(summary: Mapping[str, Any], rows: Mapping[str, Row]) -> Place:
    panels = [
        Panel(
            _text(each["title"]),
            each["metric"],
            each["unit"],
            each["higher_is_better"],
            [rows[id] for id in each["rows"]],
        )
        for each in summary["columns"]
    ]
    return Place(_title(summary), panels)


def _title(place: Mapping[str, Any]) -> str:
    return _text(place["dataset"]) + (f", {place['budget']}" if place["budget"] else "")


def _text(text: str) -> str:
    return visible(" ".join(text.split()))


def summary(place: Place) -> Figure | None:
    """Mean and interval of each configuration by each metric, points of up to five seeds, chance as a tick; None of only one.

    Reference rows are grey and below a line. A filled mark: not significantly worse than the best of its supervision, or no
    ranks. Of more than 40 configurations the best by the first metric, of more than 12 metrics the first; so in other figures.
    """
    panels = place.panels[:_MOST_PANELS]
    lines = _lines(panels)
    if len(lines) < 2:
        return None
    names, places = [_text(line.text) for line in lines], {line: -k for k, line in enumerate(lines)}
    competing = sum(not line.reference for line in lines)
    wide = 0.075 * max(map(len, names))
    figure, axes = _grid(len(panels), (_PANEL[0], _LINE * len(lines) + 0.75), wide)
    for k, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
        ranked = any(row["tied"] for row in panel.rows)
        for row in panel.rows:
            if line_of(row) in places:
                _dot(axis, row, places[line_of(row)], panel.factor, hollow=ranked and not row["tied"])
        if 0 < competing < len(lines):
            axis.axhline(0.5 - competing, color=_PALE, linewidth=0.6)
        axis.set_yticks(list(places.values()), names if k % _ACROSS == 0 else [""] * len(names), parse_math=False)
        axis.set_ylim(0.4 - len(lines), 0.6)
        light(axis, 7)
        axis.set_title(panel.label, fontsize=8, parse_math=False)
    what = "mean, 95 % interval, seeds (up to 5); tick: chance; filled: not significantly worse than the best"
    return _finished(figure, place.title, what)


def _lines(panels: Sequence[Panel]) -> list[Line]:
    """The configurations, at most so many, in the order of order_of_lines."""
    found = {line_of(row) for panel in panels for row in panel.rows}
    if len(found) > _MOST_LINES:
        sign = -1 if panels[0].higher_is_better else 1
        best = sorted(panels[0].rows, key=lambda row: (row["reference"], sign * row["mean"]))
        found = {line_of(row) for row in best[:_MOST_LINES]}
    return sorted(found, key=order_of_lines)


def _with_few(panels: Sequence[Panel]) -> list[Panel]:
    """The panels with the rows of at most so many configurations."""
    lines = {*_lines(panels)} if panels else set()
    return [each._replace(rows=[row for row in each.rows if line_of(row) in lines]) for each in panels]


def _dot(axis: Any, row: Row, y: float, factor: float, hollow: bool) -> None:
    colour = _GREY if row["reference"] else COLOURS[0]
    if row["low"] is not None and row["interval"] != RANGE:
        axis.plot([factor * row["low"], factor * row["high"]], [y, y], color=colour, linewidth=1)
    values = [factor * each["value"] for each in row["runs"]]
    if 1 < len(values) <= _FEW_SEEDS:
        axis.plot(values, [y] * len(values), "|", color=colour, markersize=4, markeredgewidth=0.6, alpha=0.7)
    face = "white" if hollow and not row["reference"] else colour
    axis.plot([factor * row["mean"]], [y], "o", color=colour, markerfacecolor=face, markersize=3.5)
    null = row["null"]
    if null is not None and null["mean"] is not None:
        axis.plot([factor * null["mean"]], [y], "|", color="black", markersize=7, markeredgewidth=0.9)


def path(place: Place) -> Figure | None:
    """Scores against the strength of each method that has two or more, a curve a method and network; None without."""
    panels = _with_few([each for each in place.panels if each.metric != _NO_SCORES][:_MOST_PANELS])
    curves = {panel.metric: _curves(panel) for panel in panels}
    names = list(dict.fromkeys(name for each in curves.values() for name in each))
    if not names:
        return None
    figure, axes = _grid(len(panels), _PANEL)
    for axis, panel in zip(axes, panels, strict=True):
        for k, name in enumerate(names):
            if name in curves[panel.metric]:
                _curve(axis, curves[panel.metric][name], panel.factor, {**look(k), "label": name})
        strengths = [strength for each in curves[panel.metric].values() for strength, _ in each]
        if strengths and min(strengths) > 0:
            axis.set_xscale("log")
            ticks = sorted({*strengths}) if len({*strengths}) <= 6 else [min(strengths), max(strengths)]
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        light(axis, 7)
        axis.set_title(panel.label, fontsize=8, parse_math=False)
        axis.set_xlabel(_symbols(curves[panel.metric].values()), fontsize=8, parse_math=False)
    return _finished(figure, place.title, "mean and 95 % interval against the strength of the method", names=True)


Curve = list[tuple[float, Row]]


def _curves(panel: Panel) -> dict[str, Curve]:
    """{what a curve is: [(strength, row)]}: rows of one method that differ in nothing of their settings but the strength."""
    found: dict[str, Curve] = defaultdict(list)
    for row in panel.rows:
        if row["clauses"] and not row["reference"] and _is_number(row["clauses"][0][2]):
            symbol, _, value = row["clauses"][0]
            name = _text(re.sub(rf" {re.escape(symbol)} = [^,·]+(, )?", " ", row["name"], count=1))
            found[name.strip()].append((float(value), row))
    several = {name: sorted(each, key=lambda point: point[0]) for name, each in found.items()}
    return {name: each for name, each in sorted(several.items()) if len({strength for strength, _ in each}) > 1}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _symbols(curves: Any) -> str:
    return ", ".join(sorted({row["clauses"][0][0] for curve in curves for _, row in curve}))


def _curve(axis: Any, curve: Curve, factor: float, looks: dict[str, Any]) -> None:
    strengths = [strength for strength, _ in curve]
    means = [factor * row["mean"] for _, row in curve]
    axis.plot(strengths, means, linewidth=1.1, markersize=3.5, **looks)
    for strength, row in curve:
        if row["low"] is not None and row["interval"] != RANGE:
            ends = [factor * row["low"], factor * row["high"]]
            axis.plot([strength, strength], ends, color=looks["color"], linewidth=0.8)
        values = [factor * each["value"] for each in row["runs"]]
        if 1 < len(values) <= _FEW_SEEDS:
            axis.plot([strength] * len(values), values, ".", color=looks["color"], markersize=2, alpha=0.6)


def pareto(place: Place) -> Figure | None:
    """Scores against the reconstruction error, the strengths of a method joined, the front stepped; None without errors."""
    errors = next((each for each in place.panels if each.metric == _NO_SCORES), None)
    panels = [each for each in place.panels if each.metric != _NO_SCORES and each.higher_is_better][:_MOST_PANELS]
    known = {} if errors is None else {row["name"]: errors.factor * row["mean"] for row in errors.rows}
    panels = [each for each in _with_few(panels) if sum(row["name"] in known for row in each.rows) > 1]
    if errors is None or not panels:
        return None
    figure, axes = _grid(len(panels), _PANEL)
    names = list(dict.fromkeys(name for panel in panels for name in _groups(panel)))
    for axis, panel in zip(axes, panels, strict=True):
        points = {
            row["name"]: (known[row["name"]], panel.factor * row["mean"]) for row in panel.rows if row["name"] in known
        }
        for name, rows in _groups(panel).items():
            here = [row for row in rows if row["name"] in points]
            if here:
                ends = zip(*(points[row["name"]] for row in here), strict=True)
                axis.plot(*ends, linewidth=0.9, markersize=4, label=name, **look(names.index(name)))
            for row in here if len(here) > 1 else ():
                near: dict[str, Any] = {"xytext": (3, 3), "textcoords": "offset points", "fontsize": 6}
                axis.annotate(f"{row['clauses'][0][2]:g}", points[row["name"]], **near)
        front = list(zip(*_front(list(points.values())), strict=True))
        axis.step(*front, where="post", color=_PALE, linewidth=2.5, zorder=0)
        axis.plot(*front, "o", color=_PALE, markersize=9, zorder=0, label="Pareto front")
        light(axis, 7)
        axis.set_title(panel.label, fontsize=8, parse_math=False)
        axis.set_xlabel(errors.label, fontsize=8, parse_math=False)
    what = "means; the strengths of a method, written at its points, are joined in their order"
    return _finished(figure, place.title, what, names=True)


def _groups(panel: Panel) -> dict[str, list[Row]]:
    """{what is joined: its rows}: curves of strengths, and every other row by itself."""
    curves = {name: [row for _, row in curve] for name, curve in _curves(panel).items()}
    joined = {row["name"] for rows in curves.values() for row in rows}
    others = [row for row in panel.rows if row["name"] not in joined]
    return curves | {
        _text(line_of(row).text): [row] for row in sorted(others, key=lambda row: reading_order(row["name"]))
    }


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that no other has a lower first and a higher second coordinate than, by the first."""
    ordered = sorted(points, key=lambda point: (point[0], -point[1]))
    best = list(itertools.accumulate((y for _, y in ordered), max))
    return [point for k, point in enumerate(ordered) if k == 0 or point[1] > best[k - 1]]


def agreement(found: Mapping[str, Any], title: str) -> Figure:
    """Spearman's correlation of metrics over runs as a square with its numbers."""
    from matplotlib.figure import Figure

    names = [f"{each['metric']}: {each['score']}" for each in found["scores"]]
    values = np.array(found["spearman"], np.float64)
    side = 0.34 * len(names) + 0.075 * max(map(len, names))
    figure = Figure(figsize=(side + 1.2, side + 0.5), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(values, cmap=MAP, vmin=-1, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7, parse_math=False)
    axis.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "black" if value > 0.2 else "white"  # the map is bright from there on
            axis.text(j, i, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=6, color=colour)
    runs = [each for line in found["runs"] for each in line if each is not None]
    axis.set_title(f"{title}, {_range(runs)} runs", fontsize=8, parse_math=False)
    bar = figure.colorbar(image, shrink=0.7)
    bar.set_label("Spearman's ρ over runs", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def _grid(count: int, size: tuple[float, float], wide: float = 0.0) -> tuple[Figure, list[Any]]:
    """A figure of `count` panels of this size, in inches; wide: room on the left."""
    from matplotlib.figure import Figure

    columns = min(count, _ACROSS)
    lines = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns + wide + 0.3, size[1] * lines + 0.5), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def _finished(figure: Figure, title: str, what: str, names: bool = False) -> Figure:
    """The figure with its title, what is shown, and a legend of all names where asked for."""
    figure.suptitle(f"{title}\n{what}", fontsize=8, parse_math=False)
    if names:
        handles: dict[str, Any] = {}
        for axis in figure.axes:
            handles |= dict(zip(axis.get_legend_handles_labels()[1], axis.get_legend_handles_labels()[0], strict=True))
        legend = figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=7, frameon=False
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
