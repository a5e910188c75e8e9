"""The Fréchet distance between Gaussians fitted to features (Heusel et al. 2017), and its limit for many images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.moments import Moments
from dlib_bvae.image_quality.tfgan import classifier_metrics

# Of the covariances' common scale; tensorflow_gan leaves eigenvalues below 1e-10 as they are instead of taking their root.
_SCALE = 1e10


def frechet_distance(first: Moments, second: Moments) -> float:
    """|μ₁ - μ₂|² + Tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), with tensorflow_gan's trace of the root and unbiased covariances.

    Never negative; rank-deficient covariances are as good as others. Raises UserError for fewer than two images.
    """
    away = first.mean - second.mean
    one, two = first.covariance, second.covariance
    return max(0.0, float(away @ away + np.trace(one) + np.trace(two) - 2 * _trace_root(one, two)))


def _trace_root(one: np.ndarray, two: np.ndarray) -> float:
    """Tr((Σ₁ Σ₂)^½). Both are scaled first (the trace scales with them), so that the cut at 1e-10 lies below rounding."""
    sizes = float(np.abs(one).max()), float(np.abs(two).max())
    if min(sizes) == 0.0:
        return 0.0
    scaled = (tf.constant(each * (_SCALE / size), tf.float64) for each, size in zip((one, two), sizes, strict=True))
    root = classifier_metrics().trace_sqrt_product(*scaled)
    return float(root) / _SCALE * float(np.sqrt(sizes[0] * sizes[1]))


class Infinity(NamedTuple):
    """distance: the intercept; slope: of the distance over 1 / images; sizes and distances: the points of the line."""

    distance: float
    slope: float
    sizes: list[int]
    distances: list[float]


def frechet_infinity(
    reference: Moments, features: np.ndarray, random_state: np.random.RandomState, smallest: int, points: int = 15
) -> Infinity:
    """The Fréchet distance for infinitely many images: the line of distances over 1/N at N → ∞ (Chong & Forsyth 2020).

    features: (n, features), of the images that are compared with `reference`; `points` sizes between `smallest` and n are
    drawn from them without replacement. Raises UserError when smallest is not between 2 and n.
    """
    if not 2 <= smallest < len(features):
        raise UserError(f"the smallest size must be in 2 … {len(features) - 1}; got {smallest}")
    sizes = np.linspace(smallest, len(features), points).astype(int)
    distances = [
        frechet_distance(reference, Moments.of(features[random_state.permutation(len(features))[:size]]))
        for size in sizes
    ]
    slope, intercept = np.polyfit(1 / sizes, distances, 1)
    return Infinity(float(intercept), float(slope), sizes.tolist(), distances)


def bias_warning(num_features: int, count: int) -> str | None:
    """What to say of `count` images a side where they are no more than the features; None where they are more."""
    if count > num_features:
        return None
    bias = expected_bias(num_features, count, count)
    return (
        f"{count} images a side are no more than the {num_features} features; of {num_features} independent features of "
        f"variance 1, the Fréchet distance of two equal sides would be {bias:,.0f} instead of 0: compare at equal numbers only"
    )


def expected_bias(num_features: int, first: int, second: int) -> float:
    """What the distance of two samples of one isotropic Gaussian of variance 1 is on average, to first order in 1/N."""
    return (1 / first + 1 / second) * (num_features + num_features * (num_features + 1) / 4)
