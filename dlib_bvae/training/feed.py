"""Images for training: held on the device, gathered by index inside the graph, in an order fixed by seed and step."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.models.objectives import Wants
from dlib_bvae.training.order import Order, labelled, make_order
from dlib_bvae.training.partners import factor_grid, factors_of, make_partners

_NOTHING = Wants()


class Feed:
    """Batches of observations by step number, in the order of dlib_bvae.training.order.

    wants: what the objective needs beside them.
    """

    def __init__(self, data: ImageData, batch_size: int, seed: int, wants: Wants = _NOTHING):
        self.shape = tuple(data.observation_shape)
        self.batch_size = batch_size
        self.indices = make_order(data, batch_size, seed)
        self.scale = 1.0 / data.max_pixel
        packed = data.packed()
        self.bits = packed is not None
        self.rows = tf.constant(_all_images(data) if packed is None else packed)
        self.partners = make_partners(data, wants.partners, seed) if wants.partners else None
        self.second = _second_order(data, batch_size, seed, wants)
        self.grid = factor_grid(data) if wants.labelled else None

    def observations(self, step: tf.Tensor) -> tf.Tensor:
        """int64 () → observations float32 (batch, H, W, C) in [0, 1]; twice as many rows with partners."""
        indices = self.indices(step)
        return self._at(
            indices if self.partners is None else tf.concat([indices, self.partners(indices, step)], axis=0)
        )

    def inputs(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """int64 () → everything that a training step sees: observations, and what was wanted beside them."""
        inputs = {"observations": self.observations(step)}
        if self.second is not None:
            indices = self.second(step)
            inputs["second"] = self._at(indices)
            if self.grid is not None:
                inputs["factors"] = factors_of(indices, self.grid)
        return inputs

    def _at(self, indices: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(self.rows, indices)
        pixels = unpack_bits(rows) if self.bits else tf.cast(rows, tf.float32) * self.scale
        return tf.reshape(pixels, [indices.shape[0], *self.shape])


def _second_order(data: ImageData, batch_size: int, seed: int, wants: Wants) -> Order | None:
    other = zlib.crc32(f"second batch of {seed}".encode()) & 0x7FFFFFFF
    if wants.labelled:
        return labelled(data, batch_size, other, wants.labelled)
    return make_order(data, batch_size, other) if wants.independent else None


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
