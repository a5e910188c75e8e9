"""A frame of evaluations → the cells of a board: each score's interval, rank and place between the reference rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.analysis import budget
from dlib_bvae.analysis.budget import BUDGET
from dlib_bvae.analysis.equal_codes import EQUAL, SET, notes
from dlib_bvae.analysis.frame import EVIDENCE, KEYS, OBJECTIVE, STEP, null_columns, rows_of_scores
from dlib_bvae.analysis.intervals import REPS, mean_intervals, pooled, trimmed
from dlib_bvae.analysis.ranks import LEAST_FREEDOM, LEAST_SEEDS, Spread, ranges
from dlib_bvae.analysis.supervision import SUPERVISION, of_rows, selector
from dlib_bvae.analysis.tables import GROUP, by_levels, per_run, per_seed
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import run_sets
from dlib_bvae.metrics.score_info import PERMUTATION, UNKNOWN, Score, info_of
from dlib_bvae.models.baselines import BASELINES

if TYPE_CHECKING:
    import pandas as pd

REFERENCES = ("random_encoder", "oracle")  # the ends of what is normalised
NOT_COMPETING = (*REFERENCES, "noise", "constant_codes")  # methods that say how far a score goes
# What must be equal for two rows to be compared, and their budget; methods, configurations and representations compete.
BOARD = [
    "dataset",
    "fingerprint",
    "data_version",
    "num_images",
    "metric",
    "metric_version",
    "metric_parameters",
    "score",
]
STATISTICS = (
    *("mean", "std", "median", "iqm", "low", "high", "interval", "seeds"),
    *("rank_low", "rank_high", "tied", "rank_of", "rank_sd", "rank_df", "unranked", "normalised"),
)
COLUMNS = [*GROUP, *STATISTICS, SUPERVISION, BUDGET]
INTERVAL = ("low", "high", "interval")
CLAIMED = "claimed"
REFERENCE = "reference"  # why a reference row has no rank
EARLIER = "before the end of training"
ONLY_CLAIMED = "only claimed"
FEW_SEEDS = f"fewer than {LEAST_SEEDS} seeds"
MODEL = ["model", BUDGET, "representation", "metric", "metric_version", "metric_parameters", "score"]
_IMAGES = ["dataset", "fingerprint", "data_version"]
OVER_DATASETS = [*MODEL, "value", "low", "high", "datasets", "runs"]


def methods(frame: pd.DataFrame) -> pd.Series:
    """The method of every row of a frame of `collect`: the objective's name in its configuration, else the model's name."""
    named = frame[KEYS["model"]].astype(str)
    if OBJECTIVE not in frame:
        return named
    # Where all is missing, what map gives has a type of its own.
    objective = frame[OBJECTIVE].astype("string").map(selector, na_action="ignore").astype("string")
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


def cells(
    frame: pd.DataFrame,
    seed: int = 0,
    reps: int = REPS,
    adjusted: bool = False,
    unranked: Mapping[tuple, str] | None = None,
) -> pd.DataFrame:
    """One row for each combination of KEYS and score in a frame of `collect`, sorted by them; columns as in COLUMNS.

    Over training seeds, each counted once, and those with equal codes as one, as in `aggregate`: mean, which rows are compared
    by, std (divisor n − 1), median, and iqm (see `trimmed`) where it is neither of the two. low … high is what `interval` says:
    see mean_intervals. normalised: the mean with the random encoder's as 0 and the oracle's as 1. supervision, budget: see
    supervision.of_rows and budget.of_rows.
    rank_low … rank_high, tied: see ranks.ranges, among the rows of one board (see BOARD), one budget and one supervision, of
    which there are rank_of; rows with the same codes count once. rank_sd, rank_df: of the variance of single seeds on that
    board, pooled within the configurations of every budget and supervision: trained ones (baselines vary less), not only
    claimed, and none of `unranked`. Representations of one configuration lend their degrees of freedom once, rows with the same
    codes, too.
    unranked: why there is no rank: what the argument says of a row, by its GROUP; a reference row (of a baseline), only
    claimed, a score of which neither more nor less is better (or whose metric is not installed), codes at an exported step,
    fewer than LEAST_SEEDS, or LEAST_FREEDOM.
    adjusted: of what `adjusted_scores` makes of the frame. reps, seed: of the bootstrap. Missing (NaN): std and interval of one
    seed; normalised without reference rows. Where the frame has them: evidence (the least of the rows that are pooled) and
    equal_codes (see equal_codes.notes).
    """
    import pandas as pd

    frame = adjusted_scores(frame) if adjusted else frame
    seeds = None if frame.empty else per_seed(per_run(frame))
    if seeds is None or seeds.empty:
        return pd.DataFrame(columns=COLUMNS)
    table = by_levels(seeds, GROUP, lambda groups: groups.agg(["mean", "std", "median"])).astype(float)
    table["seeds"] = by_levels(seeds, GROUP, lambda groups: groups.size())
    table[["iqm", "low", "high"]], table["interval"] = _intervals(seeds, table["seeds"].to_numpy(), seed, reps)
    table = table.reset_index()
    better = [_better(*pair, adjusted) for pair in zip(table["metric"], table["score"], strict=True)]
    table["normalised"] = _normalised(table, references(frame), better)
    found = _with_evidence(table, frame)
    of_keys: dict[str, Mapping[tuple, str | None]] = {
        SUPERVISION: of_rows(frame),
        BUDGET: budget.of_rows(frame, methods(frame)),
    }
    keys = list(found[list(KEYS)].itertuples(index=False, name=None))
    found = found.assign(**{name: [known[key] for key in keys] for name, known in of_keys.items()})
    equal = notes(frame)
    if len(equal):
        found = found.merge(equal, on=list(KEYS), how="left")
    found["unranked"] = _without_rank(found, frame, better, unranked or {})
    lending = found["unranked"].fillna(FEW_SEEDS) == FEW_SEEDS
    found = _ranked(found, better, lending.to_numpy(bool) & ~of_methods(frame, found, untrained(frame)))
    return found[[*COLUMNS, *(name for name in ("evidence", EQUAL) if name in found)]]


def row_intervals(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """low, high and interval of `cells`, with GROUP: a row for each of it in a frame of `collect`."""
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*GROUP, *INTERVAL])
    seeds = per_seed(per_run(frame))
    table = by_levels(seeds, GROUP, lambda groups: groups.size()).to_frame("seeds")
    found, table["interval"] = _intervals(seeds, table["seeds"].to_numpy(), seed, REPS)
    table[["low", "high"]] = found[:, 1:]
    return table.reset_index()[[*GROUP, *INTERVAL]]


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


def _intervals(seeds: pd.Series, sizes: np.ndarray, seed: int, reps: int) -> tuple[np.ndarray, np.ndarray]:
    """(iqm, low and high of every cell, (cells, 3); what low and high are); cells of as many seeds are taken together.

    seeds: the values of the first cell, then those of the second, …; sizes: how many each has.
    """
    values = seeds.to_numpy(np.float64)
    starts = np.cumsum(sizes) - sizes
    found, kinds = np.full((len(sizes), 3), np.nan), np.full(len(sizes), None, object)
    for n in np.unique(sizes):
        chosen = np.flatnonzero(sizes == n)
        block = values[starts[chosen][:, None] + np.arange(n)]
        found[chosen, 1:], kinds[chosen] = mean_intervals(block, seed, reps)
        if n > 4:  # of three it is the mean, of four the median
            iqm = trimmed(block, "iqm")
            found[chosen, 0] = np.where(np.isclose(iqm, np.median(block, axis=1), rtol=1e-12, atol=0), np.nan, iqm)
    kinds[kinds == ""] = None
    return found, kinds


def _without_rank(
    table: pd.DataFrame, frame: pd.DataFrame, better: Sequence[bool | None], given: Mapping[tuple, str]
) -> np.ndarray:
    """Why each row has no rank, before it is asked how many degrees of freedom there are; None: nothing is known against it."""
    found = np.full(len(table), None, object)
    found[table["seeds"].to_numpy(float) < LEAST_SEEDS] = FEW_SEEDS
    if given:
        rows = table[GROUP].itertuples(index=False, name=None)
        found[:] = [given.get(row, why) for row, why in zip(rows, found, strict=True)]
    found[[each is None for each in better]] = "no known direction"
    if "evidence" in table:
        found[table["evidence"].eq(CLAIMED).fillna(False).to_numpy(bool)] = ONLY_CLAIMED
    if STEP in frame:
        found[_of(frame, table, frame[STEP].notna())] = EARLIER
    found[of_methods(frame, table, untrained(frame))] = REFERENCE
    return found


def _ranked(table: pd.DataFrame, better: Sequence[bool | None], lending: np.ndarray) -> pd.DataFrame:
    """The table with its ranks, among the rows that have no reason in `unranked`; those of too few degrees of freedom get it.

    lending: the rows, bool (rows,), from which the variance of a board is pooled.
    """
    numbers = {name: np.full(len(table), np.nan) for name in ("rank_low", "rank_high", "rank_of", "rank_sd", "rank_df")}
    tied, why = np.zeros(len(table), bool), table["unranked"].astype(object).to_numpy(copy=True)
    free, codes = table["unranked"].isna().to_numpy(bool), np.arange(len(table))
    if SET in table:
        codes = np.where(table[SET].isna(), codes, table.groupby(SET, dropna=False).ngroup() + len(table))
    columns = {name: table[name].to_numpy(np.float64) for name in ("mean", "seeds", "std")}
    trainings = table.groupby(["model", "config"]).ngroup().to_numpy()
    classes = table.groupby([SUPERVISION, BUDGET], dropna=False).ngroup().to_numpy()
    for board in table.groupby(BOARD).indices.values():
        _, first = np.unique(codes[board], return_index=True)
        spread = pooled_spread(columns["std"], columns["seeds"], trainings, board[first][lending[board[first]]])
        numbers["rank_sd"][board], numbers["rank_df"][board] = spread
        compared = board[free[board]]
        if spread.df < LEAST_FREEDOM:
            why[compared] = f"{spread.df} of {LEAST_FREEDOM} degrees of freedom"
            continue
        for name in dict.fromkeys(classes[compared]):
            rows = compared[classes[compared] == name]
            _, first, place = np.unique(codes[rows], return_index=True, return_inverse=True)
            firsts = rows[first]
            low, high, best = ranges(columns["mean"][firsts], columns["seeds"][firsts], spread, bool(better[rows[0]]))
            numbers["rank_low"][rows], numbers["rank_high"][rows], tied[rows] = low[place], high[place], best[place]
            numbers["rank_of"][rows] = len(firsts)
    whole = dict.fromkeys(("rank_low", "rank_high", "rank_of", "rank_df"), "Int64")
    return table.assign(**numbers, tied=tied, unranked=why).astype(whole)


def pooled_spread(std: np.ndarray, seeds: np.ndarray, trainings: np.ndarray, rows: np.ndarray) -> Spread:
    """The standard deviation of single seeds pooled within `rows`; rows of one training lend their degrees of freedom once.

    std, seeds, trainings (cells,): of every cell, and a number that is the same for cells of one training. rows: places of some.
    """
    rows = rows[seeds[rows] > 1]
    if not len(rows):
        return Spread(math.nan, 0)
    freedom = seeds[rows] - 1
    most = np.zeros(len(rows))
    np.maximum.at(most, np.unique(trainings[rows], return_inverse=True)[1], freedom)
    return Spread(math.sqrt((std[rows] ** 2 @ freedom) / freedom.sum()), int(most.sum()))


def untrained(frame: pd.DataFrame) -> set[str]:
    """The methods of a frame that are no training."""
    return {name for name in methods(frame).unique() if name in BASELINES}


def adjusted_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of `collect` with `adjusted` (see metrics.engine.null) in place of every score that can have a null.

    Such a score of an evaluation without it, or of one in which the score has no value, has none: a row's adjusted mean is of
    the runs that its mean is of.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for score, here in rows_of_scores(frame).items():
        column, null = f"evaluation_results.{score}", null_columns(score)["adjusted"]
        if column not in frame:
            continue
        metric_of = frame[KEYS["metric"]].iloc[here]
        replaced = metric_of.index[metric_of.map({metric: has_null(metric, score) for metric in metric_of.unique()})]
        if len(replaced):
            value = frame.loc[replaced, null] if null in frame else pd.Series(float("nan"), replaced)
            columns[column] = frame[column].astype(object)
            columns[column].loc[replaced] = value.astype(object).where(frame.loc[replaced, column].notna())
    return frame.assign(**columns)


def has_null(metric: str, score: str) -> bool:
    """Whether a score is one that chance can be measured of; one of which nothing is known is."""
    return score_info(metric, score).null == PERMUTATION


def _better(metric: str, score: str, adjusted: bool) -> bool | None:
    """Whether more is better, of a score or of what is adjusted for chance; None: neither."""
    better = higher_is_better(metric, score)
    return True if adjusted and better is False and has_null(metric, score) else better


def of_methods(frame: pd.DataFrame, table: pd.DataFrame, wanted: Collection[str]) -> np.ndarray:
    """Which rows of the table are of one of the `wanted` methods, bool (rows,)."""
    return _of(frame, table, methods(frame).isin(wanted))


def _of(frame: pd.DataFrame, table: pd.DataFrame, wanted: pd.Series) -> np.ndarray:
    """Which rows of the table are of evaluations that are `wanted`, bool (rows,)."""
    names = list(KEYS)
    rows = frame.loc[wanted, list(KEYS.values())].set_axis(names, axis=1)
    known = set(rows.drop_duplicates().itertuples(index=False, name=None))
    return np.array([row in known for row in table[names].itertuples(index=False, name=None)], bool)


def _normalised(table: pd.DataFrame, known: pd.DataFrame, better: list[bool | None]) -> np.ndarray:
    ends = table[BOARD].merge(known, on=BOARD, how="left")
    zero, one = (ends[name].to_numpy(np.float64) for name in REFERENCES)
    directed = np.array([each is not None for each in better])
    span = np.where(directed & (one != zero), one - zero, np.nan)
    return (table["mean"].to_numpy(np.float64) - zero) / span


def _with_evidence(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Adds the evidence of a submission's rows."""
    import pandas as pd

    if "evidence" not in frame:
        return table
    rows = pd.DataFrame({**{name: frame[column] for name, column in KEYS.items()}, "evidence": frame["evidence"]})
    found = rows.dropna(subset=["evidence"]).groupby(list(KEYS))["evidence"].agg(_least).reset_index()
    return table.merge(found, on=list(KEYS), how="left")


def _least(evidence: pd.Series) -> str | None:
    return min(evidence.dropna(), key=EVIDENCE.index, default=None)


def normalised_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Every run's normalised scores: GROUP, budget, seed and value, 0 the random encoder's and 1 the oracle's mean on that board.

    Scores of boards without both reference rows, or whose reference rows are equal, are left out.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*MODEL, *_IMAGES, "seed", "value"])
    runs = per_seed(per_run(frame)).astype(float).rename("value").reset_index().merge(references(frame), on=BOARD)
    zero, one = (runs[name].to_numpy(np.float64) for name in REFERENCES)
    span = np.where(one != zero, one - zero, np.nan)
    runs["value"] = (runs["value"] - zero) / span
    known = budget.of_rows(frame, methods(frame))
    runs[BUDGET] = [known[key] for key in runs[list(KEYS)].itertuples(index=False, name=None)]
    return runs.dropna(subset=["value"]).drop(columns=list(REFERENCES))


def over_datasets(frame: pd.DataFrame, statistic: str = "iqm", seed: int = 0, reps: int = REPS) -> pd.DataFrame:
    """`pooled` normalised scores of each model name and budget over the data sets it was scored on; columns as in OVER_DATASETS.

    Strata are data set, fingerprint and version; configurations of one name on one data set are runs alike. `datasets` names the
    sets, separated by ", ": only rows with the same ones can be compared.
    """
    import pandas as pd

    rows = []
    for place, part in normalised_runs(frame).groupby(MODEL, dropna=False):
        strata = {name: each["value"].to_numpy() for name, each in part.groupby(_IMAGES)}
        found = pooled(list(strata.values()), statistic, seed, reps)
        rows.append([*place, *found, ", ".join(dataset for dataset, *_ in strata), len(part)])
    return pd.DataFrame(rows, columns=OVER_DATASETS)
