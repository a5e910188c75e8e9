"""What codes that are aligned with the factors score by each metric's definition, and the parameters with which they do."""

import math
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import mutual_info_score

from dlib_bvae import metrics
from support.conformance_sets import ConformanceSet

BEST = "accuracy of the best code"
_BINS = 20  # of codes, as metrics have by default
_LONG = "reads 183 values of one code by boosted trees only, which takes minutes"
_REFERENCE = "is disentanglement_lib's, which may test on images that it was fitted to"
_CODES_ALONE = "is of codes alone, which a matching to images leaves as they are"
_FEW = (
    "compares with another code, which predicts worse than a guess: on so few images, what is frequent among those that were "
    "trained on is rare among the others"
)
# What a cell cannot hold, (metric, column) or (metric, column on set): why.
EXCEPTIONS = {
    ("active_units", "matchings"): _CODES_ALONE,
    ("downstream_task", "aligned on Cars3D's size"): _LONG,
    ("fairness", "aligned on Cars3D's size"): _LONG,
    ("fos", "matchings"): _CODES_ALONE,
    ("fos", "aligned on continuous"): "is 0 where a batch has every combination of values, and here none is there",
    ("fos", "aligned on Cars3D's size"): "is 0 where a batch has every combination of values, 17,568² distances a pair",
    ("modularity_explicitness_dlib", "chance"): _REFERENCE,
    ("reconstruction_error", "all"): "needs a decoder: it is no function of codes and factors",
    ("reduced_downstream_task", "aligned on Cars3D's size"): _LONG,
    ("sap", "SAP_score on small grids"): _FEW,
    ("sap_dlib", "chance"): _REFERENCE,
    (
        "sap_dlib",
        "aligned",
    ): "is of linear classifiers of one code, which cannot separate the middle values of a factor",
    (
        "strong_downstream_task",
        "aligned on Cars3D's size",
    ): "fits to 96 images, as many as have one value, and reads 183",
    ("unsupervised", "matchings"): _CODES_ALONE,
}


def parameters(name: str, data: ConformanceSet) -> dict[str, Any]:
    """Small sizes, of which some exceed the images of small sets."""
    small = metrics.small_parameters(name, images=500 if name.startswith(("beta", "factor")) else 2_000, fits=5)
    if name in ("downstream_task", "reduced_downstream_task"):
        small["num_train"] = (100,)
    if name == "strong_downstream_task":
        small |= {"num_train": (12,), "n_experiment": 2}
    if name == "fos":
        small["batch_size"] = min(64, data.images // 2)
    return small


def known(name: str, data: ConformanceSet) -> tuple[dict[str, float], dict[str, Any]]:
    """{score: value} of the aligned codes, and the metric's parameters with which they have them."""
    return (_of_information(data) | _of_classifiers(data) | _of_others(data))[name]


_Known = dict[str, tuple[dict[str, float], dict[str, Any]]]


def _of_information(data: ConformanceSet) -> _Known:
    """Each code, in 20 bins, and its factor are a function of each other, at least one way."""
    factor, code = _entropies(data)
    information = np.minimum(factor, code)
    mig = float(np.mean(information / factor))
    jemmig = float(np.mean(1 - (np.maximum(factor, code) - information) / (factor + np.log(_BINS))))
    every, most = {"num_train": 20_000}, {"num_train": data.images - 20, "num_test": 20}
    unified = {f"importance_gbt_matrix.{key}": 1.0 for key in ("dci_disentanglement", "dci_completeness", "modularity")}
    unified |= {"mutual_information_matrix.mig": mig, "mutual_information_matrix.modularity": 1.0}
    # By chance a code seems to inform of another in as many bins by (20 − 1)² / (2 · images) nats; on a grid it does not.
    dependence = (_BINS - 1) ** 2 / (2 * data.images) if data.continuous else 0.0
    return {
        "dcimig": ({"dcimig": float(information.sum() / factor.sum())}, every),
        "infomec": ({"infom": 1.0, "infoc": 1.0}, _nearly_all(data)),
        "jemmig": ({"jemmig": jemmig}, every),
        "linear_identifiability": ({"r2_factors_to_codes": 1.0, "r2_codes_to_factors": 1.0}, _nearly_all(data)),
        "mcc": ({"matched": 1.0, "coverage": 1.0, "cross_fitted": 1.0}, every),
        "med": (dict(zip(("disentanglement", "completeness"), _shares_of_information(data), strict=True)), every),
        "mig": ({"discrete_mig": mig}, every),
        "mig_sup": ({"mig_sup": mig}, every),
        "modularity_explicitness": ({"modularity_score": 1.0}, _nearly_all(data)),
        "modularity_explicitness_dlib": ({"modularity_score": 1.0}, _nearly_all(data)),
        "unified_scores": (unified, {**most, "n_estimators": 5}),
        "unsupervised": ({"gaussian_total_correlation": 0.0, "mutual_info_score": dependence}, every),
    }


def _of_classifiers(data: ConformanceSet) -> _Known:
    """Each factor is read from its code, and from no other; a forest needs more images for it than boosted trees."""
    trees = {**_nearly_all(data), "n_estimators": 5}
    predictor = {"predictor": "gradient_boosting_classifier"}
    few = {"num_train": (data.images // 2,), "num_test": 1_000, **predictor}
    size, fixed = data.images // 2, math.prod(data.sizes) // max(data.sizes)
    one = {"num_train": (fixed,), "n_experiment": 2}
    dci = {"disentanglement": 1.0, "completeness": 1.0, "informativeness_test": 1.0}
    sap = float(np.mean([1 - (not data.continuous) / size for size in data.sizes]))
    # The edges of a continuous factor's tenths are off as quantiles of two thirds of the images are.
    edges = np.arange(1, 10) / 10
    missed = np.sqrt(2 / np.pi * edges * (1 - edges) / (2 * data.images)).sum() / 0.9 if data.continuous else 0.0
    return {
        "dci": (dci, trees),
        # How many random features read the values of a code has no closed form; that all factors are read is known.
        "dci_es": ({"num_read_factors": len(data.sizes)}, {}),
        "dci_lasso": (dci, {}),
        "dci_random_forest": (dci, trees),
        "downstream_task": ({f"{size}:mean_test_accuracy": 1.0}, few),
        "fairness": ({"mean_fairness:mean_pred:mean_sens": 0.0}, predictor),
        "reduced_downstream_task": ({f"{size}:mean_test_accuracy_other_factors": 1.0}, few),
        "sap": ({BEST: 1.0} if data.grid and data.images < 1_000 else {BEST: 1.0, "SAP_score": sap}, {}),
        "snc": ({"snc": float(1 - missed)}, _nearly_all(data)),
        "strong_downstream_task": ({f"{fixed}:mean_strong_test_accuracy": 1.0}, {**few, **one}),
    }


def _of_others(data: ConformanceSet) -> _Known:
    every, batch = {"num_train": 20_000}, min(480, data.images)
    # Of a continuous factor's tenths, less what the quantile leaves out, over the whole range.
    irs = 1 - 0.99 / 10 if data.continuous else 1.0
    return {
        "active_units": ({"active_units": len(data.sizes)}, every),
        "beta_vae": ({"eval_accuracy": 1.0}, parameters("beta_vae", data)),
        "factor_vae_score": ({"eval_accuracy": 1.0}, parameters("factor_vae_score", data)),
        "factor_vae_score_dlib": ({"eval_accuracy": 1.0}, parameters("factor_vae_score", data)),
        "fos": ({"fos": 0.0}, {"num_train": batch, "batch_size": batch}),
        "irs": ({"IRS": irs}, every),
        "irs_dlib": ({"IRS": irs}, every),
    }


def _nearly_all(data: ConformanceSet) -> dict[str, Any]:
    """Sizes for training images that have every combination, where there are so many values that a sample lacks some."""
    return {"num_train": data.images - 500, "num_test": 500} if data.images > 10_000 else {}


def _entropies(data: ConformanceSet) -> tuple[np.ndarray, np.ndarray]:
    """Of each factor and of the code that follows it in 20 bins, nats."""
    of_factor = np.array([stats.entropy(share) for share in data.shares()])
    return of_factor, np.array([stats.entropy(np.histogram(code, _BINS)[0]) for code in data.aligned.T])


def _shares_of_information(data: ConformanceSet) -> tuple[float, float]:
    """Disentanglement and completeness of the shares of what each aligned code, in 20 bins, informs of each factor.

    Where combinations are missing or are a sample, factors inform of each other, and the entropy of small shares is large.
    """
    bins = [np.digitize(code, np.histogram_bin_edges(code, _BINS)[1:-1]) for code in data.aligned.T]
    pairs = [[(b[column >= 0], column[column >= 0]) for column in data.values.T] for b in bins]
    information = np.array([[mutual_info_score(*pair) for pair in row] for row in pairs])
    importance = information / information.sum(axis=0)
    return tuple(
        float(np.average(1 - stats.entropy(each, axis=1) / np.log(each.shape[1]), weights=each.sum(axis=1)))
        for each in (importance, importance.T)
    )
