"""The cells of a board: every model's score with its spread, interval, rank and place between the reference rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.analysis.comparison import ranks
from dlib_bvae.analysis.intervals import REPS, intervals, trim, trimmed
from dlib_bvae.analysis.references import BOARD, REFERENCES, methods, references
from dlib_bvae.analysis.tables import GROUP, KEYS, by_levels, per_run, per_seed
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import run_sets
from dlib_bvae.metrics.score_info import UNKNOWN, Score, info_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [*GROUP, "mean", "std", "median", "iqm", "low", "high", "seeds", "rank", "normalised"]
EVIDENCE = ("claimed", "recomputed", "retrained")  # of a submission's scores, least first
SUPERVISION = "supervision"


def cells(frame: pd.DataFrame, seed: int = 0, statistic: str = "iqm", reps: int = REPS) -> pd.DataFrame:
    """One row for each combination of KEYS and score in a frame of `collect`, sorted by them; columns as in COLUMNS.

    Over training seeds, each counted once as in `aggregate`: mean, std (divisor n - 1), median, iqm (see `trimmed`), and
    low … high, the 95 % percentile bootstrap interval of `statistic` (iqm, mean or median). rank: among the rows of one
    board (see BOARD), ties where intervals overlap (see `ranks`). normalised: `statistic` with the random encoder's mean
    as 0 and the oracle's as 1. Missing (NaN): std and interval of one seed; rank also of reference rows and of scores
    of which neither more nor less is better (or whose metric is not installed); normalised also without reference rows.
    Where the frame has them: evidence (the least of the rows that are pooled) and supervision.
    """
    import pandas as pd

    trim(statistic, 1)
    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    seeds = per_seed(per_run(frame))
    table = by_levels(seeds, GROUP, lambda groups: groups.agg(["mean", "std", "median"])).astype(float)
    table["seeds"] = by_levels(seeds, GROUP, lambda groups: groups.size())
    table[["iqm", "low", "high", "_point"]] = _resampled(seeds, table["seeds"].to_numpy(), statistic, seed, reps)
    table = table.reset_index()
    better = [higher_is_better(*pair) for pair in zip(table["metric"], table["score"], strict=True)]
    table["rank"] = _ranks(table, better, _of_references(frame, table))
    table["normalised"] = _normalised(table, references(frame), better)
    return _with_evidence(table[COLUMNS], frame)


def score_info(metric: str, score: str) -> Score:
    """Range and direction of a score; all unknown where its metric is not installed here or does not say."""
    for registry, scores_of in (
        (metrics.METRICS, metrics.scores_of),
        (run_sets.RUN_SET_METRICS, run_sets.scores_of),
    ):
        if metric in registry:
            try:
                return info_of(scores_of(metric), score) or UNKNOWN
            except UserError:  # a plug-in that cannot be imported says nothing
                return UNKNOWN
    return UNKNOWN


def higher_is_better(metric: str, score: str) -> bool | None:
    """What the metric says of its score; None: neither, or nothing is known of the metric here."""
    return score_info(metric, score).higher_is_better


def _resampled(seeds: pd.Series, sizes: np.ndarray, statistic: str, seed: int, reps: int) -> np.ndarray:
    """iqm, low, high and the statistic itself of every cell, (cells, 4); cells of as many seeds are resampled together.

    seeds: the values of the first cell, then those of the second, …; sizes: how many each has.
    """
    values = seeds.to_numpy(np.float64)
    starts = np.cumsum(sizes) - sizes
    found = np.full((len(sizes), 4), np.nan)
    for n in np.unique(sizes):
        chosen = np.flatnonzero(sizes == n)
        block = values[starts[chosen][:, None] + np.arange(n)]
        found[chosen, 0] = trimmed(block, "iqm")
        found[chosen, 1:3] = intervals(block, statistic, seed, reps)
        found[chosen, 3] = trimmed(block, statistic)
    return found


def _of_references(frame: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Which rows of the table are reference rows, bool (rows,)."""
    names = list(KEYS)
    rows = frame.loc[methods(frame).isin(REFERENCES), list(KEYS.values())].set_axis(names, axis=1)
    known = set(rows.drop_duplicates().itertuples(index=False, name=None))
    return np.array([row in known for row in table[names].itertuples(index=False, name=None)], bool)


def _ranks(table: pd.DataFrame, better: list[bool | None], reference: np.ndarray) -> np.ndarray:
    found = np.full(len(table), np.nan)
    competing = np.array([each is not None for each in better]) & ~reference
    for rows in table[competing].groupby(BOARD).indices.values():
        rows = np.flatnonzero(competing)[rows]
        found[rows] = ranks(table["low"].to_numpy()[rows], table["high"].to_numpy()[rows], bool(better[rows[0]]))
    return found


def _normalised(table: pd.DataFrame, known: pd.DataFrame, better: list[bool | None]) -> np.ndarray:
    ends = table[BOARD].merge(known, on=BOARD, how="left")
    zero, one = (ends[name].to_numpy(np.float64) for name in REFERENCES)
    directed = np.array([each is not None for each in better])
    span = np.where(directed & (one != zero), one - zero, np.nan)
    return (table["_point"].to_numpy(np.float64) - zero) / span


def _with_evidence(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Adds what a submission's rows say of themselves."""
    import pandas as pd

    names = [name for name in ("evidence", SUPERVISION) if name in frame]
    if not names:
        return table
    rows = pd.DataFrame({**{name: frame[column] for name, column in KEYS.items()}, **{n: frame[n] for n in names}})
    said: dict[str, Any] = {"evidence": _least, SUPERVISION: "first"}
    found = (
        rows.dropna(subset=names, how="all")
        .groupby(list(KEYS))[names]
        .agg({name: said[name] for name in names})
        .reset_index()
    )
    return table.merge(found, on=list(KEYS), how="left")


def _least(evidence: pd.Series) -> str | None:
    return min(evidence.dropna(), key=EVIDENCE.index, default=None)
