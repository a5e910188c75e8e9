"""One batch over several devices: what of it belongs to the replica that asks (see tf.distribute)."""

from __future__ import annotations

import tensorflow as tf


def count() -> int:
    """How many replicas share the batch; 1 outside of tf.distribute.Strategy.run."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def share(rows: tf.Tensor) -> tf.Tensor:
    """This replica's rows of the whole batch's: (replicas · n, …) → (n, …)."""
    replicas = count()
    if replicas == 1:
        return rows
    mine = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.gather(tf.reshape(rows, [replicas, rows.shape[0] // replicas, *rows.shape[1:]]), mine)
