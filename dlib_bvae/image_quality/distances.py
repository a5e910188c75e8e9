"""Distances between the features of two sides of images: Fréchet, its limit for many images, kernel, nearest neighbours.

Features are (images, features); two matrices of moments or of features give one number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.tfgan import classifier_metrics, no_advice

# Of the covariances' common scale; tensorflow_gan leaves eigenvalues below 1e-10 as they are instead of taking their root.
_SCALE = 1e10


class Moments:
    """Mean and scatter of `count` rows of features, updated a batch at a time (Chan, Golub & LeVeque 1983).

    The memory is that of one matrix (features, features), whatever the number of rows.
    """

    def __init__(self, num_features: int):
        self.count = 0
        self.mean = np.zeros(num_features)
        self._scatter = np.zeros((num_features, num_features))

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """The moments of features (n, features)."""
        features = np.asarray(features)
        moments = cls(features.shape[1])
        moments.add(features)
        return moments

    def add(self, features: np.ndarray) -> None:
        """Takes a batch (n, features) in. Raises UserError for NaN or infinite features."""
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise ValueError(f"features must be (n, {len(self.mean)}), not {rows.shape}")
        if not np.isfinite(rows).all():
            raise UserError("features of images are NaN or infinite; look at the images that the model gives")
        if not len(rows):
            return
        mean, total = rows.mean(axis=0), self.count + len(rows)
        centred, away = rows - mean, mean - self.mean
        self._scatter += centred.T @ centred + np.outer(away, away) * (self.count * len(rows) / total)
        self.mean = self.mean + away * (len(rows) / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (features, features). Raises UserError for fewer than two rows."""
        if self.count < 2:
            raise UserError(f"a covariance needs at least two images; got {self.count}")
        return self._scatter / (self.count - 1)


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
    reference: Moments, features: np.ndarray, random_state: np.random.RandomState, smallest: int, points: int
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
    """What to say of `count` images per side where they are no more than the features; None where they are more."""
    if count > num_features:
        return None
    bias = expected_bias(num_features, count, count)
    shown = f"{bias:,.0f}" if bias >= 100 else f"{bias:.3g}"
    return (
        f"{count} images per side are no more than the {num_features} features; of {num_features} independent features of "
        f"variance 1, the Fréchet distance of two equal sides would be {shown} instead of 0: compare at equal numbers only"
    )


def expected_bias(num_features: int, first: int, second: int) -> float:
    """What the distance of two samples of one isotropic Gaussian of variance 1 is on average, to first order in 1/N."""
    return (1 / first + 1 / second) * (num_features + num_features * (num_features + 1) / 4)


class Kernel(NamedTuple):
    """A kernel distance: the mean and standard deviation over subsets of subset_size images of each side.

    std is None where there is one subset only, or where every subset is all images, so that it would be rounding.
    """

    distance: float
    std: float | None
    subset_size: int


def kernel_distance(
    first: np.ndarray,
    second: np.ndarray,
    random_state: np.random.RandomState,
    subsets: int,
    size: int,
    paired: bool = False,
) -> Kernel:
    """Mean and standard deviation over `subsets` random subsets of `size` images each, of the kernel (x·y/d + 1)³.

    first, second: features (n, d), (m, d). Each subset's value is tensorflow_gan's, in one block and in float64; being
    unbiased, it may be negative. Subsets are as large as the smaller side where that has fewer than `size`. paired: row i of
    both sides is of one image, as an image and its reconstruction; the subsets of the two sides have no image in common
    then, and at most half of them all, as pairs would make the distance too low.
    Raises UserError for fewer than two images, or four that are paired.
    """
    least = min(len(first), len(second)) // (2 if paired else 1)
    size = min(size, least)
    if size < 2:
        needed = "four images, half of them for each side" if paired else "two images on each side"
        raise UserError(f"a kernel distance needs at least {needed}; got {len(first)} and {len(second)}")
    whole = not paired and len(first) == len(second) == size
    values = []
    for _ in range(1 if whole else subsets):
        order = random_state.permutation(len(first))
        rows = order[:size], order[size : 2 * size] if paired else random_state.permutation(len(second))[:size]
        chosen = (side[each] for side, each in zip((first, second), rows, strict=True))
        with no_advice():
            values.append(float(_kernel_of(size)(*(tf.constant(rows, tf.float64) for rows in chosen))))
    return Kernel(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None, size)


@functools.cache
def _kernel_of(size: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The kernel distance of two sides of `size` images, traced once for features of one width."""
    kernel = lambda one, two: classifier_metrics().kernel_classifier_distance_from_activations(
        one, two, max_block_size=size
    )
    return tf.function(kernel, autograph=False)


def manifold_scores(reference: np.ndarray, features: np.ndarray, neighbours: int) -> dict[str, float]:
    """{precision, recall, density, coverage} of `features` (m, d) against `reference` (n, d).

    A ball around an image reaches to its `neighbours`-th nearest other image of its own side; being inside is strict.
    precision: share of the features inside some ball of the reference; recall: the other way round. density: mean
    number of the reference's balls around a feature, over neighbours (may pass 1); coverage: share of the reference's balls
    that hold a feature. Raises UserError when a side has too few images.
    """
    from sklearn.metrics import pairwise_distances_chunked

    if min(len(reference), len(features)) <= neighbours:
        raise UserError(
            f"{neighbours} neighbours need more than {neighbours} images on each side; got {len(reference)} and {len(features)}"
        )
    radii, other_radii = _radii(reference, neighbours), _radii(features, neighbours)
    inside_reference = np.zeros(len(features))
    inside_features, covered, start = [], [], 0
    for block in pairwise_distances_chunked(reference, features):
        inside = block < radii[start : start + len(block), None]
        inside_reference += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        inside_features.append((block < other_radii[None, :]).any(axis=1))
        start += len(block)
    return {
        "precision": float((inside_reference > 0).mean()),
        "recall": float(np.concatenate(inside_features).mean()),
        "density": float(inside_reference.mean() / neighbours),
        "coverage": float(np.concatenate(covered).mean()),
    }


def _radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """(n,): the distance to the `neighbours`-th nearest other row."""
    from sklearn.metrics import pairwise_distances_chunked

    # An image is its own nearest: one more is asked for.
    reduce = lambda block, start: np.partition(block, neighbours, axis=1)[:, neighbours]
    return np.concatenate(list(pairwise_distances_chunked(features, reduce_func=reduce)))
