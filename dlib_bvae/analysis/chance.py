"""A frame of evaluations → which scores are above chance, and where they stand from an untrained network to the best."""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.analysis.cells import BOARD, methods, score_info, selector
from dlib_bvae.analysis.equal_codes import counted_once
from dlib_bvae.analysis.frame import KEYS, RUN, SCORE_NAMES, SEED, null_columns
from dlib_bvae.analysis.power import after_training
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
_ENCODER = "encoder.encoder_fn"


def above_chance(frame: pd.DataFrame, share: float = FALSE_SHARE) -> pd.DataFrame:
    """Which scores in a frame of `collect` are above chance: one row for each of GROUP, with it and COLUMNS.

    chance_z = (mean − null mean) / standard deviation of the null. Both means are taken as in `aggregate`, every seed counts
    once, and of the evaluations that have a null only; the standard deviation (divisor n − 1) is that of all matchings of the
    row's evaluations together, their number being chance_n. So the mean of several seeds is held against the spread of
    single scores, which errs towards "not above". −z where less is better. chance_p: Student's t with n − 1 degrees of freedom
    of z / √(1 + 1 / n), one-sided: n matchings are a sample, and the score one more draw under the null. above_chance:
    Benjamini–Hochberg at `share` over all rows of main scores (see is_main), and over those of other scores by
    themselves. A score not above a null that does not vary is not above chance (p 1). None where chance_missing says
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


def benjamini_hochberg(p: Sequence[float] | np.ndarray, share: float = FALSE_SHARE) -> np.ndarray:
    """Which of the p values (n,) are significant, bool (n,), so that at most `share` of these are false in expectation.

    Benjamini & Hochberg 1995, for p values that are independent or positively dependent: those up to the largest
    p₍ᵢ₎ ≤ share · i / n.
    """
    p = np.asarray(p, np.float64)
    ordered = np.sort(p)
    found = np.flatnonzero(ordered <= share * np.arange(1, len(p) + 1) / max(1, len(p)))
    return p <= ordered[found[-1]] if len(found) else np.zeros(len(p), bool)


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
    nan, known = math.nan, score_info(metric, score)
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


def _decided(table: pd.DataFrame, share: float) -> np.ndarray:
    """above_chance of each row: main scores are one family of tests, the other scores another."""
    p = table["chance_p"].to_numpy(np.float64)
    main = np.array([is_main(*pair) for pair in zip(table["metric"], table["score"], strict=True)], bool)
    found = np.full(len(p), None, object)
    for family in (main, ~main):
        tested = family & ~np.isnan(p)
        found[tested] = benjamini_hochberg(p[tested], share).tolist()
    return found


def adjusted_random(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores between an untrained network and the best: one row for each of GROUP in a frame of `collect`, with OF_RANDOM.

    adjusted_random = (mean − m) / (best − m), where m is the mean score of the random encoders (each seed counts once) with the
    same encoder (its function, that one's parameters, encoder.num_latent) on the same board and representation; codes at an
    exported step are compared with the codes of that kind. 0: as an untrained network, 1: the best. Missing where
    adjusted_random_missing says why.
    """
    import pandas as pd

    columns = [*GROUP, *OF_RANDOM]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    names = [KEYS[name] for name in ("model", "config")]
    networks, base = _networks(frame), after_training(frame)
    untrained = {*frame.loc[methods(frame) == _RANDOM, names].itertuples(index=False, name=None)}
    seeds = per_seed(per_run(frame)).astype(float).rename("value").reset_index()
    settings = list(zip(seeds["model"], seeds["config"], strict=True))
    seeds["network"] = [networks[each] for each in settings]
    seeds["base"] = seeds["representation"].map(base)
    place = [*BOARD, "base", "network"]
    of_random = seeds[[each in untrained for each in settings]].groupby(place)["value"].mean().to_dict()
    rows = []
    for key, part in seeds.groupby([*GROUP, "base", "network"]):
        named = dict(zip([*GROUP, "base", "network"], key, strict=True))
        untrained_mean = of_random.get(tuple(named[name] for name in place))
        rows.append([*key[: len(GROUP)], *_between(named, float(part["value"].mean()), untrained_mean)])
    return pd.DataFrame(rows, columns=columns)


def _between(named: Mapping[str, str], mean: float, zero: float | None) -> tuple[float, str | None]:
    """OF_RANDOM of a row with this mean score, where random encoders have the mean `zero`."""
    known = score_info(named["metric"], named["score"])
    if known.higher_is_better is None:
        return math.nan, "neither more nor less of the score is better"
    best = known.high if known.higher_is_better else known.low
    if best is None:
        return math.nan, "the score has no best value"
    if not named["network"]:
        return math.nan, "no encoder of images is recorded"
    if zero is None:
        return math.nan, "no random_encoder of this network was scored"
    if abs(best - zero) <= _EQUAL:
        return math.nan, "the untrained network is the best"
    return (mean - zero) / (best - zero), None


def _networks(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(Model, configuration) → its encoder as text: function, parameters and number of latents; "" where none is recorded."""
    settings = [name for name in frame if name.startswith(_TRAINING)]
    names = [KEYS[name] for name in ("model", "config")]
    first = frame[[*names, *settings]].drop_duplicates(names)
    known = first[settings].notna().to_dict("records")
    found = {}
    for row, there in zip(first.to_dict("records"), known, strict=True):
        bound = {name.removeprefix(_TRAINING).split("/")[-1]: str(row[name]) for name in settings if there[name]}
        encoder = bound.get(_ENCODER)
        parts = (f"{selector(encoder)}.", "encoder.") if encoder else ()
        kept = {key: each for key, each in bound.items() if key.startswith(parts)}
        found[row[names[0]], row[names[1]]] = json.dumps(kept, sort_keys=True) if parts else ""
    return found
