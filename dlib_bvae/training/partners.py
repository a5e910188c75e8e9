"""Partners for weak supervision: for every image another that differs in a few factors, a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.ground_truth import grid_strides
from dlib_bvae.errors import UserError

_STREAM = 0x70616972  # keeps this stream apart from noise and order, which are keyed by (seed, step) as well


def factor_grid(data: Any) -> tuple[int, ...]:
    """The number of values of each factor. Raises UserError when `data` has no factors, or several images of one cell."""
    sizes = getattr(data, "factor_sizes", None)
    if sizes is None:
        raise UserError(f"this method needs the factors of its images, which {data.name} does not know; take another")
    if data.images_per_cell != 1:
        raise UserError(
            f"this method needs one image for every combination of factors; {data.name} has {data.images_per_cell}"
        )
    return tuple(int(size) for size in sizes)


def factors_of(indices: tf.Tensor, sizes: tuple[int, ...]) -> tf.Tensor:
    """Grid indices int64 (n,) → factor values int64 (n, factors)."""
    return indices[:, None] // grid_strides(sizes) % np.array(sizes, np.int64)


def make_partners(data: Any, changed: int, seed: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns (indices int64 (n,), step int64 ()) → the partners' indices int64 (n,).

    A partner differs in exactly `changed` factors, or for -1 in a number uniform in 1 … factors - 1 (Locatello et al. 2020);
    which ones and their new values are uniform. Factors of one value never change. Raises UserError when the data set has
    too few factors, or shows only a part of its grid.
    """
    sizes = factor_grid(data)
    free = [i for i, size in enumerate(sizes) if size > 1]
    if data.training_weights() is not None:
        raise UserError(
            f"pairs of images need the whole grid, of which {data.name} shows a part; take another data set"
        )
    if not (changed == -1 or 1 <= changed <= len(free)) or len(free) < 2:
        raise UserError(
            f"pairs must differ in 1 … {len(free)} factors of {data.name}, or -1 for any number; got {changed}"
        )
    values, strides = (np.asarray(x, np.int64)[free] for x in (sizes, grid_strides(sizes)))

    def partners(indices: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        key = tf.random.experimental.stateless_fold_in(tf.stack([tf.constant(seed, tf.int64), step]), _STREAM)
        keys = tf.random.split(key, 3)
        count = indices.shape[0]
        if changed == -1:
            number = tf.random.stateless_uniform([count, 1], keys[0], 1, len(free), tf.int64)
        else:
            number = tf.constant(changed, tf.int64)
        order = tf.argsort(tf.random.stateless_uniform([count, len(free)], keys[1], dtype=tf.float64), axis=1)
        chosen = tf.cast(tf.argsort(order, axis=1), tf.int64) < number
        # A shift of 1 … size - 1 is every other value with equal probability.
        uniform = tf.random.stateless_uniform([count, len(free)], keys[2], dtype=tf.float64)
        shift = 1 + tf.cast(uniform * (values - 1.0), tf.int64)
        old = indices[:, None] // strides % values
        moved = (tf.where(chosen, (old + shift) % values, old) - old) * strides
        return indices + tf.reduce_sum(moved, axis=1)

    return partners
