"""How much of a score's variance is that of the method, of its hyperparameters and of the training seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.cells import BOARD, NOT_COMPETING, methods
from dlib_bvae.analysis.frame import KEYS
from dlib_bvae.analysis.tables import per_run, per_seed
from dlib_bvae.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SOURCES = ("method", "hyperparameter", "seed")
COLUMNS = [*BOARD, "source", "sum_of_squares", "degrees_of_freedom", "share", "share_by_chance", "values"]


def nested_squares(
    values: np.ndarray, method: Sequence[object], setting: Sequence[object]
) -> dict[str, tuple[float, int, float, float]]:
    """Nested analysis of variance: {source: (sum of squares, degrees of freedom, share, share by chance)}.

    values (n,): one a trained model, with its method and, within that, its setting of hyperparameters. With m the mean of
    all, m_a of a method's and m_ab of a setting's values, the sums over the n values are: method Σ (m_a − m)²,
    hyperparameter Σ (m_ab − m_a)², seed Σ (x − m_ab)²; they add up to Σ (x − m)², balanced or not, so shares add up to 1.
    A share grows with the number of groups even where they differ by chance only: share by chance is its expectation
    then, degrees of freedom / (n − 1). Shares are NaN when all values are equal. Raises UserError for fewer than two.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        raise UserError(f"a variance needs the scores of at least two trained models; got {len(values)}")
    methods_ = _codes([repr(each) for each in method])
    cells = _codes([repr(pair) for pair in zip(method, setting, strict=True)])
    centred = values - values.mean()
    of_method, of_cell = _group_means(centred, methods_), _group_means(centred, cells)
    n, a, ab = len(values), methods_.max() + 1, cells.max() + 1
    squares = [float((each**2).sum()) for each in (of_method, of_cell - of_method, centred - of_cell)]
    freedom = [int(a - 1), int(ab - a), int(n - ab)]
    total = sum(squares) if np.ptp(values) > 0 else 0.0
    return {
        source: (square, free, square / total if total else float("nan"), free / (n - 1))
        for source, square, free in zip(SOURCES, squares, freedom, strict=True)
    }


def variance_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """`nested_squares` of every score of every board (see BOARD) in a frame of `collect`; columns as in COLUMNS.

    method: the objective in the configuration, else the model's name. hyperparameter: model name, configuration and
    representation within it. seed: what remains, one value a seed; a seed's number means nothing to another method. Reference
    rows do not count, runs of equal codes count once. Boards with one value are left out.
    """
    import pandas as pd

    competing = frame.assign(method=methods(frame)) if not frame.empty else frame
    competing = competing[~competing["method"].isin(NOT_COMPETING)] if not frame.empty else frame
    if competing.empty:
        return pd.DataFrame(columns=COLUMNS)
    # two objectives of one configuration cannot be: the configuration names its objective
    keys = ["model", "config"]
    named = (
        competing[[*(KEYS[name] for name in keys), "method"]].set_axis([*keys, "method"], axis=1).drop_duplicates(keys)
    )
    runs = per_run(competing, across=True)
    seeds = per_seed(runs).astype(float).rename("value").reset_index().merge(named, on=keys)
    rows = []
    for board, part in seeds.groupby(BOARD):
        if len(part) < 2:
            continue
        setting = list(zip(part["model"], part["config"], part["representation"], strict=True))
        found = nested_squares(part["value"].to_numpy(), part["method"].tolist(), setting)
        rows += [[*board, source, *numbers, len(part)] for source, numbers in found.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _codes(names: list[str]) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]


def _group_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean of its group for each value, (n,)."""
    return (np.bincount(groups, values) / np.bincount(groups))[groups]
