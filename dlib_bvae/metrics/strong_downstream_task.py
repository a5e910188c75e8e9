"""Learning a factor while another is fixed to one value, then with its other values (Locatello et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.downstream_task import check_sizes
from dlib_bvae.metrics.engine.bounds import MOST_FITS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import Classifier, accuracies, fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import READABLE, UNIT, UNJUDGED, About, Matrix, Result, Sampling, Score, Validity

SCORES = {"*_accuracy": UNIT, "*:strong_generalization_gap": Score(None, 1, False, null=None)}
MATRICES = {"strong_test_accuracy": Matrix("num_train", "factor", "accuracy under a shift", high=1.0)}
VERSIONS = {
    "strong_downstream_task": {
        2: "2026-11-30: codes under the shift are no longer divided by the rounding of a code that training "
        "holds constant",
    },
}
SAMPLING = Sampling(images=("num_train", "num_test"), fits=("n_experiment",))
ABOUT = {
    "strong_downstream_task": About(
        "the same on values of another factor that training lacked",
        ("*:strong_generalization_gap",),
        ("n_experiment", "num_train"),
        "Locatello et al. 2020",
        "seconds",
    )
}
VALIDITY = {
    "strong_downstream_task": Validity(
        {"*:mean_strong_test_accuracy": READABLE, "*:strong_generalization_gap": UNJUDGED},
        "It says nothing of one code per factor: rotated codes of independent factors score 0.87 under the shift, "
        "aligned ones 0.86. Squares that lost their sign, two codes for four factors and noise have a "
        "strong_generalization_gap of about 0, as aligned codes have, and without a full grid of factors it has no"
        " value.",
    ),
}

_MOST_CODES = 1_000


@gin.configurable(denylist=["data", "codes", "random_state"])
def strong_downstream_task(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: Sequence[int] = (1_000,),
    num_test: int = 5_000,
    n_experiment: int = 10,
    predictor: str = "logistic_regression",
) -> Result:
    """Accuracy under a covariate shift: training images share one value of a factor, test images have its other values.

    disentanglement_lib's strong_downstream_task (Locatello et al. 2020, "Weakly-supervised disentanglement without
    compromises", section 5). For each factor that is learnt, n_experiment times: another factor and a value of it are
    drawn; all num_train images get that value, each of num_test images one of the others. The reference code draws these
    from numpy's global state, so that its results change with the same seed.

    data, codes, random_state: see dlib_bvae.metrics.score. predictor: a name of the classifiers' registry, on
    standardised codes. Returns, for each size n, "n:mean_train_accuracy" and "n:mean_test_accuracy" without a shift,
    "n:mean_strong_train_accuracy" and "n:mean_strong_test_accuracy" with it, in [0, 1], and
    "n:strong_generalization_gap", 1 − strong test accuracy / test accuracy (0 when nothing was right);
    strong_test_accuracy (sizes × factors learnt), and the sizes as num_train.
    Raises UserError for unknown names, numbers out of range, fewer than two factors and more than 1,000 codes.
    """
    sizes = check_sizes("strong_downstream_task", num_train)
    check_integer("strong_downstream_task.n_experiment", n_experiment, 1, MOST_FITS)
    make_classifier = CLASSIFIERS.get(predictor)
    sampler = Sampler(
        "strong_downstream_task", data, codes, random_state, least_factors=2, most_codes=_MOST_CODES, full_grid=True
    )
    scores: dict[str, Any] = {}
    by_factor = []
    # Of one value of a factor there are so many images, whichever factor it is.
    sizes = sampler.fitting(sizes, num_test, sampler.source.num_images // max(sampler.sizes))
    for size in sizes:
        plain_samples, shift = _plain_and_shift(sampler, size, num_test)
        plain = _accuracies(sampler, make_classifier, *plain_samples)
        shifted = [
            _accuracies(sampler, make_classifier, *shift(target), target)
            for target in range(len(sampler.kept))
            for _ in range(n_experiment)
        ]
        strong = np.mean(shifted, axis=0)
        by_factor.append(np.reshape(shifted, (-1, n_experiment, 2)).mean(axis=1)[:, 1].tolist())
        scores |= {
            f"{size}:mean_train_accuracy": plain[0],
            f"{size}:mean_test_accuracy": plain[1],
            f"{size}:mean_strong_train_accuracy": float(strong[0]),
            f"{size}:mean_strong_test_accuracy": float(strong[1]),
            f"{size}:strong_generalization_gap": float(1 - strong[1] / plain[1]) if plain[1] else 0.0,
        }
    return {**scores, "num_train": sizes, "strong_test_accuracy": by_factor}


_Samples = tuple[Sample, Sample]  # to fit to, to test on


def _plain_and_shift(sampler: Sampler, size: int, num_test: int) -> tuple[_Samples, Callable[[int], _Samples]]:
    """Samples without a shift, and a function that draws those with one for the factor that is learnt.

    With replacement the images of the first are moved, as in the reference code; else others are drawn, each at most once.
    """
    if not sampler.with_replacement:
        return sampler.train_and_test(size, num_test, varied=False), lambda k: _others(sampler, size, num_test, k)
    rows = sampler.draw_rows("num_train", size), sampler.draw_rows("num_test", num_test)
    return (sampler.at(rows[0]), sampler.at(rows[1])), lambda target: _shifted(sampler, *rows, target)


def _fixed(sampler: Sampler, target: int) -> tuple[np.random.Generator, int, int]:
    """A factor that is not `target` and a value of it, and the generator that has drawn them."""
    rng = np.random.default_rng(sampler.seed())
    fixed = int(rng.choice([k for k in range(len(sampler.kept)) if k != target]))
    return rng, fixed, int(rng.integers(sampler.sizes[fixed]))


def _shifted(sampler: Sampler, train: np.ndarray, test: np.ndarray, target: int) -> _Samples:
    """The images with a factor that is not `target` at one value in training and at the others in the test."""
    rng, fixed, value = _fixed(sampler, target)
    size = sampler.sizes[fixed]
    others = (value + rng.integers(1, size, size=len(test))) % size
    return sampler.at(sampler.moved(train, fixed, value)), sampler.at(sampler.moved(test, fixed, others))


def _others(sampler: Sampler, num_train: int, num_test: int, target: int) -> _Samples:
    """Different images with a factor that is not `target` at one value, and different ones with it at the others."""
    _, fixed, value = _fixed(sampler, target)
    lines, size = sampler.num_lines(fixed), sampler.sizes[fixed]
    train = sampler.on_lines(sampler.different(lines, num_train), fixed, value)
    places = sampler.different(lines * (size - 1), num_test)
    test = sampler.on_lines(places // (size - 1), fixed, (value + 1 + places % (size - 1)) % size)
    return sampler.at(train), sampler.at(test)


def _accuracies(
    sampler: Sampler,
    make_classifier: Callable[..., Classifier],
    train: Sample,
    test: Sample,
    target: int | None = None,
) -> tuple[float, float]:
    """Mean accuracy on train and on test over the factors, or of one alone."""
    train, test = standardised(train, test)
    if target is not None:
        train, test = (Sample(each.codes, each.factors[:, [target]]) for each in (train, test))
    models = fit_all(lambda seed: make_classifier(random_state=seed), train, sampler.seed())
    return float(accuracies(models, train).mean()), float(accuracies(models, test).mean())
