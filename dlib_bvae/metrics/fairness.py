"""Unfairness of predictions towards factors that they should not depend on (Locatello et al. 2019b)."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import Classifier, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import About, Matrix, Result, Sampling, Score

SCORES = {"*_fairness:*": Score(0, 1, False)}
_PAIRS = Matrix("factor", "factor", "unfairness of the row's factor\ntowards the column's", high=1.0)
MATRICES = {"mean_fairness": _PAIRS, "max_fairness": _PAIRS}
SAMPLING = Sampling(images=("num_train", "num_test_points_per_class"))
ABOUT = {
    "fairness": About(
        "how much a prediction depends on a factor that it should not",
        ("*_fairness:*",),
        ("predictor", "num_test_points_per_class"),
        "Locatello et al. 2019",
        "seconds",
    )
}

_MOST_CODES = 1_000
_POINTS = "num_test_points_per_class"


@gin.configurable(denylist=["data", "codes", "random_state"])
def fairness(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test_points_per_class: int = 100,
    predictor: str = "logistic_regression",
) -> Result:
    """How much the predictions of one factor (the target) change when another (the sensitive one) is set to each value.

    Locatello et al. 2019, "On the fairness of disentangled representations", section 4, as in disentanglement_lib (with
    predictor="gradient_boosting_classifier"). For each pair: num_test_points_per_class images have their
    sensitive factor set to each of its values; the total variation distance between the predictions for a value and
    those for all values, averaged over values (mean_fairness) or at its largest (max_fairness). More is less fair.

    data, codes, random_state: see dlib_bvae.metrics.score. predictor: a name of the classifiers' registry, on
    standardised codes. Returns, for each prefix mean_fairness and max_fairness, the reference's keys:
    "prefix:predI:sensJ" by places among all factors, "prefix:predI:mean_sens", "prefix:predI:max_sens",
    "prefix:sensJ:mean_pred", "prefix:sensJ:max_pred", and the means and maxima of these, such as
    "mean_fairness:mean_pred:mean_sens", the paper's score; all in [0, 1]; and under the prefix itself the matrix
    (predicted factors × sensitive factors), 0 on the diagonal, which has no meaning.
    Raises UserError for unknown names, numbers out of range, fewer than two factors and more than 1,000 codes.
    """
    make_classifier = CLASSIFIERS.get(predictor)
    sampler = Sampler("fairness", data, codes, random_state, least_factors=2, most_codes=_MOST_CODES, full_grid=True)
    raw, seen = _training_sample(sampler, num_train)
    train = standardised(raw)[0]
    models = fit_all(lambda seed: make_classifier(random_state=seed), train, sampler.seed())
    mean, largest = np.zeros((2, len(models), len(models)))
    for target, model in enumerate(models):
        for sensitive in range(len(models)):
            if sensitive != target:
                rows = _points(sampler, num_test_points_per_class, sensitive)
                counts = _predictions(sampler, raw, model, rows, seen, target, sensitive)
                mean[target, sensitive], largest[target, sensitive] = unfairness(counts)
    both = {"mean_fairness": mean, "max_fairness": largest}
    scores = [_scores(prefix, matrix, sampler.kept) for prefix, matrix in both.items()]
    return {**scores[0], **scores[1], **{prefix: matrix.tolist() for prefix, matrix in both.items()}}


def _training_sample(sampler: Sampler, num_train: int) -> tuple[Sample, np.ndarray]:
    """The images to fit to, and the grid indices of those that must not be scored; two thirds of the grid at most.

    With replacement, as in the reference code, none is kept from being scored.
    """
    if sampler.with_replacement:
        return sampler.draw_varied("num_train", num_train), np.empty(0, np.int64)
    check_integer("fairness.num_train", num_train, 2, MOST_IMAGES)
    rows = sampler.different(sampler.source.num_images, min(num_train, 2 * sampler.source.num_images // 3))
    sampler.note("num_train", num_train, len(rows), 2)
    train = sampler.at(rows)
    sampler.check_varied("num_train", len(rows), train)
    return train, rows


def _points(sampler: Sampler, num: int, sensitive: int) -> np.ndarray:
    """Grid indices (num,) whose sensitive factor will be moved; different in the other factors, fewer where there are fewer."""
    if sampler.with_replacement:
        return sampler.draw_rows(_POINTS, num)
    check_integer(f"fairness.{_POINTS}", num, 1, MOST_IMAGES)
    lines = sampler.different(sampler.num_lines(sensitive), num)
    sampler.note(_POINTS, num, len(lines))
    return sampler.on_lines(lines, sensitive, 0)


def unfairness(counts: np.ndarray) -> tuple[float, float]:
    """Counts of predictions (target values, sensitive values) → mean and largest total variation from the overall ones.

    A sensitive value without predictions does not count.
    """
    counts = counts[:, counts.any(axis=0)]
    overall = counts.sum(axis=1, keepdims=True) / counts.sum()
    groups = counts.sum(axis=0)
    distances = np.abs(counts / groups - overall).sum(axis=0) / 2
    return float((distances * groups).sum() / groups.sum()), float(distances.max())


def _predictions(
    sampler: Sampler,
    train: Sample,
    model: Classifier,
    rows: np.ndarray,
    seen: np.ndarray,
    target: int,
    sensitive: int,
) -> np.ndarray:
    """Counts of what is predicted for the images with the sensitive factor at each value, int64 (target, sensitive).

    Those that the model was fitted to, at the grid indices `seen`, do not count.
    """
    values, size = np.arange(sampler.sizes[sensitive]), sampler.sizes[target]
    moved = sampler.moved(rows[:, None], sensitive, values)  # (points, values)
    _, test = standardised(train, sampler.at(moved.ravel()))
    predicted, fresh = model.predict(test.codes), ~np.isin(moved.ravel(), seen)
    if not fresh.any():
        raise UserError(f"fairness.{_POINTS} = {len(rows)} show training images only by chance; use more")
    value = np.broadcast_to(values, moved.shape).ravel()
    counts = np.zeros((size, len(values)), np.int64)
    np.add.at(counts, (predicted[fresh], value[fresh]), 1)
    return counts


def _scores(prefix: str, matrix: np.ndarray, places: list[int]) -> dict[str, float]:
    """The reference's keys of the matrix (target, sensitive), whose diagonal does not count."""
    others = ~np.eye(len(matrix), dtype=bool)
    rows = {k: matrix[i][others[i]] for i, k in enumerate(places)}
    columns = {k: matrix[:, i][others[i]] for i, k in enumerate(places)}
    scores = {
        f"{prefix}:pred{a}:sens{b}": matrix[i, j] for i, a in enumerate(places) for j, b in enumerate(places) if i != j
    }
    for inner, outer, parts in (("sens", "pred", rows), ("pred", "sens", columns)):
        for how, summary in (("mean", np.mean), ("max", np.max)):
            each = {k: summary(part) for k, part in parts.items()}
            scores |= {f"{prefix}:{outer}{k}:{how}_{inner}": value for k, value in each.items()}
            scores[f"{prefix}:mean_{outer}:{how}_{inner}"] = np.mean(list(each.values()))
            scores[f"{prefix}:max_{outer}:{how}_{inner}"] = np.max(list(each.values()))
    return {key: float(value) for key, value in scores.items()}
