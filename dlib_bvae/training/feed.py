"""Images for training: held on the device, gathered by index inside the graph, in an order fixed by seed and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.training.order import make_order


class Feed:
    """Batches of observations by step number, in the order of dlib_bvae.training.order."""

    def __init__(self, data: ImageData, batch_size: int, seed: int):
        self.shape = tuple(data.observation_shape)
        self.batch_size = batch_size
        self.indices = make_order(data, batch_size, seed)
        self.scale = 1.0 / data.max_pixel
        packed = data.packed()
        self.bits = packed is not None
        self.rows = tf.constant(_all_images(data) if packed is None else packed)

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
