"""Rows of a board → what its first view shows: of each data set and budget a column a metric, with the rows in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dlib_bvae import metrics
from dlib_bvae.analysis.names import reading_order
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.headline import order_of

Row = Mapping[str, Any]
PLACE = ("dataset", "fingerprint", "data_version", "num_images", "budget")  # what a summary is of
UNSUPERVISED = "none"
PERCENT = "%"
# What papers call a metric.
TITLES = {
    "beta_vae": "β-VAE metric",
    "factor_vae_score": "FactorVAE metric",
    "mig": "MIG",
    "dci": "DCI",
    "sap": "SAP",
    "irs": "IRS",
    "mcc": "MCC",
    "modularity_explicitness": "modularity",
    "reconstruction_error": "reconstruction error",
}
_FIRST = tuple(TITLES)  # their columns stand first


def summaries(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Of each data set, number of images and budget of the `rows` of a board its columns, those of the best-known metrics first.

    Rows without a budget, those of baselines, stand beside the rows of each. Of a data set the budget with most rows comes first.
    A column is the first main score of a metric, with one set of parameters (the rows that are "headline"). It says "metric",
    "score", "title" (with the version where that is not today's), "unit" ("%" where the score is in [0, 1], else ""),
    "higher_is_better", "parameters" (None: the metric's defaults) and "rows", their ids in the board's order. Scores without a
    direction have none.
    """
    places: dict[tuple, list[Row]] = {}
    for row in rows:
        if row["headline"] and row["higher_is_better"] is not None:
            places.setdefault(tuple(row[name] for name in PLACE[:-1]), []).append(row)
    found: list[dict[str, Any]] = []
    for place, here in sorted(places.items()):
        for budget, those in by_budget(here).items():
            scored: dict[str, list[Row]] = {}
            for row in those:
                scored.setdefault(row["metric"], []).append(row)
            columns = [_column(name, scored[name]) for name in sorted(scored, key=_order)]
            where = dict(zip(PLACE, (*place, budget), strict=True))
            found.append({**where, "origin": those[0]["origin"], "columns": columns})
    return found


def by_budget(rows: Sequence[Row]) -> dict[str | None, list[Row]]:
    """Budget → its rows and those without one, the budget of most rows first, of equally many the one of most images seen.

    Rows of which none has a budget are together.
    """
    counted = Counter(row["budget"] for row in rows if row["budget"] is not None)
    seen = {row["budget"]: row.get("images") or 0 for row in rows}
    budgets: list[str | None] = [*sorted(counted, key=lambda name: (-counted[name], -seen[name], reading_order(name)))]
    return {name: [row for row in rows if row["budget"] in (name, None)] for name in budgets or [None]}


def _order(metric: str) -> tuple[int, str]:
    return _FIRST.index(metric) if metric in _FIRST else len(_FIRST), metric


def _column(metric: str, rows: Sequence[Row]) -> dict[str, Any]:
    score = min({row["score"] for row in rows}, key=lambda name: (order_of(metric, name), name))
    chosen = [row for row in rows if row["score"] == score]
    first = chosen[0]
    return {
        "metric": metric,
        "score": score,
        "title": _title(metric, first["metric_version"]),
        "unit": PERCENT if first["range"] == [0, 1] else "",
        "higher_is_better": first["higher_is_better"],
        "parameters": None if first["default_parameters"] else first["metric_parameters"],
        "rows": [row["id"] for row in chosen],
    }


def _title(metric: str, version: int) -> str:
    """What papers call a metric, with the version where that is not today's; one that is not installed has none."""
    try:
        today = metrics.version(metric)
    except UserError:
        today = version
    return f"{TITLES.get(metric, metric)}{'' if version == today else f' (version {version})'}"


class Line(NamedTuple):
    """A configuration in a table or figure of a data set."""

    name: str
    reference: bool
    supervision: str

    @property
    def text(self) -> str:
        """The name, with what its training learned of the factors where it learned any."""
        return self.name if self.reference or self.supervision == UNSUPERVISED else f"{self.name} ({self.supervision})"


def line_of(row: Row) -> Line:
    """The line that a row of a board stands in."""
    return Line(row["name"], row["reference"], row["supervision"])


def order_of_lines(line: Line) -> tuple[bool, bool, list[tuple[str, float]]]:
    """A key that sorts lines: reference rows last, those that learned of factors before them, names by the numbers in them."""
    return line.reference, line.supervision != UNSUPERVISED, reading_order(line.name)
