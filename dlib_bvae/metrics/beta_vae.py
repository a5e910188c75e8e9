"""The β-VAE metric of Higgins et al. 2017: can a classifier tell which factor two batches of images agree on?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import as_rng, draw, grid_strides
from dlib_bvae.errors import NotApplicable, UserError, check_whole, unknown
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.codes import CodeSource
from dlib_bvae.metrics.facts import UNIT
from dlib_bvae.metrics.sampling import factor_names

SCORES = {"train_accuracy": UNIT, "eval_accuracy": UNIT}

_CHUNK_PAIRS = 65_536


@gin.configurable(denylist=["data", "codes", "random_state"])
def beta_vae(
    data: Any,
    codes: Any,
    random_state: Any,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    factors: Sequence[str] | None = None,
    classifier: str = "logistic_regression",
) -> dict[str, Any]:
    """Accuracy of a classifier that sees mean |z1 − z2| over pairs of images which agree on one factor, and names it.

    disentanglement_lib's beta_vae_sklearn and Algorithm 1 of the [Re] β-VAE report. A point: draw a factor uniformly
    among `factors`, then `batch_size` (L) pairs of uniform factor vectors, the second with the first's value of that
    factor; the feature is the mean absolute difference of their codes, (latents,).

    data, codes, random_state: see dlib_bvae.metrics.score. num_train, num_eval: points to fit and to score on.
    factors: names that may be asked for (None: all with more than one value); the others still vary. classifier: a name
    of the classifiers' registry. Returns train_accuracy and eval_accuracy in [0, 1], the latter also per factor, and
    classifier_converged. Unlike the reference code the logistic regression is run until it converges.
    Raises UserError for unknown names and numbers out of range.
    """
    source = CodeSource(data, codes)
    source.check_full_grid("beta_vae")
    asked = _asked(data, factors)
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("num_train", num_train, len(asked)),
        ("num_eval", num_eval, 1),
    ):
        check_whole(f"beta_vae.{name}", value, least)
    make_classifier = CLASSIFIERS.get(classifier)
    rng = as_rng(random_state)
    train_seed, eval_seed, model_seed = (int(seed) for seed in draw(rng, 2**31 - 1, 3))
    train_x, train_y = points(source, asked, num_train, batch_size, train_seed)
    if len(np.unique(train_y)) < 2:
        raise UserError(f"beta_vae.num_train = {num_train} points ask for one factor only by chance; use more")
    eval_x, eval_y = points(source, asked, num_eval, batch_size, eval_seed)
    model = make_classifier(random_state=model_seed)
    converged = _fit(model, train_x, train_y)
    predicted = model.predict(eval_x)
    names = factor_names(data)
    return {
        "train_accuracy": float(np.mean(model.predict(train_x) == train_y)),
        "eval_accuracy": float(np.mean(predicted == eval_y)),
        "eval_accuracy_per_factor": {
            names[k]: float(np.mean(predicted[eval_y == k] == k)) for k in asked if (eval_y == k).any()
        },
        "classifier_converged": converged,
    }


def points(
    source: CodeSource, asked: Sequence[int], num: int, batch_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features float64 (num, latents) and labels int64 (num,), the index of the factor that each point's pairs share."""
    rng, images = np.random.default_rng(seed), np.random.RandomState(seed)
    labels = np.asarray(asked)[rng.integers(len(asked), size=num)]
    strides, sizes = grid_strides(source.sizes), np.asarray(source.sizes)
    features = []
    step = max(1, source.at_once(_CHUNK_PAIRS) // batch_size)
    for start in range(0, num, step):
        label = labels[start : start + step, None]
        first, second = rng.integers(source.num_images, size=(2, len(label), batch_size))
        stride, size = strides[label], sizes[label]
        # Moves the second image along the shared factor to the first's value.
        second += (first // stride % size - second // stride % size) * stride
        codes = [source.at(rows.ravel(), images) for rows in (first, second)]
        difference = np.abs(codes[0] - codes[1]).reshape(len(label), batch_size, -1)
        features.append(difference.mean(axis=1))
    return np.concatenate(features), labels


def _fit(model: Any, features: np.ndarray, labels: np.ndarray) -> bool:
    """Fits `model`; returns whether it converged. Only the warning that it did not is kept back: the result tells it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(features, labels)
    others = [w for w in caught if "ConvergenceWarning" not in w.category.__name__]
    for other in others:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return len(others) == len(caught)


def _asked(data: Any, factors: Sequence[str] | None) -> list[int]:
    """Indices of the factors that may be asked for."""
    sizes = list(data.factors_num_values)
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
