"""Unfairness of predictions towards factors that they should not depend on (Locatello et al. 2019b)."""

from __future__ import annotations

from collections.abc import Callable

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer, warn_once
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import Classifier, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import UNJUDGED, About, Matrix, Result, Sampling, Score, Validity

_UNFAIRNESS = Score(0, 1, False, null=None)
SCORES = {"mean_fairness:mean_pred:mean_sens": _UNFAIRNESS, "*_fairness:*": _UNFAIRNESS}
_PAIRS = Matrix("factor", "factor", "unfairness of the row's factor\ntowards the column's", high=1.0)
MATRICES = {"mean_fairness": _PAIRS, "max_fairness": _PAIRS}
SAMPLING = Sampling(images=("num_train", "num_test_points_per_class"))
ABOUT = {
    "fairness": About(
        "how much a prediction depends on a factor that it should not",
        ("mean_fairness:mean_pred:mean_sens",),
        ("predictor", "num_test_points_per_class"),
        "Locatello et al. 2019",
        "seconds",
        defects="Less is better, and codes that know nothing are the best: read it with the accuracy of "
        "`downstream_task`.",
    )
}
VALIDITY = {
    "fairness": Validity(
        {"mean_fairness:mean_pred:mean_sens": UNJUDGED},
        "Duplicated, sine-cosine and one-hot codes score 0.00 and rotated ones 0.01, so it does not ask for a code"
        " a factor. The worst of the table are noise (0.17), squares that lost their sign and two codes for four "
        "factors (0.14 each), whose predictions are bad rather than unfair.",
    ),
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
    raw, points = _drawn(sampler, num_train, num_test_points_per_class)
    train = standardised(raw)[0]
    models = fit_all(lambda seed: make_classifier(random_state=seed), train, sampler.seed())
    mean, largest = np.zeros((2, len(models), len(models)))
    for target, model in enumerate(models):
        for sensitive in range(len(models)):
            if sensitive != target:
                counts = _predictions(sampler, raw, model, points(sensitive), target, sensitive)
                mean[target, sensitive], largest[target, sensitive] = unfairness(counts)
    both = {"mean_fairness": mean, "max_fairness": largest}
    scores = [_scores(prefix, matrix, sampler.kept) for prefix, matrix in both.items()]
    return {**scores[0], **scores[1], **{prefix: matrix.tolist() for prefix, matrix in both.items()}}


def _drawn(sampler: Sampler, num_train: int, num_points: int) -> tuple[Sample, Callable[[int], np.ndarray]]:
    """The images to fit to, and sensitive factor → the grid indices whose value of it is moved.

    No image that is scored is one to fit to: for each sensitive factor at most a third of the grid over the number of
    factors is kept for it, and one line along it at least. With replacement: both are drawn independently.
    """
    if sampler.with_replacement:
        return sampler.draw_varied("num_train", num_train), lambda _: sampler.draw_rows(_POINTS, num_points)
    check_integer("fairness.num_train", num_train, 2, MOST_IMAGES)
    check_integer(f"fairness.{_POINTS}", num_points, 1, MOST_IMAGES)
    images, rows = sampler.source.num_images, []
    for factor, size in enumerate(sampler.sizes):
        most = max(1, images // (3 * len(sampler.sizes) * size))
        rows.append(sampler.on_lines(sampler.different(sampler.num_lines(factor), min(num_points, most)), factor, 0))
    fewest = min(map(len, rows))
    scored = [sampler.moved(row[:, None], k, np.arange(sampler.sizes[k])).ravel() for k, row in enumerate(rows)]
    kept = np.unique(np.concatenate(scored))
    found = sampler.different(images, num_train + len(kept))
    train_rows = found[~np.isin(found, kept)][:num_train]
    if fewest < num_points or len(train_rows) < num_train:
        warn_once(
            f"fairness: there are {images:,} images; it is fitted to {len(train_rows):,} of them and moves {fewest:,} others "
            "through the values of a factor"
        )
    sampler.note(_POINTS, num_points, fewest)
    sampler.note("num_train", num_train, len(train_rows), 2)
    train = sampler.at(train_rows)
    sampler.check_varied("num_train", len(train_rows), train)
    return train, lambda sensitive: rows[sensitive]


def unfairness(counts: np.ndarray) -> tuple[float, float]:
    """Counts of predictions (target values, sensitive values) → mean and largest total variation from the overall ones."""
    overall = counts.sum(axis=1, keepdims=True) / counts.sum()
    groups = counts.sum(axis=0)
    distances = np.abs(counts / groups - overall).sum(axis=0) / 2
    return float((distances * groups).sum() / groups.sum()), float(distances.max())


def _predictions(
    sampler: Sampler, train: Sample, model: Classifier, rows: np.ndarray, target: int, sensitive: int
) -> np.ndarray:
    """Counts of what is predicted for the images with the sensitive factor at each value, int64 (target, sensitive)."""
    values, size = np.arange(sampler.sizes[sensitive]), sampler.sizes[target]
    moved = sampler.moved(rows[:, None], sensitive, values)  # (points, values)
    _, test = standardised(train, sampler.at(moved.ravel()))
    predicted = model.predict(test.codes).reshape(moved.shape)
    return np.stack([np.bincount(column, minlength=size) for column in predicted.T], axis=1)


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
