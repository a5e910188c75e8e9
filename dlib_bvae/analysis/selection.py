"""What choosing among trained models adds to a reported score, without any better training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dlib_bvae.analysis.cells import BOARD, higher_is_better, methods
from dlib_bvae.analysis.frame import KEYS
from dlib_bvae.analysis.tables import per_run
from dlib_bvae.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd


class Rule(NamedTuple):
    """A selection rule.

    uses_score: it sees the reported score itself, so the factors' labels, or whatever that score needs. by: the (metric,
    score) that it sees otherwise. value: the scores (n,), the more the better, and those of `by` → the reported score.
    """

    uses_score: bool
    by: tuple[str, str] | None
    value: Callable[[np.ndarray, np.ndarray], float]


def _mean(scores: np.ndarray, _: np.ndarray) -> float:
    return float(scores.mean())


def _top_half(scores: np.ndarray, _: np.ndarray) -> float:
    return float(np.sort(scores)[len(scores) // 2 :].mean())


def _best(scores: np.ndarray, _: np.ndarray) -> float:
    return float(scores.max())


def _median(scores: np.ndarray, _: np.ndarray) -> float:
    return float(np.median(scores))


def _chosen(scores: np.ndarray, by: np.ndarray) -> float:
    """The mean over the runs that are first by `by`."""
    return float(scores[by == by.max()].mean())


RULES = {
    "all": Rule(False, None, _mean),
    "top_half": Rule(True, None, _top_half),  # Higgins et al. 2017 discard the worst half of the seeds
    "best": Rule(True, None, _best),
    "median": Rule(True, None, _median),
    "elbo": Rule(False, ("elbo", "elbo"), _chosen),
    "udr": Rule(False, ("udr", "udr"), _chosen),
}
OVER = {"seeds": ["model", "config", "representation"], "configurations": ["method", "representation"]}
_RUN = ["dataset", "fingerprint", "data_version", "num_images", "run", "representation"]


def select(rule: str, scores: np.ndarray, higher: bool = True, by: np.ndarray | None = None) -> float:
    """The score reported under a rule of RULES for runs with the scores (n,).

    all: their mean. top_half: the mean of the better ⌈n / 2⌉. best, median: of the scores. elbo, udr: of the run with the
    highest `by` (n,), the mean where several have it. higher: more of the score is better. Raises UserError for an
    unknown rule, no scores and a rule without the score it needs.
    """
    if rule not in RULES:
        raise unknown("selection rule", rule, RULES)
    found = RULES[rule]
    scores = np.asarray(scores, np.float64)
    if not len(scores) or (found.by and (by is None or len(by) != len(scores))):
        raise UserError(f"the rule {rule} needs a score of each run{f', and its {found.by[1]}' if found.by else ''}")
    sign = 1 if higher else -1
    return sign * found.value(sign * scores, np.zeros(0) if by is None else np.asarray(by, np.float64))


def selections(frame: pd.DataFrame, over: str = "seeds") -> pd.DataFrame:
    """Every score under every rule, from a frame of `collect`: one row a group of runs, score and rule.

    over: "seeds" chooses among the runs of one configuration, "configurations" among all runs of a method; runs of equal codes
    are one. Columns: those
    of the group, rule, value, adds (how much better than `all` the value looks), uses_score, runs. The rules elbo and udr
    need that score of every run of the group, with one set of parameters (of udr: one set of runs); else value and adds
    are missing (NaN). Scores of which neither more nor less is better, and those two themselves, are left out.
    """
    import pandas as pd

    if over not in OVER:
        raise unknown("way to select over", over, OVER)
    keys = [*OVER[over], *BOARD]
    columns = [*keys, "rule", "value", "adds", "uses_score", "runs"]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    named = frame.assign(method=methods(frame))[[KEYS["model"], "config", "method"]]
    named = named.set_axis(["model", "config", "method"], axis=1).drop_duplicates(["model", "config"])
    values = per_run(frame, across=over == "configurations").astype(float).rename("value").reset_index()
    runs = values.merge(named, on=["model", "config"])
    helpers = {rule.by: _of_runs(runs, *rule.by) for rule in RULES.values() if rule.by}
    rows = []
    for place, part in runs.groupby(keys):
        name = (part["metric"].iloc[0], part["score"].iloc[0])
        higher = higher_is_better(*name)
        if higher is not None and name not in helpers:
            rows += [[*place, *row, len(part)] for row in _under_each_rule(part, higher, helpers)]
    return pd.DataFrame(rows, columns=columns)


def _under_each_rule(
    part: pd.DataFrame, higher: bool, helpers: dict[tuple[str, str], list[pd.Series]]
) -> list[tuple[str, float, float, bool]]:
    """(Rule, value, adds, uses_score) of one group of runs."""
    scores = part["value"].to_numpy(np.float64)
    every = select("all", scores, higher)
    rows = []
    for name, rule in RULES.items():
        by = _covering(helpers[rule.by], part) if rule.by else None
        value = float("nan") if rule.by and by is None else select(name, scores, higher, by)
        rows.append((name, value, (value - every) * (1 if higher else -1), rule.uses_score))
    return rows


def _of_runs(runs: pd.DataFrame, metric: str, score: str) -> list[pd.Series]:
    """That score of the runs and representations, a series for each version and set of parameters."""
    rows = runs[(runs["metric"] == metric) & (runs["score"] == score)]
    return [part.set_index(_RUN)["value"] for _, part in rows.groupby(["metric_version", "metric_parameters"])]


def _covering(series: list[pd.Series], part: pd.DataFrame) -> np.ndarray | None:
    """The scores of these runs from the first series that has them all."""
    import pandas as pd

    wanted = pd.MultiIndex.from_frame(part[_RUN])
    for each in series:
        if wanted.isin(each.index).all():
            return each.loc[wanted].to_numpy(np.float64)
    return None
