"""Do scores agree which runs are good, and does one score agree with itself across data sets?"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.cells import NOT_COMPETING, methods
from dlib_bvae.analysis.names import varying_parameters
from dlib_bvae.analysis.tables import per_run, per_seed

if TYPE_CHECKING:
    import pandas as pd

LEAST_RUNS = 3  # two runs always agree or disagree wholly
_IMAGES = ["dataset", "fingerprint", "data_version"]
_OF_RUN = [*_IMAGES, "num_images"]
PAIRS = [*_OF_RUN, "first", "second", "spearman", "kendall", "runs", "within", "within_df"]
TRANSFER = ["score", "first", "second", "spearman", "kendall", "methods"]


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation between scores over runs, a square table with the labels of `score_matrix`.

    Correlated within each data set over the runs that have both scores, then averaged over the data sets with three or
    more such runs. A score of which less is better correlates negatively. NaN: no such data set, or a constant score.
    """
    import pandas as pd

    matrix = score_matrix(frame)
    labels = list(matrix.columns)
    if not labels:
        return pd.DataFrame()
    parts = [part.corr("spearman", min_periods=LEAST_RUNS) for _, part in matrix.groupby(level=_OF_RUN)]
    means = pd.concat(parts, keys=range(len(parts))).groupby(level=1).mean()
    return means.loc[labels, labels]


def agreements(frame: pd.DataFrame) -> pd.DataFrame:
    """Spearman's and Kendall's (tau-b) correlation of every pair of scores, of a score with itself too, in each data set.

    Columns as in PAIRS; `runs` have both scores. Reference rows (see cells.NOT_COMPETING) do not count: they would make
    every score agree. NaN for fewer than three runs and where one of the scores is constant. within, within_df: Spearman's
    between the runs of one configuration, which differ in their seeds only (see within_groups).
    """
    import pandas as pd

    matrix = score_matrix(frame)
    rows = []
    for place, part in matrix.groupby(level=_OF_RUN):
        values = part.to_numpy(np.float64)
        groups = part.groupby(level=["representation", "config"]).ngroup().to_numpy()
        for i, j in itertools.combinations_with_replacement(range(values.shape[1]), 2):
            there = ~np.isnan(values[:, [i, j]]).any(axis=1)
            if there.any():
                first, second = values[there][:, [i, j]].T
                found = correlations(first, second)
                inside = within_groups(first, second, groups[there])
                rows.append([*place, matrix.columns[i], matrix.columns[j], *found, int(there.sum()), *inside])
    return pd.DataFrame(rows, columns=PAIRS)


def across_datasets(frame: pd.DataFrame) -> pd.DataFrame:
    """Spearman's and Kendall's correlation of a score between two data sets over the models that were scored on both.

    Columns as in TRANSFER. A model is its name (the same name on both sets); its score is the mean over configurations and
    seeds. NaN for fewer than three models. Reference rows do not count.
    """
    import pandas as pd

    matrix = score_matrix(frame, "model").groupby(level=[*_IMAGES, "model"]).mean()
    parts = {place: part.droplevel(_IMAGES) for place, part in matrix.groupby(level=_IMAGES)}
    rows = []
    for (first, one), (second, other) in itertools.combinations(parts.items(), 2):
        for label in matrix.columns:
            both = pd.concat([one[label], other[label]], axis=1, join="inner").dropna().to_numpy(np.float64)
            if len(both):
                rows.append([label, _place(first), _place(second), *correlations(*both.T), len(both)])
    return pd.DataFrame(rows, columns=TRANSFER)


def score_matrix(frame: pd.DataFrame, unit: str = "run") -> pd.DataFrame:
    """A row for each run (unit "run") or seed of a model ("model") that is no reference, a column for each score.

    Levels of the index: dataset, fingerprint, data_version, num_images, representation, config, seed and the unit. A label is
    "metric.score", with the version and the parameters in which the metric was scored differently behind it in brackets. Runs
    of equal codes, whatever they are called, are one row.
    """
    import pandas as pd

    competing = frame[~methods(frame).isin(NOT_COMPETING)] if not frame.empty else frame
    levels = list(dict.fromkeys([*_OF_RUN, "representation", "config", "seed", unit]))
    if competing.empty:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[] for _ in levels], names=levels))
    values = per_run(competing, across=True)
    values = (values if unit == "run" else per_seed(values)).astype(float).rename("value").reset_index()
    scored = list(values[["metric", "metric_version", "metric_parameters"]].itertuples(index=False, name=None))
    varying = varying_parameters({*scored})
    values["label"] = [
        _label(each[0], score, varying[each]) for each, score in zip(scored, values["score"], strict=True)
    ]
    return values.pivot_table(index=levels, columns="label", values="value", aggfunc="mean").rename_axis(columns=None)


def correlations(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """(Spearman's rho, Kendall's tau-b) of two scores (n,); NaN for n < LEAST_RUNS and for a constant one."""
    from scipy import stats

    if len(first) < LEAST_RUNS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan"), float("nan")
    return float(stats.spearmanr(first, second)[0]), float(stats.kendalltau(first, second)[0])


def within_groups(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> tuple[float, int]:
    """(Spearman's rho within groups, degrees of freedom) of two scores (n,) of runs in `groups` (n,).

    The mean of the rho of each group of two runs or more in which neither score is constant, weighted by its runs less one,
    whose sum is the degrees of freedom. It has nothing of the differences between groups. NaN below two degrees of freedom.
    """
    from scipy import stats

    found, weights = [], []
    for group in np.unique(groups):
        a, b = first[groups == group], second[groups == group]
        if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(stats.spearmanr(a, b)[0]))
            weights.append(len(a) - 1)
    freedom = sum(weights)
    return (float(np.average(found, weights=weights)) if freedom >= LEAST_RUNS - 1 else float("nan")), freedom


def clustered(correlation: np.ndarray) -> list[int]:
    """The places of the scores of a square matrix of correlations, (n, n), in an order in which those that agree are neighbours.

    That of the leaves of a clustering by average linkage, where two scores are 1 - |correlation| apart; NaN counts as 0.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    if len(correlation) < LEAST_RUNS:
        return list(range(len(correlation)))
    apart = 1 - np.abs(np.nan_to_num(np.asarray(correlation, np.float64)))
    np.fill_diagonal(apart, 0)
    tree = hierarchy.linkage(squareform(np.maximum(apart, 0), checks=False), "average", optimal_ordering=True)
    return hierarchy.leaves_list(tree).tolist()


def _place(images: tuple[str, str, int]) -> str:
    dataset, fingerprint, version = images
    return f"{dataset} {fingerprint}" if version == 1 else f"{dataset} {fingerprint} version {version}"


def _label(metric: str, score: str, parameters: str) -> str:
    return f"{metric}.{score} ({parameters})" if parameters else f"{metric}.{score}"
