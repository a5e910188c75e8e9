"""Takes the rows of a board, hands on how pairs of them compare: the difference's interval, p, probability of improvement."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.analysis import improvement
from dlib_bvae.analysis.cells import BOARD, CLAIMED
from dlib_bvae.analysis.ranks import LEAST_FREEDOM, LEAST_SEEDS, students, tukey_kramer, welch_freedom
from dlib_bvae.leaderboard.summary import by_budget

MOST_ROWS = 60  # of a group whose rows are compared
_DIGITS = 5
Row = Mapping[str, Any]


class _Errors(NamedTuple):
    """Of each row: the variance of its mean, its degrees of freedom, and whether it is that pooled over the board."""

    variance: np.ndarray
    freedom: np.ndarray
    pooled: np.ndarray


def squares(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Of each main score at default parameters (or those of the "headline") with 2 … MOST_ROWS rows: how its rows compare.

    Rows of one budget are compared with each other and with baselines; but for what is only claimed or has fewer than LEAST_SEEDS
    seeds without being a reference. "key": BOARD; "ids": of the rows; then square matrices in their order, None on the
    diagonal. "improvement": the chance that a run of the first (line) is better than one of the second (column). "low",
    "high": the 95 % interval of the first mean less the second, in the score's
    unit; "p": of no difference; none with fewer than LEAST_FREEDOM degrees of freedom of the pooled variance.

    Two ranked rows: Tukey–Kramer's test, of all ranked rows of their supervision, or of both supervisions, together: p < 0.05
    exactly where the ranks are apart. A ranked row and one that is not, such as PCA: Student's t with the pooled variance for
    the ranked row and the other's own (Welch), Šidák's adjustment for as many ranked rows, as it may have been picked as the
    best of them. The own variance of a reference is that over its seeds; where these have equal codes, over their scores, so
    that a score that is the same each time is taken as exact. With one seed, or two, it is not known, and the pooled one stands
    in for it: then a difference is found too seldom. Two that are not ranked: Welch's test.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        shown = row["headline"] or (row["main"] and row["default_parameters"])
        if shown and row["higher_is_better"] is not None and _is_known(row):
            groups[json.dumps([row[name] for name in BOARD], sort_keys=True)].append(row)
    apart = [(key, each) for key, of in groups.items() for each in by_budget(of).values()]
    return [_square(key, of) for key, of in apart if 2 <= len(of) <= MOST_ROWS]


def _is_known(row: Row) -> bool:
    """Whether a row says enough of its mean to be compared."""
    return row["evidence"] != CLAIMED and (row["reference"] or row["seeds"] >= LEAST_SEEDS)


def _square(key: str, rows: Sequence[Row]) -> dict[str, Any]:
    both = ~np.eye(len(rows), dtype=bool)
    found = {"key": json.loads(key), "ids": [row["id"] for row in rows]}
    low, high, p = np.full((3, len(rows), len(rows)), np.nan)
    if (rows[0]["rank_df"] or 0) >= LEAST_FREEDOM:
        mean = np.array([row["mean"] for row in rows])
        gap = mean[:, None] - mean
        half, p = _compared(rows, gap)
        low, high = gap - half, gap + half
    values = [np.array([each["value"] for each in row["runs"]]) for row in rows]
    sign = 1 if rows[0]["higher_is_better"] else -1
    better = np.array([[improvement(sign * x, sign * y) for y in values] for x in values])
    named = {"low": low, "high": high, "p": p, "improvement": better}
    return found | {name: _rounded(np.where(both, matrix, np.nan)) for name, matrix in named.items()}


def _compared(rows: Sequence[Row], gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Half the width of the 95 % interval, p) of the differences `gap` of the means of all pairs of rows, (rows, rows)."""
    errors = _errors(rows)
    error = np.sqrt(errors.variance[:, None] + errors.variance)
    welch = welch_freedom(errors.variance[:, None], errors.freedom[:, None], errors.variance, errors.freedom)
    freedom = np.where(errors.pooled[:, None] & errors.pooled, rows[0]["rank_df"], welch)
    ranked = np.array([row["unranked"] is None for row in rows])
    family = np.array([row["rank_of"] or 0 for row in rows])
    half, p = students(gap, error, freedom, np.maximum(np.maximum(family[:, None], family), 1))
    classes = np.array([row["supervision"] for row in rows], object)
    together = np.where(classes[:, None] == classes, family[:, None], family[:, None] + family)
    together = np.where(ranked[:, None] & ranked, np.maximum(together, 2), 0)
    for number in np.unique(together[together > 0]):
        here = together == number
        half[here], p[here] = tukey_kramer(gap[here], error[here], int(number), rows[0]["rank_df"])
    return half, p


def _errors(rows: Sequence[Row]) -> _Errors:
    single, freedom = rows[0]["rank_sd"] ** 2, rows[0]["rank_df"]
    entries = []
    for row in rows:
        scores = np.array([each["value"] for each in row["runs"]])
        if row["unranked"] is None or (row["seeds"] < LEAST_SEEDS and not (row["seeds"] == 1 and len(scores) > 1)):
            entries.append((single / row["seeds"], freedom, True))
        elif row["seeds"] == 1:  # several seeds with equal codes
            entries.append((scores.var(ddof=1) / len(scores), len(scores) - 1, False))
        else:
            entries.append((row["std"] ** 2 / row["seeds"], row["seeds"] - 1, False))
    variance, degrees, pooled = zip(*entries, strict=True)
    return _Errors(np.array(variance, float), np.array(degrees, float), np.array(pooled, bool))


def _rounded(matrix: np.ndarray) -> list[list[float | None]]:
    return [
        [float(f"{each:.{_DIGITS}g}") if math.isfinite(each) else None for each in line] for line in matrix.tolist()
    ]
