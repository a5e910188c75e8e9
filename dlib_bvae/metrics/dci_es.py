"""Explicitness and size of DCI-ES (Eastwood et al. 2023): how capable a probe must be to read the factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import fixed_order, in_threads, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import (
    COUNT,
    MISSING,
    READABLE,
    UNIT,
    About,
    Matrix,
    Result,
    Sampling,
    Score,
    Validity,
)

SCORES = {
    "explicitness": Score(-1, 1, True, chance=0.0),  # independent codes have none, which counts as 0
    "best_accuracy": UNIT,
    "size": Score(0, None, None),
    "num_read_factors": COUNT,
}
VERSIONS = {
    "dci_es": {
        2: "2026-11-30: explicitness is the mean over the factors that a probe reads better than the best guess "
        "by three standard errors; num_read_factors is their number",
    },
}
MATRICES = {"losses": Matrix("widths", "factor", "error", high=1.0)}
SAMPLING = Sampling(images=("num_train", "num_test", "widths"))
ABOUT = {
    "dci_es": About(
        "how easily factors are read off, by probes of growing size",
        ("explicitness",),
        ("widths", "penalty"),
        "Eastwood et al. 2023",
        "seconds",
        defects="It says nothing of how much is read: read it with `best_accuracy`. Noise has no value, which counts "
        "as 0.",
    )
}
VALIDITY = {
    "dci_es": Validity(
        {"explicitness": READABLE},
        "Two codes for four factors, and squares that lost their sign, score 1.00 (192 images), as a factor that "
        "no probe reads better than a guess does not count. It says nothing of one code per factor: rotated codes "
        "score 0.87 to 0.97, aligned ones 0.94 to 1.00.",
    ),
}

_MOST_FEATURES = 16_384
_PART = 2**20  # features that a thread works on at a time
_STANDARD_ERRORS = 3  # by which a factor must be read better than by a guess


@gin.configurable(denylist=["data", "codes", "random_state"])
def dci_es(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    widths: Sequence[int] = (16, 32, 64, 128, 256, 512, 1_024),
    penalty: float = 1e-4,
) -> Result:
    """How early, among probes of growing capacity, the loss falls: 1 where the smallest probe reads all that any does.

    Eastwood et al. 2023, "DCI-ES", section 3. The probes are ridge regressions (penalty a training image) of a factor's
    values, one-hot, on random Fourier features of the standardised codes; their capacity is log `widths`, the number of
    features. The loss is the error on num_test images, at most that of the probes before. With the area A under the loss,
    above its least value, explicitness is 1 − 2 A / (log capacity range × error of a guess, 1 − 1/values). It says
    nothing of how low the loss gets: read it with best_accuracy, the accuracy of the probe that is best on every other test
    image on the images between them, and the other way round: the best on all would be above chance by choice alone. D, C and
    I are dci's.

    The loss of a factor that no probe reads does not fall either, which is no explicitness. So a factor counts only where
    the best accuracy is above that of the best guess, the share of the most frequent value among the test images, by three
    standard errors. explicitness is the mean over those, num_read_factors is their number, and without any there is no
    explicitness (None, with the reason in missing_scores). This test is not in the paper.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns explicitness in [-1, 1], best_accuracy in [0, 1],
    size (factors for each latent), num_read_factors, explicitness_per_factor (of those that are read),
    widths and losses (widths × factors). Wide codes are screened (see dlib_bvae.metrics.engine.screening).
    Raises UserError for numbers out of range.
    """
    sizes = _checked_widths(widths)
    check_threshold("dci_es.penalty", penalty)
    sampler = Sampler("dci_es", data, codes, random_state, screens=True)
    train, test = standardised(*sampler.train_and_test(num_train, num_test))
    seed = sampler.seed()
    order = fixed_order(np.round(train.codes, 9))  # else each order of the codes has other features
    features = [fourier_features(sample.codes[:, order], sizes[-1], seed) for sample in (train, test)]
    wrong = _wrong(features, train, test, sampler.sizes, sizes, penalty)
    losses = np.minimum.accumulate(np.stack([each.mean(axis=1) for each in wrong], axis=1), axis=0)
    best = np.array([best_accuracy(each) for each in wrong])
    explicit = explicitness(np.log(sizes), losses, 1 - 1 / np.array(sampler.sizes))
    read = _are_read(best, test.factors)
    missing = {} if read.any() else {MISSING: {"explicitness": "no probe reads any factor better than a guess"}}
    return {
        "explicitness": float(explicit[read].mean()) if read.any() else None,
        **missing,
        "num_read_factors": int(read.sum()),
        "best_accuracy": float(best.mean()),
        "size": len(sampler.kept) / sampler.source.width(),
        "explicitness_per_factor": {sampler.factor_names[k]: float(explicit[k]) for k in np.flatnonzero(read)},
        "widths": sizes,
        "losses": losses.tolist(),
        **sampler.screening,
    }


def fourier_features(codes: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Random Fourier features of a Gaussian kernel whose width is the root of the number of codes: (n, width) in ±√2.

    The first w columns are the features of width w, so that larger probes can do what smaller ones do.
    """
    rng = np.random.default_rng(seed)
    # One row a feature, drawn in turn: a wider draw begins with the same features.
    drawn = rng.normal(size=(width, codes.shape[1] + 1))
    frequencies, phases = drawn[:, :-1] / np.sqrt(codes.shape[1]), 2 * np.pi * drawn[:, -1]
    features = codes @ frequencies.T + phases
    parts = np.array_split(features, max(1, features.size // _PART))  # the cosines are half of the metric's time
    in_threads(lambda part: np.cos(part, out=part), parts)
    features *= np.sqrt(2)
    return features


def explicitness(capacities: np.ndarray, losses: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Capacities (probes,), ascending; losses (probes, factors), falling; a guess's loss (factors,) → (factors,)."""
    from scipy.integrate import trapezoid

    area = trapezoid(losses - losses.min(axis=0), capacities, axis=0)
    return 1 - 2 * area / ((capacities[-1] - capacities[0]) * guess)


def _are_read(accuracies: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Whether each accuracy (factors,) on images with `factors` (images, factors) is above the best guess's: bool (factors,)."""
    images = (factors >= 0).sum(axis=0)  # that have a value
    guess = np.array([np.bincount(column[column >= 0]).max() for column in factors.T]) / images
    return accuracies > guess + _STANDARD_ERRORS * np.sqrt(guess * (1 - guess) / images)


def best_accuracy(wrong: np.ndarray) -> float:
    """Whether each probe is wrong on each image, bool (probes, images) → the accuracy in [0, 1] of the best.

    It is chosen on one half of the images and scored on the other, twice; of one image there is no half.
    """
    if wrong.shape[1] < 2:
        return float(1 - wrong.mean(axis=1).min())
    halves = [wrong[:, start::2].mean(axis=1) for start in (0, 1)]
    return float(1 - np.mean([halves[1][halves[0].argmin()], halves[0][halves[1].argmin()]]))


def _wrong(
    features: Sequence[np.ndarray],
    train: Sample,
    test: Sample,
    sizes: Sequence[int],
    widths: Sequence[int],
    penalty: float,
) -> list[np.ndarray]:
    """For each factor, whether the ridge regression of each width is wrong: bool (widths, images of `test` that have a value)."""
    lacking = (train.factors < 0).any(axis=0)
    # Factors that every image has are solved for at once.
    groups = [group for group in ([*np.flatnonzero(~lacking)], *([k] for k in np.flatnonzero(lacking))) if group]
    wrong: list[list[np.ndarray]] = [[] for _ in sizes]
    for group in groups:
        known = train.factors[:, group[0]] >= 0
        labels, of_group = train.factors[known][:, group], [sizes[k] for k in group]
        votes = _votes(features[0][known], labels, of_group, features[1], widths, penalty)
        for by_factor in votes:
            for each, k in zip(by_factor, group, strict=True):
                wrong[k].append(_misses(each, test.factors[:, k]))
    return [np.stack(each) for each in wrong]


def _votes(
    features: np.ndarray,
    labels: np.ndarray,
    sizes: Sequence[int],
    tested: np.ndarray,
    widths: Sequence[int],
    penalty: float,
) -> Iterator[list[np.ndarray]]:
    """For each width, what the ridge regression on (features, labels) gives each value of each factor, (tested, values)."""
    from scipy.linalg import solve

    mean = features.mean(axis=0)
    centred, tested = features - mean, tested - mean
    hot = np.hstack([y[:, None] == np.arange(size) for y, size in zip(labels.T, sizes, strict=True)]) * 1.0
    gram, moments = centred.T @ centred, centred.T @ hot
    ends = np.cumsum(sizes)[:-1]
    for width in widths:
        weights = solve(gram[:width, :width] + penalty * len(hot) * np.eye(width), moments[:width], assume_a="pos")
        yield np.split(tested[:, :width] @ weights + hot.mean(axis=0), ends, axis=1)


def _misses(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether the votes (images, values) are wrong, bool, of the images that have a value (truth >= 0)."""
    known = truth >= 0
    return votes.argmax(axis=1)[known] != truth[known]


def _checked_widths(widths: object) -> list[int]:
    if isinstance(widths, str) or not isinstance(widths, Sequence) or len(widths) < 2:
        raise UserError(f"dci_es.widths must be a list of at least two integers; got {widths!r}")
    for width in widths:
        check_integer("every entry of dci_es.widths", width, 1)
    if any(a >= b for a, b in zip(widths, widths[1:], strict=False)) or widths[-1] > _MOST_FEATURES:
        raise UserError(f"dci_es.widths must ascend, to at most {_MOST_FEATURES}; got {list(widths)!r}")
    return [int(width) for width in widths]
