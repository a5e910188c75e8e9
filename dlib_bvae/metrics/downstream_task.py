"""How well the factors are learnt from the codes with few labels (Locatello et al. 2019, section 5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import accuracies, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import READABLE, UNIT, About, Matrix, Result, Sampling, Validity

SCORES = {"*:mean_test_accuracy": UNIT, "*_accuracy": UNIT, "*_accuracy_factor_*": UNIT}
_BY_SIZE = Matrix("num_train", "factor", "accuracy", high=1.0)
MATRICES = {"train_accuracy": _BY_SIZE, "test_accuracy": _BY_SIZE}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "downstream_task": About(
        "accuracy of factors predicted from few labels",
        ("*:mean_test_accuracy",),
        ("num_train", "predictor"),
        "Locatello et al. 2019",
        "seconds",
        defects="It measures how much is read from all codes together: rotated codes score nearly the same.",
    )
}
VALIDITY = {
    "downstream_task": Validity(
        {"*:mean_test_accuracy": READABLE},
        "It says nothing of one code per factor: rotated codes score 0.77 to 0.86, aligned ones 0.75 to 0.85. With 100"
        " training images its linear classifier reads pairwise mixtures (0.56 to 0.62) and bent codes (0.64 to "
        "0.68) worse, although no factor is lost.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def downstream_task(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: Sequence[int] = (10, 100, 1_000, 10_000),
    num_test: int = 5_000,
    predictor: str = "logistic_regression",
) -> Result:
    """Accuracy of a classifier of each factor, fitted to the codes of num_train labelled images, for several num_train.

    disentanglement_lib's downstream_task; there the logistic regression chooses its penalty by cross-validation
    (predictor="logistic_regression_cv", minutes), here C = 1 by default. The codes are standardised by the training
    sample. predictor: a name of the classifiers' registry, such as gradient_boosting_classifier.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns, for each size n, "n:mean_train_accuracy",
    "n:mean_test_accuracy", "n:min_train_accuracy", "n:min_test_accuracy", and "n:train_accuracy_factor_k",
    "n:test_accuracy_factor_k" for every factor k that varies; the same as matrices train_accuracy and test_accuracy
    (sizes × factors), with the sizes as num_train; all in [0, 1].
    Wide codes are screened (see dlib_bvae.metrics.engine.screening). Raises UserError for unknown names and numbers out of range.
    """
    sizes = check_sizes("downstream_task", num_train)
    make_classifier = CLASSIFIERS.get(predictor)
    sampler = Sampler("downstream_task", data, codes, random_state, screens=True)
    scores: dict[str, Any] = {**sampler.screening}
    found: dict[str, list[list[float]]] = {"train": [], "test": []}
    sizes = sampler.fitting(sizes, num_test)
    for size in sizes:
        train, test = standardised(*sampler.train_and_test(size, num_test, varied=False))
        models = fit_all(lambda seed: make_classifier(random_state=seed), train, sampler.seed())
        both = {"train": accuracies(models, train), "test": accuracies(models, test)}
        for part, values in both.items():
            found[part].append(values.tolist())
            scores[f"{size}:mean_{part}_accuracy"] = float(np.mean(values))
            scores[f"{size}:min_{part}_accuracy"] = float(np.min(values))
            for k, value in zip(sampler.kept, values, strict=True):
                scores[f"{size}:{part}_accuracy_factor_{k}"] = float(value)
    return {**scores, "num_train": sizes, **{f"{part}_accuracy": rows for part, rows in found.items()}}


def check_sizes(name: str, num_train: object) -> list[int]:
    """The training sizes as a list. Raises UserError unless they are different integers."""
    if isinstance(num_train, str) or not isinstance(num_train, Sequence) or not num_train:
        raise UserError(f"{name}.num_train must be a list of integers; got {num_train!r}")
    for size in num_train:
        check_integer(f"every entry of {name}.num_train", size, 1, MOST_IMAGES)
    if len(set(num_train)) < len(num_train):
        raise UserError(f"{name}.num_train has an entry twice: {list(num_train)!r}; leave one out")
    return [int(size) for size in num_train]
