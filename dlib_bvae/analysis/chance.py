"""A frame of evaluations → which rows of a board are above chance, and each row's place between an untrained network and the best."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.analysis.cells import BOARD, OBJECTIVE, methods, score_info
from dlib_bvae.analysis.equal_codes import counted_once
from dlib_bvae.analysis.frame import KEYS, RUN, SCORE_NAMES, SEED, null_columns
from dlib_bvae.analysis.tables import GROUP, per_run, per_seed
from dlib_bvae.errors import UserError, check_number
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.score_info import PERMUTATION, UNKNOWN, said_by

if TYPE_CHECKING:
    import pandas as pd

FALSE_SHARE = 0.05  # of the rows called above chance, at most, in expectation
NO_NULL = "no null"  # none was scored
WITHOUT = "the score needs no null"
COLUMNS = ["chance_z", "chance_n", "chance_p", "above_chance", "chance_missing"]
OF_RANDOM = ["adjusted_random", "adjusted_random_missing"]
_EQUAL = 1e-9  # scores that differ by less are equal
_RANDOM = "random_encoder"
_TRAINING = "train_config."
_NETWORK = ("encoder.encoder_fn", "encoder.num_latent")


def above_chance(frame: pd.DataFrame, share: float = FALSE_SHARE) -> pd.DataFrame:
    """Which scores in a frame of `collect` are above chance: one row for each of GROUP, with it and COLUMNS.

    chance_z = (mean − null mean) / standard deviation of the null. Both means are taken as in `aggregate`, every seed counts
    once, and of the evaluations that have a null only; the standard deviation (divisor n − 1) is that of all matchings of the
    row's evaluations together, their number being chance_n. So the mean of several seeds is held against the spread of
    single scores, which errs towards "not above". −z where less is better. chance_p: Student's t with n − 1 degrees of freedom
    of z / √(1 + 1 / n), one-sided: n matchings are a sample, and the score one more draw under the null. above_chance:
    Benjamini–Hochberg's step-up at `share` over all rows of main scores (see is_main); other scores are held against the
    same threshold. A score not above a null that does not vary is not above chance (p 1). None where chance_missing says
    why: NO_NULL, WITHOUT, a null of one matching, one that does not vary, or of which neither more nor less is better.
    Raises UserError for a share outside 0 … 1.
    """
    import pandas as pd

    check_number("share", share, 0, 1)
    if frame.empty:
        return pd.DataFrame(columns=[*GROUP, *COLUMNS])
    nulls = _nulls(frame)
    known = dict(iter(nulls.groupby(GROUP, sort=False))) if len(nulls) else {}
    every = per_seed(per_run(frame)).reset_index()[GROUP].drop_duplicates()
    rows = []
    for place in every.itertuples(index=False, name=None):
        part = known.get(place)
        named = dict(zip(GROUP, place, strict=True))
        rows.append([*place, *_against(part, named["metric"], named["score"])])
    table = pd.DataFrame(rows, columns=[*GROUP, "chance_z", "chance_n", "chance_p", "chance_missing"])
    table["above_chance"] = _decided(table, share)
    return table[[*GROUP, *COLUMNS]]


def is_main(metric: str, score: str) -> bool:
    """Whether a score is one of those of its metric to look at first (`ABOUT` in its file); of a metric without, every one."""
    if metric not in METRICS:
        return True
    try:
        about = said_by(METRICS, metric, "ABOUT", {}).get(metric)
    except UserError:  # a plug-in that cannot be imported says nothing
        return True
    return about is None or any(fnmatch.fnmatchcase(score, pattern) for pattern in about.scores)


def benjamini_hochberg(p: Sequence[float] | np.ndarray, share: float = FALSE_SHARE) -> float:
    """The largest p value that is called significant, so that at most `share` of these are false in expectation; 0.0 for none.

    p: p values (n,), independent or positively dependent. Benjamini & Hochberg 1995: the largest p₍ᵢ₎ ≤ share · i / n.
    """
    ordered = np.sort(np.asarray(p, np.float64))
    found = np.flatnonzero(ordered <= share * np.arange(1, len(ordered) + 1) / max(1, len(ordered)))
    return float(ordered[found[-1]]) if len(found) else 0.0


def p_of(z: float, n: int) -> float:
    """One-sided p value of a score z standard deviations of n matchings above their mean; n >= 2."""
    from scipy.stats import t

    return float(t.sf(z / np.sqrt(1 + 1 / n), n - 1))


def _nulls(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each evaluation and score with a null: GROUP, seed, run, value, n, mean and std. Equal codes count once."""
    import pandas as pd

    once = counted_once(frame)
    columns = {**KEYS, "seed": SEED, "run": RUN}
    entries = pd.DataFrame(
        {name: once[column] if column in once else frame[column] for name, column in columns.items()}
    )
    names_of = {text: json.loads(text) for text in frame[SCORE_NAMES].unique()}
    parts = []
    for score in sorted(set().union(*names_of.values())):
        wanted = {"value": f"evaluation_results.{score}", **_null_entries(score)}
        if not {*wanted.values()} - {wanted["std"]} <= {*frame.columns}:
            continue
        scored = frame[SCORE_NAMES].map({text: score in names for text, names in names_of.items()})
        numbers = {
            name: pd.to_numeric(frame[column], errors="coerce").astype("Float64") if column in frame else pd.NA
            for name, column in wanted.items()
        }
        part = entries.assign(score=score, **numbers)[scored].dropna(subset=["n", "mean", "value"])
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=[*GROUP, "seed", "run", "value", "n", "mean", "std"])
    # of equal codes the same matchings were scored again: a second copy of them is no evidence
    return pd.concat(parts, ignore_index=True).drop_duplicates()


def _null_entries(score: str) -> dict[str, str]:
    columns = null_columns(score)
    prefix = columns["null_mean"].removesuffix(".mean")
    return {"n": f"{prefix}.n", "mean": columns["null_mean"], "std": columns["null_std"]}


def _against(part: pd.DataFrame | None, metric: str, score: str) -> tuple[float, Any, float, str | None]:
    """(z, n, p, why there is none) of one row from its evaluations that have a null."""
    nan, known = float("nan"), score_info(metric, score)
    if known is not UNKNOWN and known.null != PERMUTATION:
        return nan, None, nan, WITHOUT
    if part is None:
        return nan, None, nan, NO_NULL
    n = int(part["n"].sum())
    if known.higher_is_better is None:
        return nan, n, nan, "neither more nor less of the score is better"
    if n < 2:
        return nan, n, nan, "one matching has no standard deviation"
    # nested as in `aggregate`: evaluations, then runs, then seeds
    means = part.groupby(["seed", "run"])[["value", "mean"]].mean().groupby("seed").mean().mean()
    above = float(means["value"] - means["mean"]) * (1 if known.higher_is_better else -1)
    std = _pooled_std(*(part[name].fillna(0).to_numpy(np.float64) for name in ("n", "mean", "std")))
    if std > _EQUAL:
        return above / std, n, p_of(above / std, n), None
    return (nan, n, nan, "the null does not vary") if above > _EQUAL else (nan, n, 1.0, None)


def _pooled_std(n: np.ndarray, mean: np.ndarray, std: np.ndarray) -> float:
    """The standard deviation (divisor n − 1) of all values of groups of n values with these means and standard deviations."""
    whole = (n * mean).sum() / n.sum()
    squares = ((n - 1) * std**2 + n * (mean - whole) ** 2).sum()
    return float(np.sqrt(squares / (n.sum() - 1)))


def _decided(table: pd.DataFrame, share: float) -> list[bool | None]:
    p = table["chance_p"].to_numpy(np.float64)
    main = [is_main(*pair) for pair in zip(table["metric"], table["score"], strict=True)]
    threshold = benjamini_hochberg(p[~np.isnan(p) & main], share)
    return [None if np.isnan(each) else bool(0 < threshold and each <= threshold) for each in p]
