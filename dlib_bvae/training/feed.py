"""Images for training: held on the device, gathered by index inside the graph, in an order fixed by seed and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.ground_truth import GroundTruthData


class Feed:
    """Batches of observations by step number.

    The data are walked epoch by epoch, each in its own pseudo-random order; the position follows from the step alone, so
    that a resumed run sees what an uninterrupted one would.
    """

    def __init__(self, data: GroundTruthData, batch_size: int, seed: int):
        self.shape = tuple(data.observation_shape)
        self.num_images, self.batch_size, self.seed = data.num_images, batch_size, seed
        self.scale = 1.0 / data.max_pixel
        packed = data.packed()
        self.bits = packed is not None
        self.rows = tf.constant(_all_images(data) if packed is None else packed)

    def indices(self, step: tf.Tensor) -> tf.Tensor:
        """int64 () → grid indices int64 (batch,)."""
        position = step * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        epoch = tf.cast(position // self.num_images, tf.int32)
        seeds = tf.stack([tf.fill([self.batch_size], self.seed), epoch, tf.zeros_like(epoch)], axis=1)
        # The public index_shuffle pads a batch of seeds along the wrong axis (TensorFlow 2.21), and its 4 rounds leave
        # neighbours together; from 8 rounds on no correlation is left.
        return tf.raw_ops.RandomIndexShuffle(
            index=position % self.num_images,
            seed=tf.cast(seeds, tf.uint32),
            max_index=tf.constant(self.num_images - 1, tf.int64),
            rounds=16,
        )

    def observations(self, step: tf.Tensor) -> tf.Tensor:
        """int64 () → observations float32 (batch, H, W, C) in [0, 1]."""
        rows = tf.gather(self.rows, self.indices(step))
        pixels = unpack_bits(rows) if self.bits else tf.cast(rows, tf.float32) * self.scale
        return tf.reshape(pixels, [self.batch_size, *self.shape])


def unpack_bits(rows: tf.Tensor) -> tf.Tensor:
    """uint8 (batch, bytes), np.packbits order → float32 (batch, 8 · bytes), values 0/1."""
    # A table row a byte is one copy; shifting and masking would be three passes over the pixels.
    table = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    bits = tf.gather(tf.constant(table), tf.cast(rows, tf.int32))
    return tf.reshape(bits, [rows.shape[0], 8 * rows.shape[1]])


def _all_images(data: Any, batch: int = 4096) -> np.ndarray:
    """The whole grid as uint8 (images, H, W, C)."""
    images = np.empty((data.num_images, *data.observation_shape), np.uint8)
    for start in range(0, data.num_images, batch):
        rows = np.arange(start, min(start + batch, data.num_images))
        images[rows] = data.images_at(rows)
    return images
