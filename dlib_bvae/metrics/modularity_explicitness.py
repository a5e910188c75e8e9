"""Modularity and explicitness (Ridgeway & Mozer 2018)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.active import active_codes, check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, mutual_information
from dlib_bvae.metrics.engine.probes import Classifier, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import INFORMATION, MODULAR, READABLE, UNIT, About, Result, Sampling, Validity

SCORES = {
    "modularity_score": UNIT,
    "modularity_score_all_codes": UNIT,
    "explicitness_score_train": UNIT,
    "explicitness_score_test": UNIT._replace(chance=0.5),
    "num_active_codes": UNIT._replace(high=None, higher_is_better=None),
}
MATRICES = INFORMATION
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "modularity_explicitness": About(
        "one factor a code; factors readable linearly",
        ("modularity_score", "explicitness_score_test"),
        ("num_bins", "active_threshold"),
        "Ridgeway & Mozer 2018",
        "seconds",
        defects="Explicitness is ½ where nothing is known. Modularity is a ratio: a code that informs of next to "
        "nothing scores what chance gives it.",
    ),
    "modularity_explicitness_dlib": About(
        "the same over all codes",
        ("modularity_score", "explicitness_score_test"),
        ("num_bins",),
        "Locatello et al. 2019",
        "seconds",
        defects="Modularity counts dead codes, with what chance gives them. It is here for comparison with "
        "disentanglement_lib; use `modularity_explicitness`.",
    ),
}
VALIDITY = {
    "modularity_explicitness": Validity(
        {"modularity_score": MODULAR, "explicitness_score_test": READABLE},
        "Two codes for four independent factors, and squares that lost their sign, have a modularity of 1.00, and "
        "noise one of 0.65 to 0.70. Explicitness is 0.89 to 0.91 for those squares, and 0.87 to 0.89 where two of "
        "four correlated or causal factors have no code.",
    ),
    "modularity_explicitness_dlib": Validity(
        {"modularity_score": MODULAR, "explicitness_score_test": READABLE},
        "Two codes for four independent factors, and squares that lost their sign, have a modularity of 1.00, and "
        "noise one of 0.59 to 0.65. Explicitness is 0.90 to 0.91 for those squares, and 0.86 to 0.90 where two of "
        "four correlated or causal factors have no code.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def modularity_explicitness(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    num_bins: int = 20,
    active_threshold: float = 0.01,
) -> Result:
    """Modularity: does a code inform of one factor only? Explicitness: does a linear classifier read every value?

    Ridgeway & Mozer 2018, section 3. With the mutual information I between a code (in num_bins equal-width bins) and
    the factors, its modularity is 1 − Σ_others I² / ((factors − 1) max I²), averaged here over the active codes, those
    with variance above active_threshold: what dead codes seem to inform of is chance. Explicitness is the one-vs-rest area
    under the ROC curve of a logistic regression on all standardised codes, ½ where it knows nothing, averaged over the
    values that occur in the sample, then over factors.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns modularity_score in [0, 1] (0 without active codes),
    modularity_score_all_codes, explicitness_score_train and explicitness_score_test in [0, 1], the latter also per factor,
    num_active_codes, active_codes, modularity_per_code and mutual_information in nats (latents × factors).
    Wide codes are screened (see dlib_bvae.metrics.engine.screening). Raises UserError for numbers out of range.
    """
    make = CLASSIFIERS.get("logistic_regression")
    settings = (num_train, num_test, num_bins, active_threshold)
    return _scores("modularity_explicitness", make, data, codes, random_state, *settings)


@gin.configurable(denylist=["data", "codes", "random_state"])
def modularity_explicitness_dlib(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    num_bins: int = 20,
) -> Result:
    """modularity_explicitness as disentanglement_lib computes it: modularity is averaged over all codes, dead ones too.

    A code with no information counts 0; one with next to none counts what chance gives it. The logistic regression stops
    after 100 steps. A value that the test sample lacks is left out, where the reference code fails. Parameters, returns
    and errors otherwise as in modularity_explicitness.
    """
    from sklearn.linear_model import LogisticRegression

    settings = (num_train, num_test, num_bins, 0.0)
    make = functools.partial(LogisticRegression, max_iter=100)
    scores = _scores(
        "modularity_explicitness_dlib", lambda seed: make(random_state=seed), data, codes, random_state, *settings
    )
    return {**scores, "modularity_score": scores["modularity_score_all_codes"]}


def modularity_per_code(information: np.ndarray) -> np.ndarray:
    """Mutual information (latents, factors), at least two factors → modularity of each code in [0, 1]; 0 where there is none."""
    squared = information**2
    largest = squared.max(axis=1)
    others = (squared.sum(axis=1) - largest) / (squared.shape[1] - 1)
    return np.where(largest > 0, 1 - others / np.where(largest > 0, largest, 1), 0)


def mean_auc(labels: np.ndarray, classes: np.ndarray, probabilities: np.ndarray) -> float:
    """One-vs-rest area under the ROC curve, averaged over those `classes` that some, not all, `labels` (n,) have.

    probabilities: float (n, classes). Ties count half. 0.5 when no class can be separated from another.
    """
    from scipy.stats import rankdata

    positive = labels[:, None] == classes
    ones = positive.sum(axis=0)
    present = (ones > 0) & (ones < len(labels))
    if not present.any():
        return 0.5
    ranks = np.where(positive, rankdata(probabilities, axis=0), 0).sum(axis=0)[present]
    ones = ones[present]
    return float(np.mean((ranks - ones * (ones + 1) / 2) / (ones * (len(labels) - ones))))


def _scores(
    name: str,
    make: Callable[[int], Classifier],
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    num_train: int,
    num_test: int,
    num_bins: int,
    active_threshold: float,
) -> dict[str, Any]:
    check_integer(f"{name}.num_bins", num_bins, 2, MOST_BINS)
    check_threshold(f"{name}.active_threshold", active_threshold)
    sampler = Sampler(name, data, codes, random_state, least_factors=2, screens=True)
    train, test = sampler.train_and_test(num_train, num_test, least_test=2)
    information = mutual_information(binned_tables(train.codes, num_bins, train.factors, sampler.sizes))
    modularity = modularity_per_code(information)
    active = active_codes(train.codes, active_threshold)
    samples = standardised(train, test)
    models = fit_all(make, samples[0], sampler.seed())
    explicit = [[_explicitness(model, sample, k) for k, model in enumerate(models)] for sample in samples]
    return {
        "modularity_score": float(modularity[active].mean()) if len(active) else 0.0,
        "modularity_score_all_codes": float(modularity.mean()),
        "explicitness_score_train": float(np.mean(explicit[0])),
        "explicitness_score_test": float(np.mean(explicit[1])),
        "explicitness_per_factor": sampler.by_factor(explicit[1]),
        "num_active_codes": len(active),
        "active_codes": sampler.columns(active),
        "modularity_per_code": modularity.tolist(),
        "mutual_information": information.tolist(),
        **sampler.screening,
    }


def _explicitness(model: Any, sample: Sample, factor: int) -> float:
    codes, labels = sample.having(factor)
    return mean_auc(labels, model.classes_, model.predict_proba(codes))
