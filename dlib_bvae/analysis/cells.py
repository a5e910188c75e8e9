"""A frame of evaluations → the cells of a board: each score's interval, rank and place between the reference rows."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.analysis.equal_codes import EQUAL, SET, notes
from dlib_bvae.analysis.frame import EVIDENCE, KEYS, SCORE_NAMES, null_columns
from dlib_bvae.analysis.intervals import REPS, intervals, pooled, ranks, trim, trimmed
from dlib_bvae.analysis.tables import GROUP, by_levels, per_run, per_seed
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import run_sets
from dlib_bvae.metrics.score_info import PERMUTATION, UNKNOWN, Score, info_of

if TYPE_CHECKING:
    import pandas as pd

REFERENCES = ("random_encoder", "oracle")  # the ends of what is normalised
NOT_COMPETING = (*REFERENCES, "noise", "constant_codes")  # methods whose rows have no rank
# What must be equal for two rows to be compared; methods, configurations and representations compete.
BOARD = ["dataset", "fingerprint", "num_images", "metric", "metric_parameters", "score"]
OBJECTIVE = "train_config.model.model"  # "@vae()", "@train/factor_vae()"; codes from elsewhere have none
RECORDED_SUPERVISION = "train_results.supervision"
COLUMNS = [*GROUP, "mean", "std", "median", "iqm", "low", "high", "seeds", "rank", "normalised"]
CLAIMED = "claimed"
SUPERVISION = "supervision"
MODEL = ["model", "representation", "metric", "metric_parameters", "score"]
OVER_DATASETS = [*MODEL, "value", "low", "high", "datasets", "runs"]


def methods(frame: pd.DataFrame) -> pd.Series:
    """The method of every row of a frame of `collect`: the objective's name in its configuration, else the model's name."""
    named = frame[KEYS["model"]].astype(str)
    if OBJECTIVE not in frame:
        return named
    objective = frame[OBJECTIVE].astype("string").map(selector, na_action="ignore")
    return objective.fillna(named).astype(str)


def references(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean scores of the reference rows: one row a board, the columns BOARD, random_encoder and oracle (NaN: no such row).

    A mean over the seeds of each reference, then over its configurations and representations.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*BOARD, *REFERENCES])
    found = methods(frame)
    boards = per_seed(per_run(frame)).reset_index()[BOARD].drop_duplicates()
    for reference in REFERENCES:
        rows = frame[found == reference]
        if rows.empty:
            boards[reference] = float("nan")
            continue
        means = per_seed(per_run(rows)).groupby(GROUP).mean().groupby(BOARD).mean().astype(float)
        boards = boards.merge(means.rename(reference).reset_index(), on=BOARD, how="left")
    return boards.reset_index(drop=True)


def missing_references(frame: pd.DataFrame) -> list[str]:
    """One sentence for each data set and metric whose scores cannot be normalised, because a reference row is missing."""
    sentences = []
    for (dataset, metric), part in references(frame).groupby(["dataset", "metric"]):
        if lacking := [name for name in REFERENCES if part[name].isna().any()]:
            sentences.append(
                f"{metric} on {dataset} is not normalised: no row of {' and '.join(lacking)}; "
                f"train gin/{lacking[0]}_… on that data set and evaluate it by {metric} with the same parameters"
            )
    return sentences


def selector(text: str) -> str:
    """ "@train/vae()" → "vae"; a text that is no reference stays."""
    found = re.fullmatch(r"@(?:.*/)?([\w.]+)(?:\(\))?", text)
    return found[1].split(".")[-1] if found else text


def cells(
    frame: pd.DataFrame,
    seed: int = 0,
    statistic: str = "iqm",
    reps: int = REPS,
    adjusted: bool = False,
    unranked: Collection[tuple] = (),
) -> pd.DataFrame:
    """One row for each combination of KEYS and score in a frame of `collect`, sorted by them; columns as in COLUMNS.

    Over training seeds, each counted once, and those with equal codes as one, as in `aggregate`: mean, std (divisor n - 1),
    median, iqm (see `trimmed`), and low … high, the 95 % percentile bootstrap interval of `statistic` (iqm, mean or median).
    rank: among the rows of one board (see BOARD), ties where intervals overlap (see `ranks`). normalised: `statistic` with
    the random encoder's mean as 0 and the oracle's as 1. Missing (NaN): std and interval of one seed; rank also of reference
    rows, of scores that are only claimed, and of those of which neither more nor less is better (or whose metric is not
    installed); normalised also without reference rows.
    adjusted: of what `adjusted_scores` makes of the frame. unranked: rows without a rank, as tuples of their GROUP.
    Where the frame has them: evidence (the least of the rows that are pooled), supervision, and equal_codes (see
    equal_codes.notes).
    """
    import pandas as pd

    trim(statistic, 1)
    frame = adjusted_scores(frame) if adjusted else frame
    seeds = None if frame.empty else per_seed(per_run(frame))
    if seeds is None or seeds.empty:
        return pd.DataFrame(columns=COLUMNS)
    table = by_levels(seeds, GROUP, lambda groups: groups.agg(["mean", "std", "median"])).astype(float)
    table["seeds"] = by_levels(seeds, GROUP, lambda groups: groups.size())
    table[["iqm", "low", "high", "_point"]] = _resampled(seeds, table["seeds"].to_numpy(), statistic, seed, reps)
    table = table.reset_index()
    better = [_better(*pair, adjusted) for pair in zip(table["metric"], table["score"], strict=True)]
    table["normalised"] = _normalised(table, references(frame), better)
    found = _with_evidence(table, frame)
    ranked = np.array([each is not None for each in better]) & ~_of_methods(frame, table, NOT_COMPETING)
    without = set(unranked)
    ranked &= np.array([row not in without for row in table[GROUP].itertuples(index=False, name=None)], bool)
    if "evidence" in found:
        ranked &= ~found["evidence"].eq(CLAIMED).fillna(False).to_numpy(bool)
    equal = notes(frame)
    if len(equal):
        found = found.merge(equal, on=list(KEYS), how="left")
    found["rank"] = _ranks(found, better, ranked)
    return found[[*COLUMNS, *(name for name in ("evidence", SUPERVISION, EQUAL) if name in found)]]


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


def adjusted_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of `collect` with `adjusted` (see metrics.engine.null) in place of every score that can have a null.

    Such a score of an evaluation without it has no value.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    pairs = frame[[KEYS["metric"], SCORE_NAMES]].drop_duplicates()
    for metric, names in pairs.itertuples(index=False, name=None):
        here = (frame[KEYS["metric"]] == metric) & (frame[SCORE_NAMES] == names)
        for score in json.loads(names):
            column, null = f"evaluation_results.{score}", null_columns(score)["adjusted"]
            if column not in frame or not has_null(metric, score):
                continue
            value = frame.loc[here, null] if null in frame else pd.Series(float("nan"), frame.index[here])
            columns.setdefault(column, frame[column].astype(object)).loc[here] = value.astype(object)
    return frame.assign(**columns)


def has_null(metric: str, score: str) -> bool:
    """Whether a score is one that chance can be measured of; one of which nothing is known is."""
    return score_info(metric, score).null == PERMUTATION


def _better(metric: str, score: str, adjusted: bool) -> bool | None:
    """Whether more is better, of a score or of what is adjusted for chance; None: neither."""
    better = higher_is_better(metric, score)
    return True if adjusted and better is False and has_null(metric, score) else better


def _of_methods(frame: pd.DataFrame, table: pd.DataFrame, wanted: Collection[str]) -> np.ndarray:
    """Which rows of the table are of one of the `wanted` methods, bool (rows,)."""
    names = list(KEYS)
    rows = frame.loc[methods(frame).isin(wanted), list(KEYS.values())].set_axis(names, axis=1)
    known = set(rows.drop_duplicates().itertuples(index=False, name=None))
    return np.array([row in known for row in table[names].itertuples(index=False, name=None)], bool)


def _ranks(table: pd.DataFrame, better: list[bool | None], competing: np.ndarray) -> np.ndarray:
    """The ranks among the `competing` rows, bool (rows,), of each board; NaN for the others.

    Rows with the same codes have the rank of the first of them, and count as one for those behind them.
    """
    found, low, high = np.full(len(table), np.nan), table["low"].to_numpy(), table["high"].to_numpy()
    codes = np.arange(len(table))
    if SET in table:
        codes = np.where(table[SET].isna(), codes, table.groupby(SET, dropna=False).ngroup() + len(table))
    for rows in table[competing].groupby(BOARD).indices.values():
        rows = np.flatnonzero(competing)[rows]
        _, first, place = np.unique(codes[rows], return_index=True, return_inverse=True)
        firsts = rows[first]
        found[rows] = ranks(low[firsts], high[firsts], bool(better[rows[0]]))[place]
    return found


def _normalised(table: pd.DataFrame, known: pd.DataFrame, better: list[bool | None]) -> np.ndarray:
    ends = table[BOARD].merge(known, on=BOARD, how="left")
    zero, one = (ends[name].to_numpy(np.float64) for name in REFERENCES)
    directed = np.array([each is not None for each in better])
    span = np.where(directed & (one != zero), one - zero, np.nan)
    return (table["_point"].to_numpy(np.float64) - zero) / span


def _with_evidence(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Adds the evidence and supervision of a submission's rows."""
    import pandas as pd

    names = [name for name in ("evidence", SUPERVISION) if name in frame]
    if not names:
        return table
    rows = pd.DataFrame({**{name: frame[column] for name, column in KEYS.items()}, **{n: frame[n] for n in names}})
    reduced: dict[str, Any] = {"evidence": _least, SUPERVISION: "first"}
    found = (
        rows.dropna(subset=names, how="all")
        .groupby(list(KEYS))[names]
        .agg({name: reduced[name] for name in names})
        .reset_index()
    )
    return table.merge(found, on=list(KEYS), how="left")


def _least(evidence: pd.Series) -> str | None:
    return min(evidence.dropna(), key=EVIDENCE.index, default=None)


def normalised_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Every run's normalised scores: GROUP, seed and value, 0 the random encoder's and 1 the oracle's mean on that board.

    Scores of boards without both reference rows, or whose reference rows are equal, are left out.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*MODEL, "dataset", "fingerprint", "seed", "value"])
    runs = per_seed(per_run(frame)).astype(float).rename("value").reset_index().merge(references(frame), on=BOARD)
    zero, one = (runs[name].to_numpy(np.float64) for name in REFERENCES)
    span = np.where(one != zero, one - zero, np.nan)
    runs["value"] = (runs["value"] - zero) / span
    return runs.dropna(subset=["value"]).drop(columns=list(REFERENCES))


def over_datasets(frame: pd.DataFrame, statistic: str = "iqm", seed: int = 0, reps: int = REPS) -> pd.DataFrame:
    """`pooled` normalised scores of each model name over the data sets it was scored on; columns as in OVER_DATASETS.

    Strata are data set and fingerprint; configurations of one name on one data set are runs alike. `datasets` names the
    sets, separated by ", ": only rows with the same ones can be compared.
    """
    import pandas as pd

    rows = []
    for place, part in normalised_runs(frame).groupby(MODEL):
        strata = {name: each["value"].to_numpy() for name, each in part.groupby(["dataset", "fingerprint"])}
        found = pooled(list(strata.values()), statistic, seed, reps)
        rows.append([*place, *found, ", ".join(dataset for dataset, _ in strata), len(part)])
    return pd.DataFrame(rows, columns=OVER_DATASETS)
