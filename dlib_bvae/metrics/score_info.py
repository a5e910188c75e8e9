"""What is known of the scores and matrices of a metric, as data beside it: each metric's file has SCORES, {result key: Score}."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import NamedTuple


class Score(NamedTuple):
    """The range of a score (None: unbounded) and whether more of it is better (None: neither is)."""

    low: float | None
    high: float | None
    higher_is_better: bool | None


UNKNOWN = Score(None, None, None)
UNIT = Score(0.0, 1.0, True)
COUNT = Score(0.0, None, None)


class Matrix(NamedTuple):
    """A matrix in a metric's result, as data beside it: each metric's file with one has MATRICES, {result key: Matrix}.

    rows, columns: "code", "active code" (those in active_codes), "factor" (those with more than one value), or the result
    key that lists what they are. of: what an entry is, with its unit. low, high: its range (None: as far as it goes).
    """

    rows: str
    columns: str
    of: str
    low: float | None = 0.0
    high: float | None = None


INFORMATION = {"mutual_information": Matrix("code", "factor", "mutual information (nats)")}


def info_of(scores: Mapping[str, Score], key: str) -> Score | None:
    """The entry of `scores` for the result `key`; an entry may be a pattern, as in "*:mean_test_accuracy"."""
    return next((score for pattern, score in scores.items() if fnmatch.fnmatchcase(key, pattern)), None)
