"""A frame of evaluations → does a score order what should be in order: the exported steps of a training, the β of a method?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.cells import methods
from dlib_bvae.analysis.frame import KEYS, OBJECTIVE
from dlib_bvae.analysis.intervals import counts, mean_intervals, percentiles
from dlib_bvae.analysis.supervision import selector
from dlib_bvae.analysis.values import TABLE, score_values, trained
from dlib_bvae.artifacts.identity import config_hash

if TYPE_CHECKING:
    import pandas as pd

STEPS, BETA = "exported steps", "beta"
LEAST_UNITS = 5  # trainings that an interval takes
LEAST_VALUES = 3  # steps, or runs, that an order takes
COLUMNS = [*TABLE, "method", "of", "setting", "kendall", "low", "high", "trainings", "values", "orders", "missing"]
LEVEL = 0.95
_REPS = 2_000
_TRAINING = "train_config."


def orders(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Kendall's rank correlation of every score of trained models with training steps and with β; columns as in COLUMNS.

    kendall: see kendall(). of STEPS: of the exported steps of one training and its end, the mean over the `trainings` of the
    method with three steps or more. of BETA: of the β of the method and the scores of its trained runs that have all other
    settings in common, which `setting` names; two β and three runs or more. Above 0: the score rises with the step, or β.
    low, high: the 95 % interval; of STEPS that of the mean over trainings (see intervals.mean_intervals), of BETA the percentile
    bootstrap over runs, which is too narrow for few. orders: "rises", "falls" or "neither", as the interval lies; missing with
    fewer than five trainings, as `missing` says. The interval of equal correlations has no width.
    """
    import pandas as pd

    values = score_values(trained(frame))
    if values.empty:
        return pd.DataFrame(columns=COLUMNS)
    named = _settings(frame)
    values["method"] = [named[key][0] for key in zip(values["model"], values["config"], strict=True)]
    rows = [*_steps(values, seed), *_betas(values, named, seed)]
    texts = dict.fromkeys(("setting", "orders", "missing"), "string")
    table = pd.DataFrame(rows, columns=COLUMNS).astype(texts)
    return table.sort_values([*TABLE, "of", "method", "setting"], ignore_index=True, na_position="first")


def kendall(order: np.ndarray, scores: np.ndarray) -> float:
    """Kendall's rank correlation of scores (n,) with an order (n,), −1 … 1: over the pairs that differ in the order, the share
    in which the score rises with it, less the share in which it falls.

    Without ties it is τ. A pair of equal scores counts 0, so scores that do not vary order nothing (this is Somers' D of the
    scores given the order). NaN where no pair differs in the order.
    """
    signs, differ = _signs(np.asarray(order, np.float64), np.asarray(scores, np.float64))
    return float(signs.sum() / differ.sum()) if differ.any() else math.nan


def kendall_interval(order: np.ndarray, scores: np.ndarray, seed: int = 0, reps: int = _REPS) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of kendall(order, scores): the n pairs of order and score are resampled."""
    signs, differ = _signs(np.asarray(order, np.float64), np.asarray(scores, np.float64))
    weights = counts(len(signs), reps, np.random.default_rng(seed))
    above, below = ((weights @ each * weights).sum(axis=1) for each in (signs, differ.astype(np.float64)))
    found = above[below > 0] / below[below > 0]
    if not len(found):
        return math.nan, math.nan
    low, high = percentiles(found, LEVEL)
    return float(low), float(high)


def _signs(order: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair, (n, n): 1 where the score rises with the order, −1 where it falls; whether it differs in the order."""
    step = np.sign(order[:, None] - order)
    return step * np.sign(scores[:, None] - scores), step != 0


def _steps(values: pd.DataFrame, seed: int) -> list[list[object]]:
    keys = [*TABLE, "method", "model", "config", "run", "step"]
    means = values.groupby(keys, as_index=False)["value"].mean()
    of_training: dict[tuple, list[tuple[float, int]]] = {}
    for place, part in means.groupby(keys[:-1]):
        if len(part) >= LEAST_VALUES:
            found = kendall(part["step"].to_numpy(float), part["value"].to_numpy(float))
            of_training.setdefault(place[: len(TABLE) + 1], []).append((found, len(part)))
    rows = []
    for place, trainings in of_training.items():
        each = np.array([found for found, _ in trainings])
        low, high = mean_intervals(each[None], seed)[0][0] if len(each) >= LEAST_UNITS else (math.nan, math.nan)
        number = sum(number for _, number in trainings)
        rows.append(_row(place, STEPS, None, float(each.mean()), (low, high), len(each), number))
    return rows


def _betas(
    values: pd.DataFrame, named: Mapping[tuple[str, str], tuple[str, float, str]], seed: int
) -> list[list[object]]:
    keys = [*TABLE, "method", "model", "config", "run"]
    means = values[values["last"]].groupby(keys, as_index=False)["value"].mean()
    settings = [named[key] for key in zip(means["model"], means["config"], strict=True)]
    means["beta"] = [beta for _, beta, _ in settings]
    means["setting"] = [setting for *_, setting in settings]
    rows = []
    for place, part in means.dropna(subset=["beta"]).groupby([*TABLE, "method", "setting"]):
        if len(part) < LEAST_VALUES or part["beta"].nunique() < 2:
            continue
        beta, scores = part["beta"].to_numpy(float), part["value"].to_numpy(float)
        interval = kendall_interval(beta, scores, seed) if len(part) >= LEAST_UNITS else (math.nan, math.nan)
        rows.append(_row(place[:-1], BETA, place[-1], kendall(beta, scores), interval, len(part), len(part)))
    return rows


def _row(
    place: tuple, of: str, setting: str | None, found: float, interval: tuple[float, float], trainings: int, number: int
) -> list[object]:
    low, high = map(float, interval)
    missing = None if trainings >= LEAST_UNITS else f"not known: {trainings} trainings, fewer than {LEAST_UNITS}"
    verdict = None if missing else "rises" if low > 0 else "falls" if high < 0 else "neither"
    return [*place, of, setting, found, low, high, trainings, number, verdict, missing]


def _settings(frame: pd.DataFrame) -> dict[tuple[str, str], tuple[str, float, str]]:
    """(Model, configuration) → method, its β (NaN where it has none, or it is no number) and a name of all other settings."""
    names = [KEYS[name] for name in ("model", "config")]
    columns = [name for name in frame if name.startswith(_TRAINING)]
    first = frame.assign(method=methods(frame)).drop_duplicates(names)
    known = first[columns].notna().to_dict("records")
    found = {}
    for row, there in zip(first[[*names, "method", *columns]].to_dict("records"), known, strict=True):
        bound = {name.removeprefix(_TRAINING): row[name] for name in columns if there[name]}
        objective = selector(str(bound.get(OBJECTIVE.removeprefix(_TRAINING), "")))
        betas = [key for key in bound if key.split("/")[-1] == f"{objective}.beta"]
        entry = bound.pop(betas[0]) if len(betas) == 1 else None
        beta = _number(entry, bound)
        if isinstance(entry, str) and entry not in map(str, bound.values()):
            bound.pop(entry.removeprefix("%"), None)  # the macro of this β only
        others = config_hash({key: str(each) for key, each in bound.items()})
        found[row[names[0]], row[names[1]]] = row["method"], beta, others
    return found


def _number(entry: object, bound: Mapping[str, object]) -> float:
    """A number, also by the macro that stands for it; NaN for anything else, such as a schedule."""
    if isinstance(entry, str) and entry.startswith("%"):
        entry = bound.get(entry.removeprefix("%"))
    try:
        return float(entry)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
