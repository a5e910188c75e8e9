"""Random numbers that are the same with XLA and without: from the bits of one generator, by the formulas of tf.random.

The bits of a stateless draw agree, but TensorFlow's own uniform and normal numbers differ under XLA, whatever the algorithm
asked for (TensorFlow 2.21).

The first axis is that of the batch's images: where replicas share a batch, each draws for the whole of it and takes its rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_ONE = 0x3F800000  # the bits of 1.0


def uniform(shape: Sequence[int], key: tf.Tensor, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """tf.random.stateless_uniform: float32 of `shape` in low … high. key: int (2,)."""
    return share(_unit(_bits(_whole(shape), key))) * (high - low) + low


def normal(shape: Sequence[Any], key: tf.Tensor) -> tf.Tensor:
    """tf.random.stateless_normal, up to rounding: float32 of `shape` from N(0, 1) by Box and Muller 1958. key: int (2,).

    The first axis may be a tensor, where its size is not known yet.
    """
    shape = _whole(shape)
    count = math.prod(shape)
    pairs = tf.reshape(_unit(_bits([count + count % 2], key)), [-1, 2])
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, 0], 1e-7)))
    angle = 2.0 * math.pi * pairs[:, 1]
    numbers = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
    return share(tf.reshape(tf.reshape(numbers, [-1])[:count], shape))


def _whole(shape: Sequence[Any]) -> list[Any]:
    """The shape of a draw for the whole batch, of which `shape` is a replica's share."""
    return [shape[0] * count_replicas(), *shape[1:]]


def _bits(shape: Sequence[Any], key: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, key, None, None, tf.uint32, alg="philox")


def _unit(bits: tf.Tensor) -> tf.Tensor:
    """uint32 → float32 in 0 … 1 (never 1), by the lower 23 bits as the fraction of a number in 1 … 2."""
    return tf.bitcast(tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, 0x7FFFFF), _ONE), tf.float32) - 1.0


def count_replicas() -> int:
    """How many replicas share the batch; 1 outside of tf.distribute.Strategy.run."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def share(rows: tf.Tensor) -> tf.Tensor:
    """This replica's rows of the whole batch's: (replicas · n, …) → (n, …)."""
    replicas = count_replicas()
    if replicas == 1:
        return rows
    mine = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.gather(tf.reshape(rows, [replicas, rows.shape[0] // replicas, *rows.shape[1:]]), mine)
