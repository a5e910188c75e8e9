"""A frame of evaluations → between which values the scores of one more training seed lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.cells import (
    BOARD,
    EARLIER,
    ONLY_CLAIMED,
    REFERENCE,
    cells,
    of_methods,
    pooled_spread,
    untrained,
)
from dlib_bvae.analysis.chance import above_chance
from dlib_bvae.analysis.equal_codes import SET, notes
from dlib_bvae.analysis.frame import KEYS
from dlib_bvae.analysis.tables import GROUP
from dlib_bvae.errors import check_integer, check_number

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANCE = 0.01  # of all scores of a seed together
COLUMNS = [*GROUP, "mean", "seeds", "sd", "df"]
_REPS = 100  # of intervals that nobody looks at
_NOT_ABOVE = "not above chance"
_LENDING_NOTHING = (REFERENCE, EARLIER, ONLY_CLAIMED, _NOT_ABOVE)


def prediction_interval(mean: float, n: int, sd: float, df: float, scores: int = 1) -> tuple[float, float]:
    """The interval in which the score of one more seed lies: mean ± t(1 − 0.005 / scores, df) · sd · √(1 + 1 / n).

    mean: of the scores of n >= 1 seeds. sd >= 0, df >= 1: of the variance of single seeds, pooled within configurations. scores:
    how many are looked at; all of one seed lie in their intervals with chance 99 % or more (Bonferroni), if seeds are normal
    and their variance is the same in all configurations. Raises UserError for numbers out of range.
    """
    from scipy import stats

    mean, sd, df = check_number("mean", mean), check_number("sd", sd, 0), check_number("df", df, 1)
    check_integer("n", n, 1)
    check_integer("scores", scores, 1)
    half = float(stats.t.isf(SIGNIFICANCE / 2 / scores, df)) * sd * math.sqrt(1 + 1 / n)
    return mean - half, mean + half


def predictions(frame: pd.DataFrame) -> pd.DataFrame:
    """What the scores of another seed of each row of a board are held against: a row for each of GROUP, columns as in COLUMNS.

    frame: of `collect`. mean: over `seeds` training seeds; those with equal codes count once. sd, df: of single seeds, pooled
    within the trained configurations of the row's board (see cells.BOARD) as for its ranks, also of scores of which neither more
    nor less is better: without baselines, reference rows, claims, exported steps and rows that are not above chance.
    sd is NaN where df is 0.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    chance = above_chance(frame)
    below = chance.loc[chance["above_chance"].eq(False).fillna(False).to_numpy(bool), GROUP]
    table = cells(frame, reps=_REPS, unranked=dict.fromkeys(below.itertuples(index=False, name=None), _NOT_ABOVE))
    lending = ~table["unranked"].isin(_LENDING_NOTHING).to_numpy(bool)
    lending &= ~of_methods(frame, table, untrained(frame))
    codes = _sets(table, frame)
    std, seeds = (table[name].to_numpy(np.float64) for name in ("std", "seeds"))
    trainings = table.groupby(["model", "config"]).ngroup().to_numpy()
    sd, df = np.full(len(table), math.nan), np.zeros(len(table), np.int64)
    for board in table.groupby(BOARD).indices.values():
        first = board[np.unique(codes[board], return_index=True)[1]]  # rows with the same codes lend once
        sd[board], df[board] = pooled_spread(std, seeds, trainings, first[lending[first]])
    return table[[*GROUP, "mean", "seeds"]].assign(sd=sd, df=df)


def _sets(table: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """A number for each row that is the same for rows with the same codes, int64 (rows,)."""
    own, equal = np.arange(len(table)), notes(frame)
    if equal.empty:
        return own
    sets = table[list(KEYS)].merge(equal, on=list(KEYS), how="left")[SET]
    return np.where(sets.isna(), own, sets.factorize()[0] + len(table))
