"""The kernel distance between features: an unbiased estimate of the squared MMD (Bińkowski et al. 2018)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.tfgan import classifier_metrics, no_advice


def kernel_distance(
    first: np.ndarray, second: np.ndarray, random_state: np.random.RandomState, subsets: int = 100, size: int = 1000
) -> tuple[float, float]:
    """Mean and standard deviation over `subsets` random subsets of `size` images each, of the kernel (x·y/d + 1)³.

    first, second: features (n, d), (m, d). Each subset's value is tensorflow_gan's, in one block and in float64; being
    unbiased, it may be negative. Subsets are as large as the smaller side where that has fewer than `size`.
    Raises UserError for fewer than two images.
    """
    size = min(size, len(first), len(second))
    if size < 2:
        raise UserError(f"a kernel distance needs at least two images on each side; got {len(first)} and {len(second)}")
    distance = tf.function(
        lambda one, two: classifier_metrics().kernel_classifier_distance_from_activations(
            one, two, max_block_size=size
        ),
        autograph=False,
    )
    values = []
    for _ in range(subsets):
        chosen = (side[random_state.permutation(len(side))[:size]] for side in (first, second))
        with no_advice():
            values.append(float(distance(*(tf.constant(rows, tf.float64) for rows in chosen))))
    return float(np.mean(values)), float(np.std(values))
