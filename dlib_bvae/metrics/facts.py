"""Facts about the scores of a metric, as data beside it: each metric's file has SCORES, {result key: Score}."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import NamedTuple


class Score(NamedTuple):
    """The range of a score (None: unbounded) and whether more of it is better (None: neither is)."""

    low: float | None
    high: float | None
    higher_is_better: bool | None


UNIT = Score(0.0, 1.0, True)
COUNT = Score(0.0, None, None)


def fact(scores: Mapping[str, Score], key: str) -> Score | None:
    """The entry of `scores` for the result `key`; an entry may be a pattern, as in "*:mean_test_accuracy"."""
    return next((score for pattern, score in scores.items() if fnmatch.fnmatchcase(key, pattern)), None)
