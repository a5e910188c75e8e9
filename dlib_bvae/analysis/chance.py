"""A frame of evaluations → which scores are above chance, and where they stand from an untrained network to the best."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dlib_bvae.analysis.cells import BOARD, methods, score_info
from dlib_bvae.analysis.equal_codes import counted_once
from dlib_bvae.analysis.frame import KEYS, RUN, SEED, null_columns, null_count, rows_of_scores
from dlib_bvae.analysis.supervision import selector
from dlib_bvae.analysis.tables import GROUP, per_run, per_seed
from dlib_bvae.analysis.values import after_training
from dlib_bvae.errors import check_number
from dlib_bvae.metrics.headline import is_main
from dlib_bvae.metrics.score_info import PERMUTATION, UNKNOWN, Score

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
    pooled = _pooled(_nulls(frame))
    every = per_seed(per_run(frame)).reset_index()[GROUP].drop_duplicates()
    rows = []
    for place in every.itertuples(index=False, name=None):
        named = dict(zip(GROUP, place, strict=True))
        rows.append([*place, *_against(pooled.get(place), score_info(named["metric"], named["score"]))])
    table = pd.DataFrame(rows, columns=[*GROUP, "chance_z", "chance_n", "chance_p", "chance_missing"])
    table["above_chance"] = _decided(table, share)
    kinds = {"chance_n": "Int64", "above_chance": "boolean", "chance_missing": "string"}
    return table[[*GROUP, *COLUMNS]].astype(kinds)


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
    parts = []
    for score, here in rows_of_scores(frame).items():
        columns_of = null_columns(score)
        wanted = {
            "value": f"evaluation_results.{score}",
            "n": null_count(score),
            "mean": columns_of["null_mean"],
            "std": columns_of["null_std"],
        }
        if not {*wanted.values()} - {wanted["std"]} <= {*frame.columns}:
            continue
        numbers = {
            name: pd.to_numeric(frame[column], errors="coerce").astype("Float64") if column in frame else pd.NA
            for name, column in wanted.items()
        }
        part = entries.assign(score=score, **numbers).iloc[here].dropna(subset=["n", "mean", "value"])
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=[*GROUP, "seed", "run", "value", "n", "mean", "std"])
    # of equal codes the same matchings were scored again: a second copy of them is no evidence
    return pd.concat(parts, ignore_index=True).drop_duplicates()


class _Null(NamedTuple):
    """Of one row: its mean score and that of its null (each seed counts once), and n matchings with their standard deviation."""

    score: float
    mean: float
    n: int
    std: float


def _pooled(nulls: pd.DataFrame) -> dict[tuple, _Null]:
    """{GROUP: _Null} of a table of `_nulls`."""
    if nulls.empty:
        return {}
    # nested as in `aggregate`: evaluations, then runs, then seeds
    means = nulls.groupby([*GROUP, "seed", "run"])[["value", "mean"]].mean()
    for levels in ([*GROUP, "seed"], GROUP):
        means = means.groupby(level=levels).mean()
    groups = nulls.assign(sum=nulls["n"] * nulls["mean"]).groupby(GROUP)
    whole = groups["sum"].transform("sum") / groups["n"].transform("sum")
    squares = (nulls["n"] - 1) * nulls["std"].fillna(0) ** 2 + nulls["n"] * (nulls["mean"] - whole) ** 2
    of_all = nulls.assign(squares=squares).groupby(GROUP)[["n", "squares"]].sum()
    std = np.sqrt(of_all["squares"].astype(float) / (of_all["n"].astype(float) - 1).clip(lower=1))
    columns = (means["value"], means["mean"], of_all["n"], std)  # all are sorted by GROUP
    numbers = zip(*(column.astype(float).tolist() for column in columns), strict=True)
    return {
        place: _Null(score, mean, int(n), std)
        for place, (score, mean, n, std) in zip(means.index, numbers, strict=True)
    }


def _against(null: _Null | None, known: Score) -> tuple[float, int | None, float, str | None]:
    """(z, n, p, why there is none) of one row. known: what its metric says of the score."""
    if known is not UNKNOWN and known.null != PERMUTATION:
        return math.nan, None, math.nan, WITHOUT
    if null is None:
        return math.nan, None, math.nan, NO_NULL
    if known.higher_is_better is None:
        return math.nan, null.n, math.nan, "neither more nor less of the score is better"
    if null.n < 2:
        return math.nan, null.n, math.nan, "one matching has no standard deviation"
    above = (null.score - null.mean) * (1 if known.higher_is_better else -1)
    if null.std > _EQUAL:
        return above / null.std, null.n, p_of(above / null.std, null.n), None
    return (math.nan, null.n, math.nan, "the null does not vary") if above > _EQUAL else (math.nan, null.n, 1.0, None)


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

    adjusted_random = (mean − untrained) / (best − untrained), see random_ends. 0: as an untrained network, 1: the best. Missing
    where adjusted_random_missing says why.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*GROUP, *OF_RANDOM])
    means = per_seed(per_run(frame)).astype(float).groupby(GROUP).mean().rename("mean").reset_index()
    table = means.merge(random_ends(frame), on=GROUP)
    table["adjusted_random"] = (table["mean"] - table["untrained"]) / (table["best"] - table["untrained"])
    return table[[*GROUP, *OF_RANDOM]]


def random_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """What adjusted_random lies between: one row for each of GROUP in a frame of `collect`, with it, untrained and best.

    untrained: the mean score of the random encoders (each seed counts once) with the same encoder (its function, that one's
    parameters, encoder.num_latent) on the same board and representation; codes at an exported step are compared with the codes
    of that kind. best: the end of the score's range. Both are missing where adjusted_random_missing says why.
    """
    import pandas as pd

    columns = [*GROUP, "untrained", "best", OF_RANDOM[1]]
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
    for row in seeds[[*GROUP, "base", "network"]].drop_duplicates().to_dict("records"):
        found = _ends(row, of_random.get(tuple(row[name] for name in place)))
        rows.append([*(row[name] for name in GROUP), *found])
    return pd.DataFrame(rows, columns=columns).astype({OF_RANDOM[1]: "string"})


def _ends(named: Mapping[str, str], zero: float | None) -> tuple[float, float, str | None]:
    """(untrained, best, why there is none) of a row, where random encoders have the mean `zero`."""
    known = score_info(named["metric"], named["score"])
    best = known.high if known.higher_is_better else known.low
    if known.higher_is_better is None:
        missing = "neither more nor less of the score is better"
    elif best is None:
        missing = "the score has no best value"
    elif not named["network"]:
        missing = "no encoder of images is recorded"
    elif zero is None:
        missing = "no random_encoder of this network was scored"
    elif abs(best - zero) <= _EQUAL:
        missing = "the untrained network is the best"
    else:
        return zero, best, None
    return math.nan, math.nan, missing


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
