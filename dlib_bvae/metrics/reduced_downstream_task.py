"""What is left of a factor, and of the others, without the codes that are most important for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import NotApplicable, check_integer, unknown
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.downstream_task import check_sizes
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, joint_entropy, mutual_information
from dlib_bvae.metrics.engine.probes import accuracies, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.engine.ties import best_codes
from dlib_bvae.metrics.score_info import MODULAR, UNIT, About, Matrix, Result, Sampling, Validity

# Of the factor whose codes are gone less is better, of the others more.
SCORES = {
    "*_reduced_factor": UNIT._replace(higher_is_better=None),
    "*:mean_test_accuracy_other_factors": UNIT,
    "*_other_factors": UNIT,
    "*:mean_*_accuracy_factor_*": UNIT._replace(higher_is_better=None),
}
_REDUCED = Matrix("factor", "factor", "accuracy of the column's factor\nwithout the row's codes", high=1.0)
MATRICES = {"train_accuracy": _REDUCED, "test_accuracy": _REDUCED}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "reduced_downstream_task": About(
        "the same without the codes most important for a factor",
        ("*:mean_test_accuracy_other_factors",),
        ("num_factors_to_remove", "num_train", "importance"),
        "disentanglement_lib",
    )
}
VALIDITY = {
    "reduced_downstream_task": Validity(
        {"*:mean_test_accuracy_other_factors": MODULAR},
        "With 100 training images bent codes score 0.66 to 0.69 and aligned ones 0.78 to 0.87, although each is of"
        " one factor. Eight random mixtures of all factors score 0.63 to 0.72, as the codes that stay make up for "
        "the one that is taken away.",
    ),
}

_IMPORTANCES = ("mutual_information", "gradient_boosting_classifier")


@gin.configurable(denylist=["data", "codes", "random_state"])
def reduced_downstream_task(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_factors_to_remove: int = 1,
    num_train: Sequence[int] = (1_000,),
    num_test: int = 5_000,
    predictor: str = "logistic_regression",
    importance: str = "mutual_information",
) -> Result:
    """Accuracy of classifiers of all factors without the num_factors_to_remove codes most important for one of them.

    disentanglement_lib's reduced_downstream_task. If codes are disentangled, the factor whose codes are gone is not
    predicted any more and the others are as before. importance: "mutual_information" (20 equal-width bins), or
    "gradient_boosting_classifier" as in the reference code; after each removal it is found again. Of codes that are equally
    important, within 1e-9, the one with the least joint entropy goes.

    data, codes, random_state: see dlib_bvae.metrics.score. predictor: a name of the classifiers' registry, on
    standardised codes. Returns the reference's keys, accuracies in [0, 1], for each size n:
    "n:mean_test_accuracy_reduced_factor" and "n:mean_test_accuracy_other_factors", means over the factors;
    "n:reduced_factor_k:mean_test_accuracy_factor_i", …"_reduced_factor" and …"_non_reduced_factor" for every factor k
    whose codes are gone; the same of the training images; train_accuracy and test_accuracy (factors whose codes are gone
    × factors predicted) of the last size.
    Wide codes are screened (see dlib_bvae.metrics.engine.screening). Raises UserError for unknown names, numbers out of range,
    fewer than two factors and no code left.
    """
    sizes = check_sizes("reduced_downstream_task", num_train)
    check_integer("reduced_downstream_task.num_factors_to_remove", num_factors_to_remove, 1)
    if importance not in _IMPORTANCES:
        raise unknown("importance of reduced_downstream_task", str(importance), _IMPORTANCES)
    make_classifier = CLASSIFIERS.get(predictor)
    sampler = Sampler("reduced_downstream_task", data, codes, random_state, least_factors=2, screens=True)
    scores: dict[str, Any] = {**sampler.screening}
    for size in sampler.fitting(sizes, num_test):
        train, test = standardised(*sampler.train_and_test(size, num_test, varied=False))
        if train.codes.shape[1] <= num_factors_to_remove:
            raise NotApplicable(
                f"reduced_downstream_task.num_factors_to_remove = {num_factors_to_remove} leaves none of "
                f"{train.codes.shape[1]} codes; remove fewer"
            )
        found: dict[str, list[np.ndarray]] = {"train": [], "test": []}
        for factor in range(len(sampler.kept)):
            kept = _kept(sampler, train, factor, num_factors_to_remove, importance)
            parts = [each._replace(codes=each.codes[:, kept]) for each in (train, test)]
            models = fit_all(lambda seed: make_classifier(random_state=seed), parts[0], sampler.seed())
            for part, sample in zip(found, parts, strict=True):
                found[part].append(accuracies(models, sample))
        for part, rows in found.items():
            scores |= _scores(str(size), part, np.stack(rows), sampler.kept)
            scores[f"{part}_accuracy"] = np.stack(rows).tolist()
    return scores


def _kept(sampler: Sampler, train: Sample, factor: int, remove: int, importance: str) -> list[int]:
    """Indices of the codes that are left when `remove` times the most important one has gone."""
    kept = list(range(train.codes.shape[1]))
    for _ in range(remove):
        part = Sample(train.codes[:, kept], train.factors[:, [factor]])
        tables = binned_tables(part.codes, 20, part.factors, [sampler.sizes[factor]])
        if importance == "mutual_information":
            gains = mutual_information(tables)
        else:
            models = fit_all(lambda seed: CLASSIFIERS.get(importance)(random_state=seed), part, sampler.seed())
            gains = models[0].feature_importances_[:, None]
        del kept[int(best_codes(gains, joint_entropy(tables))[0])]
    return kept


def _scores(size: str, part: str, matrix: np.ndarray, places: list[int]) -> dict[str, float]:
    """The reference's keys of accuracies (factor whose codes are gone, factor predicted)."""
    others = ~np.eye(len(matrix), dtype=bool)
    reduced, remaining = np.diag(matrix), np.array([row[mask].mean() for row, mask in zip(matrix, others, strict=True)])
    scores = {
        f"{size}:mean_{part}_accuracy_reduced_factor": reduced.mean(),
        f"{size}:mean_{part}_accuracy_other_factors": remaining.mean(),
    }
    for i, k in enumerate(places):
        start = f"{size}:reduced_factor_{k}:mean_{part}_accuracy"
        scores |= {f"{start}_factor_{other}": value for other, value in zip(places, matrix[i], strict=True)}
        scores |= {f"{start}_reduced_factor": reduced[i], f"{start}_non_reduced_factor": remaining[i]}
    return {key: float(value) for key, value in scores.items()}
