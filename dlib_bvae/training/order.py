"""Which images a training step sees: a pure function of seed and step, so that a resumed run sees what it would have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError

Order = Callable[[tf.Tensor], tf.Tensor]


def make_order(data: ImageData, batch_size: int, seed: int) -> Order:
    """Returns step int64 () → image indices int64 (batch_size,).

    Without training weights, or with equal ones, the images are walked epoch by epoch, each in its own pseudo-random order;
    with others every index is drawn by itself. Raises UserError for weights that are none.
    """
    weights = data.training_weights()
    if weights is None:
        return epochs(data.num_images, batch_size, seed)
    weights = np.asarray(weights, np.float64)
    if weights.shape != (data.num_images,) or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
        raise UserError(
            f"the training weights of {data.name} must be {data.num_images} finite numbers >= 0, not all 0; "
            f"got shape {weights.shape}"
        )
    shown = np.flatnonzero(weights)
    if np.ptp(weights[shown]) == 0:
        walk, rows = epochs(len(shown), batch_size, seed), tf.constant(shown)
        return lambda step: tf.gather(rows, walk(step))
    return draws(weights, batch_size, seed)


def epochs(num_images: int, batch_size: int, seed: int) -> Order:
    """Every image once an epoch."""

    def order(step: tf.Tensor) -> tf.Tensor:
        position = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        epoch = tf.cast(position // num_images, tf.int32)
        seeds = tf.stack([tf.fill([batch_size], seed), epoch, tf.zeros_like(epoch)], axis=1)
        # The public index_shuffle pads a batch of seeds along the wrong axis (TensorFlow 2.21), and its 4 rounds leave
        # neighbours together; from 8 rounds on no correlation is left.
        return tf.raw_ops.RandomIndexShuffle(
            index=position % num_images,
            seed=tf.cast(seeds, tf.uint32),
            max_index=tf.constant(num_images - 1, tf.int64),
            rounds=16,
        )

    return order


def draws(weights: np.ndarray, batch_size: int, seed: int) -> Order:
    """Independent indices with probabilities in proportion to `weights`, float64 (images,)."""
    cumulated = np.cumsum(weights)
    edges = tf.constant(cumulated / cumulated[-1])

    def order(step: tf.Tensor) -> tf.Tensor:
        # The key's first number keeps this stream apart from the posterior noise, which is keyed by (seed, step).
        key = tf.stack([tf.constant(~seed & 0xFFFFFFFF, tf.int64), step])
        uniform = tf.random.stateless_uniform([batch_size], key, dtype=tf.float64)
        return tf.searchsorted(edges, uniform, side="right", out_type=tf.int64)

    return order


def labelled(data: ImageData, batch_size: int, seed: int, count: int) -> Order:
    """Epochs over `count` of the images that training shows, chosen by the seed. Raises UserError when it has fewer."""
    weights = data.training_weights()
    shown = np.arange(data.num_images) if weights is None else np.flatnonzero(weights)
    if count > len(shown):
        raise UserError(f"{data.name} has {len(shown)} images to label; got {count}")
    rows = tf.constant(np.random.default_rng(seed).choice(shown, count, replace=False), tf.int64)
    walk = epochs(count, batch_size, seed)
    return lambda step: tf.gather(rows, walk(step))
