"""The β-VAE metric of Higgins et al. 2017: does a classifier name the factor that two batches of images share?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw, grid_strides
from dlib_bvae.errors import NotApplicable, UserError, check_integer, unknown
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, MOST_IN_BATCH, check_codes_fit
from dlib_bvae.metrics.engine.codes import CodeReader, Codes, MetricData, factor_sizes
from dlib_bvae.metrics.engine.probes import Classifier
from dlib_bvae.metrics.engine.sampling import factor_names
from dlib_bvae.metrics.score_info import MODULAR, UNIT, About, Matrix, Result, Sampling, Validity
from dlib_bvae.runtime import interruptible

SCORES = {"train_accuracy": UNIT, "eval_accuracy": UNIT}
MATRICES = {
    "confusion": Matrix(
        "factor",
        "factor",
        "share of the points of the true factor",
        shares=True,
        row_label="true factor",
        column_label="predicted factor",
    )
}
SAMPLING = Sampling(images=("num_train", "num_eval", "batch_size"))
ABOUT = {
    "beta_vae": About(
        "whether a classifier names the factor that two batches share; chance level 1/factors",
        ("eval_accuracy",),
        ("batch_size", "classifier", "factors"),
        "Higgins et al. 2017",
        "seconds",
        defects="Chance is 1/factors, 0.20 on dSprites, not 0. PCA comes near to a trained β-VAE. A factor in several "
        "codes costs nothing. On a small grid noise may be above 1/factors, as training and test points are "
        "of the same images.",
    )
}
VALIDITY = {
    "beta_vae": Validity(
        {"eval_accuracy": MODULAR},
        "Pairwise linear mixtures, eight random mixtures of all factors and squares that lost their sign score "
        "1.00 as aligned codes do, so a high score is no evidence of a code a factor. Four factors of which two "
        "have no code still score 0.77, and without a full grid of factors it has no value.",
    ),
}

_CHUNK_PAIRS = 65_536
Points = tuple[np.ndarray, np.ndarray]  # features float64 (points, latents), labels int64 (points,)
# On matrices as narrow as codes a second thread within the products costs more time than it saves.
_NARROW = ("linear", "logistic_regression", "logistic_regression_cv")


@gin.configurable(denylist=["data", "codes", "random_state"])
def beta_vae(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    factors: Sequence[str] | None = None,
    classifier: str = "logistic_regression",
) -> Result:
    """Accuracy of a classifier that sees mean |z1 − z2| over pairs of images which agree on one factor, and names it.

    disentanglement_lib's beta_vae_sklearn and Algorithm 1 of the [Re] β-VAE report. A point: draw a factor uniformly
    among `factors`, then `batch_size` (L) pairs of uniform factor vectors, the second with the first's value of that
    factor; the feature is the mean absolute difference of their codes, (latents,).

    data, codes, random_state: see dlib_bvae.metrics.score. num_train, num_eval: points to fit and to score on.
    factors: names that may be asked for (None: all with more than one value); the others still vary. classifier: a name
    of the classifiers' registry. Returns train_accuracy and eval_accuracy in [0, 1], the latter also per factor,
    classifier_converged and confusion (shared factors × named factors, of those that vary, counts of the num_eval points).
    Unlike the reference code the logistic regression is run until it converges.
    Raises UserError for unknown names and numbers out of range.
    """
    source = CodeReader(data, codes)
    source.check_full_grid("beta_vae")
    asked = asked_factors(data, factors)
    for name, value, least, most in (
        ("batch_size", batch_size, 1, MOST_IN_BATCH),
        ("num_train", num_train, len(asked), MOST_IMAGES),
        ("num_eval", num_eval, 1, MOST_IMAGES),
    ):
        check_integer(f"beta_vae.{name}", value, least, most)
    CLASSIFIERS.get(classifier)
    rng = as_rng(random_state)
    train_seed, eval_seed, model_seed = (int(seed) for seed in draw(rng, 2**31 - 1, 3))
    train = points(source, asked, num_train, batch_size, train_seed)
    if len(np.unique(train[1])) < 2:
        raise UserError(f"beta_vae.num_train = {num_train} points ask for one factor only by chance; use more")
    evaluated = points(source, asked, num_eval, batch_size, eval_seed)
    scores, named = fit_and_score(classifier, train, evaluated, model_seed, factor_names(data))
    return {**scores, "confusion": confusion(evaluated[1], named, source.sizes).tolist()}


def fit_and_score(
    classifier: str, train: Points, evaluated: Points, seed: int, names: Sequence[str]
) -> tuple[Result, np.ndarray]:
    """The metric's scores by the classifier of that name, fitted to `train`, and the factors that it named in `evaluated`.

    names: of all factors.
    """
    from threadpoolctl import threadpool_limits

    (train_x, train_y), (eval_x, eval_y) = train, evaluated
    model = CLASSIFIERS.get(classifier)(random_state=seed)
    with threadpool_limits(1 if classifier in _NARROW else None):
        converged = _fit(model, train_x, train_y)
        predicted = model.predict(eval_x)
        train_accuracy = float(np.mean(model.predict(train_x) == train_y))
    scores: Result = {
        "train_accuracy": train_accuracy,
        "eval_accuracy": float(np.mean(predicted == eval_y)),
        "eval_accuracy_per_factor": {
            names[k]: float(np.mean(predicted[eval_y == k] == k)) for k in np.unique(eval_y).tolist()
        },
        "classifier_converged": converged,
    }
    return scores, predicted


def confusion(shared: np.ndarray, named: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Indices of factors, (points,) each, and the number of values of all → counts, int64, of the factors that vary."""
    counts = np.zeros((len(sizes), len(sizes)), np.int64)
    np.add.at(counts, (shared, named), 1)
    varying = np.flatnonzero(np.asarray(sizes) > 1)
    return counts[np.ix_(varying, varying)]


def points(source: CodeReader, asked: Sequence[int], num: int, batch_size: int, seed: int) -> Points:
    """Features float64 (num, latents) and labels int64 (num,), the index of the factor that each point's pairs share."""
    features, labels = points_of_sizes(source, asked, num, [batch_size], seed)
    return features[batch_size], labels


def points_of_sizes(
    source: CodeReader, asked: Sequence[int], num: int, batch_sizes: Sequence[int], seed: int
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """`points` of each size L, {L: features}, and their common labels: those of L take a point's first L pairs.

    The pairs of a point are independent, so that each size has its points as the metric defines them; the largest has
    the very points that it would have alone.
    """
    check_codes_fit(num * len(batch_sizes), source.latents or 1)
    rng, images = np.random.default_rng(seed), np.random.RandomState(seed)
    labels = np.asarray(asked)[rng.integers(len(asked), size=num)]
    strides, sizes = grid_strides(source.sizes), np.asarray(source.sizes)
    features: dict[int, list[np.ndarray]] = {size: [] for size in batch_sizes}
    largest = max(batch_sizes)
    step = max(1, source.at_once(_CHUNK_PAIRS) // largest)
    for start in range(0, num, step):
        label = labels[start : start + step, None]
        first, second = rng.integers(source.num_images, size=(2, len(label), largest))
        stride, size = strides[label], sizes[label]
        # Moves the second image along the shared factor to the first's value.
        second += (first // stride % size - second // stride % size) * stride
        for difference, other in zip(source.batches_at(first, images), source.batches_at(second, images), strict=True):
            np.abs(np.subtract(difference, other, out=difference), out=difference)
            for each, parts in features.items():
                parts.append(difference[:, :each].mean(axis=1))
    return {each: np.concatenate(parts) for each, parts in features.items()}, labels


def _fit(model: Classifier, features: np.ndarray, labels: np.ndarray) -> bool:
    """Fits `model`; returns whether it converged. Only the warning that it did not is suppressed: the result says it."""
    with interruptible(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(features, labels)
    others = [w for w in caught if "ConvergenceWarning" not in w.category.__name__]
    for other in others:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return len(others) == len(caught)


def asked_factors(data: MetricData, factors: Sequence[str] | None) -> list[int]:
    """Indices of the factors that may be asked for."""
    sizes = factor_sizes(data)
    names = factor_names(data)
    if factors is None:
        asked = [k for k, size in enumerate(sizes) if size > 1]
    else:
        if isinstance(factors, str) or not isinstance(factors, Sequence):
            raise UserError(f"beta_vae.factors must be a list of factor names, or None for all; got {factors!r}")
        for factor in factors:
            if factor not in names:
                raise unknown("factor", str(factor), names)
        asked = sorted({names.index(factor) for factor in factors})
        for k in asked:
            if sizes[k] < 2:
                raise UserError(f"beta_vae cannot ask for {names[k]!r}: it has one value only; leave it out of factors")
    if len(asked) < 2:
        raise NotApplicable(f"beta_vae needs at least two factors to tell apart; got {[names[k] for k in asked]}")
    return asked
