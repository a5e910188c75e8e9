"""Every way to relate codes and factors with every way to sum it up (disentanglement_lib's unified_scores)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer, unknown
from dlib_bvae.metrics.dci import check_two_codes, disentanglement
from dlib_bvae.metrics.engine.boosting import boosted_trees
from dlib_bvae.metrics.engine.bounds import MOST_BINS, MOST_FITS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, factor_entropies, gap_of_top_two, mutual_information
from dlib_bvae.metrics.engine.probes import fit_all
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.modularity_explicitness import modularity_per_code
from dlib_bvae.metrics.sap import svm_accuracy
from dlib_bvae.metrics.score_info import (
    HIGH,
    MODULAR,
    ONE_TO_ONE,
    UNIT,
    About,
    Matrix,
    Result,
    Sampling,
    Score,
    Validity,
)

SCORES = {
    "*.dci_*": UNIT,
    "*.modularity": UNIT,
    "*.mig": Score(0.0, None, True),
    "*.sap": Score(0.0, None, True),
    "*.area_precision": Score(0.0, None, True),
    "*.max_precision": Score(0.0, None, True),
}

MATRIX_NAMES = ("importance_gbt_matrix", "mutual_information_matrix", "accuracy_svm_matrix")
MATRICES = {
    "importance_gbt_matrix": Matrix("code", "factor", "importance"),
    "mutual_information_matrix": Matrix("code", "factor", "mutual information (nats)"),
    "accuracy_svm_matrix": Matrix("code", "factor", "accuracy", high=1.0),
} | {f"{name}.merge_thresholds": Matrix("factor", "factor", "threshold") for name in MATRIX_NAMES}
SAMPLING = Sampling(images=("num_train", "num_test"), fits=("n_estimators",))
COSTS = {"unified_scores": HIGH}
ABOUT = {
    "unified_scores": About(
        "the matrices of DCI, MIG and SAP under the summaries of all",
        ("*.dci_*", "*.modularity", "*.mig", "*.sap"),
        ("num_bins", "n_estimators"),
        "Locatello et al. 2020",
        "half a minute",
        defects="Those of each matrix: see `dci`, `mig`, `sap_dlib` and `modularity_explicitness_dlib`.",
    )
}
VALIDITY = {
    "unified_scores": Validity(
        {"*.dci_disentanglement": MODULAR, "*.dci_completeness": ONE_TO_ONE, "*.modularity": MODULAR},
        "The matrix of linear classifiers, accuracy_svm_matrix, gives aligned codes of independent factors a "
        "dci_disentanglement of 0.10 and of correlated ones 0.02, less than squares that lost their sign (0.13 and"
        " 0.07). The modularity of importance_gbt_matrix is 0.94 to 1.00 for pairwise linear mixtures and 0.92 to "
        "0.97 for random ones of all factors.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def unified_scores(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    matrices: Sequence[str] = MATRIX_NAMES,
    num_bins: int = 20,
    n_estimators: int = 100,
) -> Result:
    """The summaries of DCI, MIG, SAP and modularity, and of the groups that codes and factors form, for several matrices.

    disentanglement_lib's unified_scores (Locatello et al. 2020, "A sober look", section 5.4). The matrices, latents ×
    factors: importances of boosted trees as in dci, mutual information in nats as in mig, and the accuracy of linear
    SVMs on one code as in sap_dlib. Of a matrix M, all on the same images: dci_disentanglement and dci_completeness; mig,
    the mean gap of a factor's two largest entries over its entropy in nats; sap, the gap alone; modularity; and of the
    graph in which code and factor are joined where M ≥ a threshold (and > 0) the number of groups that have at least one
    edge: max_precision, its largest value over all thresholds, and area_precision, the area under it from M's least entry
    to its largest. merge_thresholds (factors × factors) says up to which threshold two factors are in one group.
    The combinations that are known metrics are importance_gbt_matrix with dci, mutual_information_matrix with mig and
    modularity, accuracy_svm_matrix with sap.

    data, codes, random_state: see dlib_bvae.metrics.score. matrices: some of the three names. num_bins: of the mutual
    information. n_estimators: of the trees. Returns "<matrix>.<score>" for each, and the matrices by name. Wide codes are
    screened (see dlib_bvae.metrics.engine.screening).
    Raises UserError for unknown names, numbers out of range, and fewer than two factors or codes.
    """
    names = _checked(matrices)
    check_integer("unified_scores.num_bins", num_bins, 2, MOST_BINS)
    check_integer("unified_scores.n_estimators", n_estimators, 1, MOST_FITS)
    sampler = Sampler("unified_scores", data, codes, random_state, least_factors=2, screens=True)
    train, test = sampler.train_and_test(num_train, num_test)
    check_two_codes("unified_scores", train.codes)
    entropies = factor_entropies(train.factors, sampler.sizes)
    make: dict[str, Callable[[], np.ndarray]] = {
        "importance_gbt_matrix": lambda: _importance(train, n_estimators, sampler),
        "mutual_information_matrix": lambda: mutual_information(
            binned_tables(train.codes, num_bins, train.factors, sampler.sizes)
        ),
        "accuracy_svm_matrix": lambda: _accuracy(train, test),
    }
    results: dict[str, Any] = {**sampler.screening}
    for name in names:
        matrix = make[name]()
        results |= {f"{name}.{key}": value for key, value in summaries(matrix, entropies).items()}
        results[f"{name}.merge_thresholds"] = merge_thresholds(matrix).tolist()
        results[name] = matrix.tolist()
    return results


def summaries(matrix: np.ndarray, entropies: np.ndarray) -> dict[str, float]:
    """A matrix ≥ 0 (latents, factors) and the factors' entropies in nats (factors,) → its scores."""
    gaps = gap_of_top_two(matrix)
    rounded = np.round(matrix, 9)  # else entries that are equal but for rounding are thresholds of their own
    thresholds = np.unique(rounded)
    groups = np.array([num_groups(rounded, threshold) for threshold in thresholds])
    return {
        "dci_disentanglement": disentanglement(matrix),
        "dci_completeness": disentanglement(matrix.T),
        "mig": float(np.mean(gaps / entropies)),
        "sap": float(gaps.mean()),
        "modularity": float(modularity_per_code(matrix).mean()),
        "area_precision": float(np.sum(np.diff(thresholds) * (groups[1:] + groups[:-1]) / 2)),
        "max_precision": float(groups.max()),
    }


def num_groups(matrix: np.ndarray, threshold: float) -> int:
    """Connected groups of codes and factors with at least one edge, an entry ≥ threshold and > 0; matrix (latents, factors)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    latents, factors = matrix.shape
    code, factor = np.nonzero((matrix >= threshold) & (matrix > 0))
    size = latents + factors
    graph = coo_array((np.ones(len(code)), (code, latents + factor)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    return len(np.unique(group[code]))


def merge_thresholds(matrix: np.ndarray) -> np.ndarray:
    """A matrix ≥ 0 (latents, factors) → the largest threshold at which two factors are in one group, (factors, factors).

    A factor is found, alone, at its largest entry: the diagonal. 0: they are never joined.
    """
    joined = np.minimum(matrix[:, :, None], matrix[:, None, :]).max(axis=0)
    for middle in range(len(joined)):
        joined = np.maximum(joined, np.minimum(joined[:, [middle]], joined[[middle]]))
    return joined


def _importance(train: Sample, n_estimators: int, sampler: Sampler) -> np.ndarray:
    make = functools.partial(boosted_trees, n_estimators)
    models = fit_all(make, train, sampler.seed(), by_value=not sampler.with_replacement)
    return np.stack([model.feature_importances_ for model in models], axis=1)


def _accuracy(train: Sample, test: Sample) -> np.ndarray:
    def column(factor: int) -> list[float]:
        (seen, labels), (codes, truth) = train.having(factor), test.having(factor)
        return [svm_accuracy(a, labels, b, truth) for a, b in zip(seen.T, codes.T, strict=True)]

    return np.stack([column(k) for k in range(train.factors.shape[1])], axis=1)


def _checked(matrices: object) -> list[str]:
    if isinstance(matrices, str) or not isinstance(matrices, Sequence) or not matrices:
        raise UserError(f"unified_scores.matrices must be a list of names; got {matrices!r}")
    for name in matrices:
        if name not in MATRIX_NAMES:
            raise unknown("matrix of unified_scores", str(name), MATRIX_NAMES)
    return list(dict.fromkeys(matrices))
