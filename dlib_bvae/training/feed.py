"""What training steps see, by step number: gathered from memory inside the graph, or streamed from where it lies."""

from __future__ import annotations

import abc
import math
import threading

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import check_integer
from dlib_bvae.registry import configurable
from dlib_bvae.training.plan import Plan

_AHEAD = 4  # steps read before they are asked for
_BLOCK = 4096


class Feed(abc.ABC):
    """The inputs of training steps, which follow from seed and step alone (see Plan).

    error: what the data set raised while images were read; TensorFlow passes on its text only.
    """

    error: Exception | None = None

    def __init__(self, data: ImageData, plan: Plan):
        self.shape = tuple(data.observation_shape)
        self.batch_size, self.plan = plan.batch_size, plan
        self.scale = 1.0 / data.max_pixel

    @abc.abstractmethod
    def start(self, step: int, total: int) -> None:
        """Makes ready to be asked for the steps from `step` to `total` - 1, in this order; before the graph is made."""

    @abc.abstractmethod
    def inputs(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """int64 () → everything that a training step sees, inside a graph: observations float32 (n, H, W, C) in [0, 1],
        and what the objective wants in addition to them.
        """

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """The shapes of `inputs`."""
        counts = self.plan.counts.items()
        return {name: tf.TensorSpec([n, *self.shape], tf.float32) for name, n in counts} | self.plan.label_specs


@configurable("feed", denylist=["data", "plan", "shared"], execution=["max_mib"])
def make_feed(data: ImageData, plan: Plan, max_mib: int = 4096, shared: Feed | None = None) -> Feed:
    """A MemoryFeed when all of `data` takes at most `max_mib` MiB as uint8 (or bit-packed), else a StreamFeed; so are drawn ones.

    shared: another feed of the same `data`; the new one is of its kind and holds no images of its own.
    """
    check_integer("feed.max_mib", max_mib, 0)
    if isinstance(shared, StreamFeed):
        return StreamFeed(data, plan, shared)
    if isinstance(shared, MemoryFeed):
        return MemoryFeed(data, plan, shared)
    if data.drawn:
        return StreamFeed(data, plan)
    packed = data.packed()
    size = data.num_images * math.prod(data.observation_shape) if packed is None else packed.nbytes
    return MemoryFeed(data, plan) if size <= max_mib * 2**20 else StreamFeed(data, plan)


class MemoryFeed(Feed):
    """The whole data set on the device as uint8 or packed bits; a batch is one gather inside the graph."""

    def __init__(self, data: ImageData, plan: Plan, shared: MemoryFeed | None = None):
        super().__init__(data, plan)
        packed = data.packed()
        self._bits = packed is not None
        self._rows: tf.Tensor = _in_memory(data, packed) if shared is None else shared._rows

    def start(self, step: int, total: int) -> None:
        """Nothing has to be made ready."""

    def inputs(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """See Feed."""
        indices = self.plan.indices(step)
        return {name: self._at(rows) for name, rows in indices.items()} | self.plan.labels(indices)

    def _at(self, indices: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(self._rows, indices)
        pixels = unpack_bits(rows) if self._bits else tf.cast(rows, tf.float32) * self.scale
        return tf.reshape(pixels, [indices.shape[0], *self.shape])


class StreamFeed(Feed):
    """Images read or drawn by the data set, a few batches ahead of training, in another thread."""

    def __init__(self, data: ImageData, plan: Plan, shared: StreamFeed | None = None):
        super().__init__(data, plan)
        self._data = data
        self._one_at_a_time: threading.Lock = threading.Lock() if shared is None else shared._one_at_a_time

    def start(self, step: int, total: int) -> None:
        """Begins to read ahead from `step` on."""
        steps = tf.data.Dataset.range(step, max(total, step + 1))
        self._steps = iter(steps.map(self._read, num_parallel_calls=1).prefetch(_AHEAD))

    def inputs(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """See Feed; `step` is one more at every call, as the stream counts for itself."""
        del step
        read = next(self._steps)
        return {n: tf.cast(x, tf.float32) * self.scale if n in self.plan.counts else x for n, x in read.items()}

    def _read(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        indices = self.plan.indices(step)
        images = {name: tf.numpy_function(self._images_at, [rows], tf.uint8) for name, rows in indices.items()}
        shaped = {name: tf.ensure_shape(x, [self.plan.counts[name], *self.shape]) for name, x in images.items()}
        return shaped | self.plan.labels(indices)

    def _images_at(self, rows: np.ndarray) -> np.ndarray:
        try:
            with self._one_at_a_time:
                return self._data.images_at(rows)
        except Exception as error:
            self.error = error
            raise


def unpack_bits(rows: tf.Tensor) -> tf.Tensor:
    """uint8 (batch, bytes), np.packbits order → float32 (batch, 8 · bytes), values 0/1."""
    # A table row a byte is one copy; shifting and masking would be three passes over the pixels.
    table = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)
    bits = tf.gather(tf.constant(table), tf.cast(rows, tf.int32))
    return tf.reshape(bits, [rows.shape[0], 8 * rows.shape[1]])


def _in_memory(data: ImageData, packed: np.ndarray | None) -> tf.Tensor:
    """`packed`, or where there is none the whole set as uint8 (images, H, W, C)."""
    if packed is not None:
        return tf.constant(packed)
    images = np.empty((data.num_images, *data.observation_shape), np.uint8)
    for start in range(0, data.num_images, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, data.num_images))
        images[rows] = data.images_at(rows)
    return tf.constant(images)
