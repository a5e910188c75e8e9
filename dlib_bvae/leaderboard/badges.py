"""A frame of evaluations → what a board says of a row besides its numbers: active latents, its null, is it above chance."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dlib_bvae import analysis, metrics
from dlib_bvae.analysis.cells import STATISTICS, has_null
from dlib_bvae.analysis.chance import NO_NULL, above_chance, adjusted_random
from dlib_bvae.analysis.frame import KEYS, NULL, RUN
from dlib_bvae.analysis.power import row_differences
from dlib_bvae.analysis.tables import GROUP, aggregate
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import said_by

if TYPE_CHECKING:
    import pandas as pd

NOT_ABOVE = "not above chance"
# What a row says of chance, besides its badges.
JUDGED = (
    *("null", "above_chance", "chance_p", "chance_missing", "adjusted", "adjusted_random", "smallest_difference"),
)
ADJUSTED = tuple(name for name in STATISTICS if name != "seeds")
_COUNTS = "active_units"  # the metric, and its score
_ACTIVE, _OF = f"evaluation_results.{_COUNTS}", "postprocess_results.num_latents"
_THRESHOLD, _USUAL = "evaluation_results.metric_parameters.threshold", 0.01
_PLACE = [KEYS[name] for name in ("dataset", "fingerprint")]


class Latents(NamedTuple):
    """How many latents of a representation are active, of how many."""

    active: float
    of: int


def judged(frame: pd.DataFrame, seed: int = 0) -> dict[tuple, dict[str, Any]]:
    """{GROUP of a row: what it says of chance and of differences (JUDGED)} of a frame of `collect`.

    null: the number of matchings, and the means over seeds of what their nulls say; above_chance and chance_p as of
    analysis.chance, smallest_difference as of analysis.power. adjusted: the statistics of scores adjusted for chance. None
    where there is none.
    """
    table = aggregate(frame)[[*GROUP, *NULL]]
    for part in (above_chance(frame), adjusted_random(frame), row_differences(frame)):
        table = table.merge(part, on=GROUP, how="left")
    found = {tuple(row[name] for name in GROUP): _of_row(row) for row in plain(table)}
    if all(each["null"] is None for each in found.values()):
        return found
    for cell in plain(analysis.cells(frame, seed=seed, adjusted=True, unranked=without_rank(found))):
        each = found[tuple(cell[name] for name in GROUP)]
        if each["null"] is not None:
            each["adjusted"] = {name: cell[name] for name in ADJUSTED}
    return found


def without_rank(found: Mapping[tuple, Mapping[str, Any]]) -> dict[tuple, str]:
    """{GROUP of a row: why it has no rank}, of what `judged` says: those that are not above chance."""
    return {key: NOT_ABOVE for key, each in found.items() if each["above_chance"] is False}


def _of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    null = {"n": row["chance_n"], **{entry: row[column] for column, entry in NULL.items()}}
    least = {
        "value": row["smallest_difference"],
        "df": row["training_df"],
        "missing": row["smallest_difference_missing"],
    }
    return {
        "null": None if null["mean"] is None else null,
        "adjusted": None,
        "smallest_difference": least,
        **{name: row[name] for name in ("above_chance", "chance_p", "chance_missing", "adjusted_random")},
    }


def plain(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    """Rows as dictionaries of Python's own values, None where there is none."""
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def help_of(metric: str) -> str | None:
    """What a metric measures, and when it lies; None where its file does not say."""
    for registry in (metrics.METRICS, RUN_SET_METRICS):
        try:
            about = said_by(registry, metric, "ABOUT", {}).get(metric) if metric in registry else None
        except UserError:  # a plug-in that cannot be imported says nothing
            continue
        if about is not None:
            caution = metrics.caution(metric) if metric in metrics.METRICS else ""
            return " ".join([f"Measures {about.measures}.", *([caution] if caution else [])])
    return None


def active_latents(frame: pd.DataFrame) -> dict[tuple[str, str], Latents]:
    """(uuid of a run, representation) → its latents, where a frame of `collect` has a result of active_units.

    Of results of several thresholds that of 0.01 counts, else that of the lowest.
    """
    columns = [RUN, KEYS["representation"], _ACTIVE, _OF, _THRESHOLD]
    rows = frame[frame[KEYS["metric"]] == _COUNTS].reindex(columns=columns)
    found: dict[tuple[str, str], tuple[float, Latents]] = {}
    for run, representation, *entries in rows.itertuples(index=False, name=None):
        active, of, threshold = map(_number, entries)
        if active is None or of is None or not 0 <= active <= of:
            continue
        place = -1.0 if threshold == _USUAL else threshold or 0.0
        if (run, representation) not in found or place < found[run, representation][0]:
            found[run, representation] = place, Latents(active, int(of))
    return {key: latents for key, (_, latents) in found.items()}


def numbers_of_factors(frame: pd.DataFrame) -> dict[tuple[str, str], int]:
    """(Data set, fingerprint) → how many factors with more than one value it has, where a matrix in a result says so."""
    found: dict[tuple[str, str], int] = {}
    for (metric, dataset, fingerprint), part in frame.groupby([KEYS["metric"], *_PLACE]):
        for key, axis in _by_factor(metric).items():
            column = f"evaluation_results.{key}"
            for text in part[column].dropna().iloc[:1] if column in part else ():
                if size := _length(text, axis):
                    found.setdefault((dataset, fingerprint), size)
    return found


def _by_factor(metric: str) -> dict[str, int]:
    """{matrix in the results of a metric: which of its axes are factors}."""
    try:
        known = metrics.matrices(metric) if metric in metrics.METRICS else {}
    except UserError:  # a plug-in that cannot be imported says nothing
        return {}
    return {key: matrix[:2].index("factor") for key, matrix in known.items() if "factor" in matrix[:2]}


def _length(text: object, axis: int) -> int | None:
    """The length of a matrix in JSON along an axis; None where it is no matrix."""
    try:
        rows = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return None
    return len(rows) if axis == 0 else len(rows[0])


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, numbers.Real) and math.isfinite(value) else None


def latents_text(latents: Sequence[Latents], factors: int | None) -> str | None:
    """ "collapsed: 1–3 of 10 latents active" of the runs of a row (see collapsed); None where not known."""
    if not latents:
        return None
    low, high = min(latents), max(latents)
    active = f"{low.active:g}" if low.active == high.active else f"{low.active:g}–{high.active:g}"
    sizes = sorted({each.of for each in latents})
    of = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
    return f"{'collapsed: ' if collapsed(latents, factors) else ''}{active} of {of} latents active"


def collapsed(latents: Sequence[Latents], factors: int | None) -> bool:
    """Whether in some run latents are not active, and fewer are than there are factors (where that is not known, than 2)."""
    return any(each.active < each.of and each.active < (factors or 2) for each in latents)


def with_badges(
    row: dict[str, Any], judged: Mapping[str, Any], latents: Sequence[Latents], factors: int | None
) -> dict[str, Any]:
    """A row of a board with what is said of it: its null and what follows from it, and its latents.

    judged: of chance.judged; latents: of the row's runs; factors: of the data set.
    """
    possible = has_null(row["metric"], row["score"])
    return {
        **row,
        "has_null": possible,
        "no_null": possible and judged.get("chance_missing") == NO_NULL,
        **{name: judged.get(name) for name in JUDGED},
        "latents": latents_text(latents, factors),
        "collapsed": collapsed(latents, factors),
    }
