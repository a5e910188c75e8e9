"""Divergence: a training whose loss stays far above what it had reached."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number


@gin.configurable("divergence")
class Divergence(tf.Module):
    """Tells when the mean loss of `windows` windows of model.log_every steps, one after the other, was too far above the best.

    Too far is more than factor times the best window's mean; of a loss that is negative or small, more than
    (factor − 1) · max(|best|, 1 nat) above it. factor: > 1, or 0 for never, as the loss of some methods rises on purpose (a
    weight or a capacity that grows). Raises UserError for values out of range.
    """

    def __init__(self, factor: float = 0.0, windows: int = 10):
        super().__init__("divergence")
        self.factor = check_number("divergence.factor", factor, 0)
        if 0 < self.factor <= 1:
            raise UserError(f"divergence.factor must be > 1, or 0 for never; got {factor}")
        check_integer("divergence.windows", windows, 1)
        self.windows = windows
        self.best = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)
        self.far = tf.Variable(0, dtype=tf.int64, trainable=False)

    def observe(self, loss: float) -> bool:
        """Takes the mean loss of a window, in nats; returns whether the training has diverged."""
        best = min(float(self.best), loss)
        far = loss > best + (self.factor - 1.0) * max(abs(best), 1.0)
        self.best.assign(best)
        self.far.assign(self.far + 1 if far else 0)
        return self.factor > 0 and int(self.far) >= self.windows
