"""Images for training, by step number: gathered from memory inside the graph, or streamed from where they lie."""

from __future__ import annotations

import math
from typing import Protocol

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import check_whole
from dlib_bvae.training.order import make_order

_AHEAD = 4  # batches read before they are asked for
_BLOCK = 4096


class Feed(Protocol):
    """Batches of observations, which follow from seed and step alone."""

    batch_size: int

    def start(self, step: int, total: int) -> None:
        """Makes ready to be asked for the steps from `step` to `total` - 1, in this order; once, before the graph is made."""

    def observations(self, step: tf.Tensor) -> tf.Tensor:
        """int64 () → observations float32 (batch, H, W, C) in [0, 1]; inside a graph."""


@gin.configurable("feed", denylist=["data", "batch_size", "seed"])
def make_feed(data: ImageData, batch_size: int, seed: int, max_mib: int = 4096) -> Feed:
    """A MemoryFeed when all of `data` takes at most `max_mib` MiB as uint8 (or bit-packed), else a StreamFeed."""
    check_whole("feed.max_mib", max_mib, 0)
    packed = data.packed()
    size = data.num_images * math.prod(data.observation_shape) if packed is None else packed.nbytes
    return MemoryFeed(data, batch_size, seed) if size <= max_mib * 2**20 else StreamFeed(data, batch_size, seed)


class MemoryFeed:
    """The whole data set on the device as uint8 or packed bits; a batch is one gather inside the graph."""

    def __init__(self, data: ImageData, batch_size: int, seed: int):
        self.shape = tuple(data.observation_shape)
        self.batch_size = batch_size
        self.indices = make_order(data, batch_size, seed)
        self.scale = 1.0 / data.max_pixel
        packed = data.packed()
        self.bits = packed is not None
        self.rows = tf.constant(_all_images(data) if packed is None else packed)

    def start(self, step: int, total: int) -> None:
        """Nothing has to be made ready."""

    def observations(self, step: tf.Tensor) -> tf.Tensor:
        """int64 () → observations float32 (batch, H, W, C) in [0, 1]."""
        rows = tf.gather(self.rows, self.indices(step))
        pixels = unpack_bits(rows) if self.bits else tf.cast(rows, tf.float32) * self.scale
        return tf.reshape(pixels, [self.batch_size, *self.shape])


class StreamFeed:
    """Images read or drawn by the data set, a few batches ahead of training, in another thread."""

    def __init__(self, data: ImageData, batch_size: int, seed: int):
        self.shape = tuple(data.observation_shape)
        self.batch_size = batch_size
        self.scale = 1.0 / data.max_pixel
        self._data, self._order = data, make_order(data, batch_size, seed)

    def start(self, step: int, total: int) -> None:
        """Begins to read ahead from `step` on."""
        steps = tf.data.Dataset.range(step, max(total, step + 1))
        self._batches = iter(steps.map(self._images, num_parallel_calls=1).prefetch(_AHEAD))

    def observations(self, step: tf.Tensor) -> tf.Tensor:
        """int64 (), one more at every call → observations float32 (batch, H, W, C) in [0, 1]."""
        del step  # the stream counts for itself
        return tf.cast(next(self._batches), tf.float32) * self.scale

    def _images(self, step: tf.Tensor) -> tf.Tensor:
        images = tf.numpy_function(self._data.images_at, [self._order(step)], tf.uint8)
        return tf.ensure_shape(images, [self.batch_size, *self.shape])


def unpack_bits(rows: tf.Tensor) -> tf.Tensor:
    """uint8 (batch, bytes), np.packbits order → float32 (batch, 8 · bytes), values 0/1."""
    # A table row a byte is one copy; shifting and masking would be three passes over the pixels.
    table = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    bits = tf.gather(tf.constant(table), tf.cast(rows, tf.int32))
    return tf.reshape(bits, [rows.shape[0], 8 * rows.shape[1]])


def _all_images(data: ImageData) -> np.ndarray:
    """The whole set as uint8 (images, H, W, C)."""
    images = np.empty((data.num_images, *data.observation_shape), np.uint8)
    for start in range(0, data.num_images, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, data.num_images))
        images[rows] = data.images_at(rows)
    return images
