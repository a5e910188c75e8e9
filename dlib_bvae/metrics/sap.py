"""Separated attribute predictability (Kumar et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, unknown
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import gap_of_top_two
from dlib_bvae.metrics.engine.probes import in_threads
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.engine.svm import OneCodeSVM
from dlib_bvae.metrics.score_info import ONE_TO_ONE, UNIT, About, Matrix, Result, Sampling, Validity

SCORES = {"SAP_score": UNIT}
MATRICES = {"predictability": Matrix("code", "factor", "accuracy, or R² of continuous factors", high=1.0)}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "sap": About(
        "lead of the best code over the second in predicting a factor",
        ("SAP_score",),
        ("continuous_factors",),
        "Kumar et al. 2018",
        defects="A rotation of perfect codes by 45° scores near 0, and a factor in two codes 0. On a small full grid aligned "
        "codes are above 1 − 1/values (0.85 for 0.81 on 960 images).",
    ),
    "sap_dlib": About(
        "the same by linear classifiers",
        ("SAP_score",),
        ("continuous_factors",),
        "Locatello et al. 2019",
        defects="A linear classifier on one code cannot separate the middle values of a factor, so factors with many "
        "values are pressed towards 0. It is here for comparison with disentanglement_lib; use `sap`.",
    ),
}
VALIDITY = {
    "sap": Validity(
        {"SAP_score": ONE_TO_ONE},
        "Aligned codes of dependent factors score 0.53 to 0.62, where those of independent ones score 0.86. "
        "Duplicated and one-hot codes score 0.00 although no factor is lost.",
    ),
    "sap_dlib": Validity(
        {"SAP_score": ONE_TO_ONE},
        "Aligned codes score 0.27 of independent factors and 0.04 to 0.17 of dependent ones, less than the same "
        "codes bent (0.41 and 0.26 to 0.34), as its linear classifiers do not single out a value between others. "
        "So a low score says little, and no codes of the table came near 1.",
    ),
}

_LEAST_VARIANCE = 1e-12


@gin.configurable(denylist=["data", "codes", "random_state"])
def sap(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    continuous_factors: bool | Sequence[str] = False,
) -> Result:
    """For each factor, how much better the best code predicts it, alone, than the second best does; mean over factors.

    Kumar et al. 2018, section 3. A discrete factor with K values is predicted by up to K − 1 thresholds on the code (a
    tree with K leaves, classes balanced), scored by the balanced accuracy on num_test images, which is 1/K for a code
    that knows nothing. A continuous factor is scored by the squared correlation with the code among num_train images.
    sap_dlib is the reference suite's number: there a linear classifier on one code cannot separate the middle values of a
    factor, so that scores of factors with many values are pressed towards 0.

    data, codes, random_state: see dlib_bvae.metrics.score. continuous_factors: True, False, or the names of those that
    are, besides those that the data set declares so. Returns SAP_score in [0, 1], sap_per_factor and predictability
    (latents × factors). Wide codes are screened (see dlib_bvae.metrics.engine.screening). Raises UserError for unknown names
    and numbers out of range.
    """
    return _sap("sap", thresholds_accuracy, data, codes, random_state, num_train, num_test, continuous_factors)


@gin.configurable(denylist=["data", "codes", "random_state"])
def sap_dlib(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    continuous_factors: bool | Sequence[str] = False,
) -> Result:
    """sap as disentanglement_lib's sap_score computes it: the accuracy of a one-code LinearSVC(C=0.01, balanced).

    The accuracy is not balanced. liblinear stops near the optimum, here it is the optimum itself (svm.py). Parameters,
    returns and errors as in sap.
    """
    return _sap("sap_dlib", svm_accuracy, data, codes, random_state, num_train, num_test, continuous_factors)


def thresholds_accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Balanced accuracy in [0, 1] on (test, truth) of thresholds fitted to (train, labels); codes (n,), labels int (n,)."""
    from sklearn.tree import DecisionTreeClassifier

    leaves = len(np.unique(labels))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
    right = tree.fit(train[:, None], labels).predict(test[:, None]) == truth
    counts = np.bincount(truth)
    return float(np.mean(np.bincount(truth, weights=right)[counts > 0] / counts[counts > 0]))


def svm_accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Accuracy in [0, 1] on (test, truth) of a linear SVM fitted to (train, labels); codes (n,), labels int (n,)."""
    return float(np.mean(OneCodeSVM(0.01).fit(train, labels).predict(test) == truth))


def squared_correlation(codes: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Squared Pearson correlation of each code with a factor (n,), in [0, 1]; 0 for constant codes."""
    centred, values = codes - codes.mean(axis=0), factor - factor.mean()
    products = (centred**2).mean(axis=0) * (values**2).mean()
    alive = (centred**2).mean(axis=0) > _LEAST_VARIANCE
    return np.where(alive, (centred * values[:, None]).mean(axis=0) ** 2 / np.where(alive, products, 1), 0)


def _sap(
    name: str,
    accuracy: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], float],
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    num_train: int,
    num_test: int,
    continuous_factors: bool | Sequence[str],
) -> Result:
    sampler = Sampler(name, data, codes, random_state, screens=True)
    continuous = _continuous(name, sampler, continuous_factors)
    train, test = sampler.train_and_test(num_train, num_test)
    columns = [
        squared_correlation(*train.numbers_of(k)) if factor in continuous else _column(accuracy, train, test, k)
        for k, factor in enumerate(sampler.factor_names)
    ]
    matrix = np.stack(columns, axis=1)
    gaps = gap_of_top_two(matrix)
    return {
        "SAP_score": float(gaps.mean()),
        "sap_per_factor": sampler.by_factor(gaps),
        "predictability": matrix.tolist(),
        **sampler.screening,
    }


def _column(accuracy: Callable[..., float], train: Sample, test: Sample, factor: int) -> np.ndarray:
    """The accuracy of every code on one factor, (latents,)."""
    (seen, labels), (codes, truth) = train.having(factor), test.having(factor)
    return np.array(in_threads(lambda j: accuracy(seen[:, j], labels, codes[:, j], truth), range(seen.shape[1])))


def _continuous(name: str, sampler: Sampler, continuous: bool | Sequence[str]) -> list[str]:
    """The names of the factors that are continuous: those that are declared so, and those given."""
    factors = sampler.factor_names
    if isinstance(continuous, bool):
        given = factors if continuous else []
    elif isinstance(continuous, str) or not isinstance(continuous, Sequence):
        raise UserError(f"{name}.continuous_factors must be True, False or a list of factor names; got {continuous!r}")
    else:
        given = list(continuous)
    for factor in given:
        if factor not in factors:
            raise unknown("factor that varies", str(factor), factors)
    sampler.factors.check_numbers(name, given)
    return [factor for factor in factors if factor in given or factor in sampler.factors.continuous]
