"""Rows of a board → which of them stand for their metric on their data set, and how far these scores agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae import analysis
from dlib_bvae.analysis.agreement import clustered
from dlib_bvae.analysis.frame import SCORE_NAMES
from dlib_bvae.leaderboard.summary import PLACE, by_budget
from dlib_bvae.metrics.headline import is_default, is_main, order_of

if TYPE_CHECKING:
    import pandas as pd

_DATA_SET = ("dataset", "fingerprint", "data_version")
_SQUARE = ("spearman", "kendall", "runs", "within", "within_df")
Row = Mapping[str, Any]


def mark_headlines(rows: Sequence[dict[str, Any]]) -> None:
    """Adds to the `rows` of a board "main" and "default_parameters" (see metrics.headline), and "headline".

    headline: summaries and charts show the row. Of each data set these are the main scores, each metric with one set of
    parameters: its defaults, or, where it has no row with them, those of most rows; of its newest version that is there; and the
    number of images that most rows were scored on. Rows of exported steps are none of them.
    """
    of_data: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        row["main"] = is_main(row["metric"], row["score"])
        row["default_parameters"] = bool(is_default(row["metric"], row["metric_parameters"]))
        row["headline"] = False
        if row["main"] and row["last"]:
            of_data[tuple(row[name] for name in _DATA_SET)].append(row)
    for those in of_data.values():
        images = _most([row["num_images"] for row in those])
        of_metric: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in those:
            if row["num_images"] == images:
                of_metric[row["metric"]].append(row)
        for each in of_metric.values():
            newest = max(row["metric_version"] for row in each)
            each = [row for row in each if row["metric_version"] == newest]
            usual = [row for row in each if row["default_parameters"]] or each
            parameters = _most([_text(row) for row in usual])
            for row in usual:
                row["headline"] = _text(row) == parameters


def _most(values: Sequence[Any]) -> Any:
    """The value that is there most often, of several the largest."""
    counted = Counter(values)
    return max(counted, key=lambda value: (counted[value], value))


def _text(row: Row) -> str:
    return json.dumps(row["metric_parameters"], sort_keys=True)


def agreements(frame: pd.DataFrame, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Of each data set by itself: how far its metrics agree over runs, each by its first main score among the headline `rows`.

    frame: of analysis.frame.collect, or adjusted for chance. "scores", each with its metric, are in an order in which those that
    agree are neighbours. "spearman", "kendall", "runs" (how many have both), "within" and "within_df" (between the seeds of one
    configuration) are square, in the order of the scores; see analysis.agreements. Of a data set with several budgets ("budget")
    each has its own; fewer than two such scores are left out.
    """
    found = []
    of_data: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        if row["headline"]:
            of_data[tuple(row[name] for name in PLACE[:-1])].append(row)
    apart = ((place, *each) for place, every in sorted(of_data.items()) for each in by_budget(every).items())
    for place, budget, every in apart:
        those = _firsts(every)
        labels = {f"{row['metric']}.{row['score']}": (row["metric"], row["score"]) for row in those}
        pairs = analysis.agreements(_only(frame, those))
        names = sorted({*pairs["first"], *pairs["second"]} & labels.keys())
        if len(names) < 2:
            continue
        squares = {name: _square(pairs, name, names) for name in _SQUARE}
        order = clustered(np.array(squares["spearman"], np.float64))  # None is NaN
        board: dict[str, Any] = dict(zip(PLACE, (*place, budget), strict=True))
        board["scores"] = [dict(zip(("metric", "score"), labels[names[i]], strict=True)) for i in order]
        found.append(
            {**board, **{name: [[each[i][j] for j in order] for i in order] for name, each in squares.items()}}
        )
    return found


def _firsts(rows: Sequence[Row]) -> list[Row]:
    """Those of the first main score of each metric that they have."""
    scores: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        scores[row["metric"]].add(row["score"])
    first = {metric: min(of, key=lambda score: (order_of(metric, score), score)) for metric, of in scores.items()}
    return [row for row in rows if row["score"] == first[row["metric"]]]


def _only(frame: pd.DataFrame, rows: Sequence[Row]) -> pd.DataFrame:
    """The evaluations that the `rows` are of, with the scores of the rows only."""
    scores: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for each in row["runs"]:
            for path in each["paths"]:
                scores[path].add(row["score"])
    here = frame[frame["path"].isin(scores)]
    kept = [
        json.dumps([name for name in json.loads(names) if name in scores[path]])
        for path, names in here[["path", SCORE_NAMES]].itertuples(index=False, name=None)
    ]
    return here.assign(**{SCORE_NAMES: kept})


def _square(pairs: pd.DataFrame, name: str, names: Sequence[str]) -> list[list[Any]]:
    """A symmetric matrix of the values of `pairs` in the order of `names`; None where there is none."""
    places = {each: place for place, each in enumerate(names)}
    square: list[list[Any]] = [[None] * len(names) for _ in names]
    for first, second, value in zip(pairs["first"], pairs["second"], pairs[name].tolist(), strict=True):
        i, j = places[first], places[second]
        square[i][j] = square[j][i] = None if value != value else value
    return square
