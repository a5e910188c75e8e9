"""Disentanglement, completeness, informativeness (Eastwood & Williams 2018)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import NotApplicable, check_integer
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.boosting import boosted_trees
from dlib_bvae.metrics.engine.bounds import MOST_FITS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import Classifier, accuracies, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import (
    HIGH,
    MODULAR,
    ONE_TO_ONE,
    READABLE,
    UNIT,
    About,
    Matrix,
    Result,
    Sampling,
    Validity,
)

SCORES = {
    "informativeness_train": UNIT,
    "informativeness_test": UNIT,
    "disentanglement": UNIT,
    "completeness": UNIT,
    "completeness_weighted": UNIT,
}
MATRICES = {"importance": Matrix("code", "factor", "importance")}
VERSIONS = {
    "dci_lasso": {
        2: "2026-11-30: a factor whose test R² is not above 0 by three standard errors has no importance; "
        "completeness is the plain mean over factors, completeness_weighted the former one",
    },
}
SAMPLING = Sampling(images=("num_train", "num_test"), fits=("n_estimators",))
COSTS = {"dci": HIGH, "dci_random_forest": HIGH}
ABOUT = {
    "dci": About(
        "how one to one codes and factors are in the importances of boosted trees, and how well they predict",
        ("disentanglement", "completeness", "informativeness_test"),
        ("n_estimators",),
        "Eastwood & Williams 2018",
        "half a minute",
        defects="`disentanglement` and `completeness` are shares, whatever is read from the codes: read them with "
        "`informativeness_test`.",
    ),
    "dci_random_forest": About(
        "the same by random forests",
        ("disentanglement", "completeness", "informativeness_test"),
        ("n_estimators",),
        "Eastwood & Williams 2018",
        "minutes",
        defects="`disentanglement` and `completeness` are shares, whatever is read from the codes: read them with "
        "`informativeness_test`.",
    ),
    "dci_lasso": About(
        "the same by lasso regressions",
        ("disentanglement", "completeness", "informativeness_test"),
        ("alpha",),
        "Eastwood & Williams 2018",
        defects="It sees only what is linear in the factors, and takes factors of no declared kind, such as dSprites' "
        "shape, for numbers in their order.",
    ),
}
VALIDITY = {
    "dci": Validity(
        {"disentanglement": MODULAR, "completeness": ONE_TO_ONE, "informativeness_test": READABLE},
        "Squares that lost their sign score 0.89 to 0.96 in disentanglement and completeness, although nearly half"
        " of the images are read wrong from them (informativeness 0.50 to 0.57). Ten trees read rotated codes of "
        "independent factors with an informativeness of 0.50, so a low one may be the trees' fault and not the "
        "codes'.",
    ),
    "dci_random_forest": Validity(
        {"disentanglement": MODULAR, "completeness": ONE_TO_ONE, "informativeness_test": READABLE},
        "Ten trees read rotated codes of independent factors with an informativeness of 0.62, so a low one may be "
        "the trees' fault and not the codes'. Pairwise linear mixtures of factors in a causal chain reach 0.72 in "
        "disentanglement and completeness.",
    ),
    "dci_lasso": Validity(
        {"disentanglement": MODULAR, "completeness": ONE_TO_ONE, "informativeness_test": READABLE},
        "Duplicated codes score 1.00 in completeness, as one of the two gets all weight, and two codes for four "
        "independent factors 1.00 in disentanglement. What is not linear it misreads: monotone and sine-cosine "
        "codes of correlated factors have a disentanglement of 0.75 and 0.35, and squares 0.00.",
    ),
}

_STANDARD_ERRORS = 3  # by which a factor must be explained better than by its mean
_SMOOTHING = 1e-11  # the reference suite's, so that codes and factors without any importance have an entropy
_Importances = Callable[[Sample, Sample, Sampler], tuple[np.ndarray, np.ndarray, np.ndarray]]


@gin.configurable(denylist=["data", "codes", "random_state"])
def dci(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    n_estimators: int = 100,
) -> Result:
    """How much of a code's importance goes to one factor, of a factor's to one code, and how well factors are predicted.

    Eastwood & Williams 2018, section 2, as in disentanglement_lib: the importances R (latents × factors) are those of
    gradient boosted trees (n_estimators stages of one tree a value, depth 3), one classifier a factor. They are
    scikit-learn's, grown from histograms where the installed version can (see dlib_bvae.metrics.engine.boosting). A code's
    disentanglement is 1 − the entropy to base `factors` of its row of R, weighted by the row's share of R in the mean;
    completeness the same of columns, to base `latents`: the weighted form of disentanglement_lib. The plain mean of the
    paper's authors is the same number here, as importances of trees sum to 1 for each factor, and both are 0 where no tree
    splits. informativeness is an accuracy, as in the reference code, where the paper has an error. Scores from other
    importances have other names: dci_random_forest, dci_lasso.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns informativeness_train, informativeness_test,
    disentanglement and completeness in [0, 1], informativeness_per_factor (test), completeness_per_factor,
    disentanglement_per_code and importance (latents × factors). Wide codes are screened (see
    dlib_bvae.metrics.engine.screening).
    Raises UserError for numbers out of range and fewer than two factors or codes.
    """
    check_integer("dci.n_estimators", n_estimators, 1, MOST_FITS)
    make = functools.partial(boosted_trees, n_estimators)
    return _dci("dci", trees(make), data, codes, random_state, num_train, num_test)


@gin.configurable(denylist=["data", "codes", "random_state"])
def dci_random_forest(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    n_estimators: int = 100,
) -> Result:
    """dci with the importances of random forests of n_estimators full trees, as in Eastwood & Williams 2018.

    Every split may use every code: were some hidden, as in many forests, the others would be given their importance.
    Parameters, returns and errors otherwise as in dci.
    """
    check_integer("dci_random_forest.n_estimators", n_estimators, 1, MOST_FITS)

    def make(seed: int) -> Classifier:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(n_estimators=n_estimators, max_features=None, random_state=seed)

    return _dci("dci_random_forest", trees(make), data, codes, random_state, num_train, num_test)


@gin.configurable(denylist=["data", "codes", "random_state"])
def dci_lasso(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    alpha: float = 0.02,
) -> Result:
    """dci with the absolute weights of a lasso regression (penalty alpha) of each factor on the codes, all standardised.

    Values of a factor are taken for numbers in order, those of continuous factors as they are; factors that are declared
    categorical, with more than two values, or cyclic are refused. informativeness is the share of variance explained, R², at
    least 0. A factor whose R² on the test images is not above 0 by three standard errors has no importance: else chance
    correlations, alone in a column, would pass for complete codes. completeness is the plain mean over factors, as in the
    notebook of the paper's authors; completeness_weighted is disentanglement_lib's form, in which factors count by their
    importance. They differ here, as weights grow with what is explained. Without any importance all three are 0. Returns
    and errors otherwise as in dci.
    """
    check_threshold("dci_lasso.alpha", alpha)

    def importances(train: Sample, test: Sample, sampler: Sampler) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from sklearn.linear_model import Lasso

        seed = sampler.seed()
        samples = standardised(train, test)
        columns = []
        for k in range(train.factors.shape[1]):
            (codes, y), (fresh, truth) = (sample.numbers_of(k) for sample in samples)
            mean, std = y.mean(), y.std()
            y, truth = (y - mean) / std, (truth - mean) / std
            model = Lasso(alpha=alpha, random_state=seed).fit(codes, y)
            weights = np.abs(model.coef_) * _is_explained(truth, model.predict(fresh))
            columns.append((weights, max(0.0, model.score(codes, y)), max(0.0, model.score(fresh, truth))))
        importance, explained, explained_test = zip(*columns, strict=True)
        return np.stack(importance, axis=1), np.array(explained), np.array(explained_test)

    result: dict[str, Any] = _dci(
        "dci_lasso", importances, data, codes, random_state, num_train, num_test, numbers=True
    )
    plain = float(np.mean([*result["completeness_per_factor"].values()])) if np.any(result["importance"]) else 0.0
    return {**result, "completeness": plain, "completeness_weighted": result["completeness"]}


def _is_explained(truth: np.ndarray, predicted: np.ndarray) -> bool:
    """Whether R² is above 0 by three standard errors; both (images,)."""
    squares = (truth - truth.mean()) ** 2
    gains = squares - (truth - predicted) ** 2  # in squared error, image by image; their mean is R² times the variance
    return bool(gains.mean() > _STANDARD_ERRORS * gains.std(ddof=1) / np.sqrt(len(gains)))


def disentanglement_per_code(importance: np.ndarray) -> np.ndarray:
    """Importance ≥ 0 (latents, factors), at least two factors → 1 − entropy of each row over its maximum, in [0, 1]."""
    share = (importance + _SMOOTHING) / (importance + _SMOOTHING).sum(axis=1, keepdims=True)
    return 1 + (share * np.log(share)).sum(axis=1) / np.log(importance.shape[1])


def disentanglement(importance: np.ndarray) -> float:
    """Importance ≥ 0 (latents, factors) → the rows' disentanglement, weighted by their shares of all importance.

    Its transpose gives completeness. 0 when there is no importance.
    """
    total = importance.sum()
    if total == 0:
        return 0.0
    weights = importance.sum(axis=1) / total
    return float(np.clip((disentanglement_per_code(importance) * weights).sum(), 0, 1))


def trees(make: Callable[[int], Classifier]) -> _Importances:
    """Importances and accuracies by classifiers that have feature_importances_."""

    def importances(train: Sample, test: Sample, sampler: Sampler) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        models = fit_all(make, train, sampler.seed(), by_value=not sampler.with_replacement)
        importance = np.stack([np.abs(model.feature_importances_) for model in models], axis=1)
        return importance, accuracies(models, train), accuracies(models, test)

    return importances


def check_two_codes(name: str, codes: np.ndarray) -> None:
    """Raises NotApplicable when there is one code only, so that completeness says nothing."""
    if codes.shape[1] < 2:
        raise NotApplicable(f"{name} compares codes and needs at least two of them; got one")


def _dci(
    name: str,
    importances: _Importances,
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    num_train: int,
    num_test: int,
    numbers: bool = False,
) -> Result:
    sampler = Sampler(name, data, codes, random_state, least_factors=2, screens=True)
    if numbers:
        sampler.factors.check_numbers(name, sampler.factor_names)
    train, test = sampler.train_and_test(num_train, num_test, least_test=2)
    check_two_codes(name, train.codes)
    importance, train_accuracy, test_accuracy = importances(train, test, sampler)
    return {
        "informativeness_train": float(train_accuracy.mean()),
        "informativeness_test": float(test_accuracy.mean()),
        "disentanglement": disentanglement(importance),
        "completeness": disentanglement(importance.T),
        "informativeness_per_factor": sampler.by_factor(test_accuracy),
        "completeness_per_factor": sampler.by_factor(disentanglement_per_code(importance.T)),
        "disentanglement_per_code": disentanglement_per_code(importance).tolist(),
        "importance": importance.tolist(),
        **sampler.screening,
    }
