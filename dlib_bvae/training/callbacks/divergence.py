"""Divergence: a training whose loss stays far above what it had reached."""

from __future__ import annotations

from pathlib import Path

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number, pluralize
from dlib_bvae.training.callbacks import Callback, Training
from dlib_bvae.training.checkpoints import kept_step


@gin.configurable("divergence", denylist=["every_steps"])
class Divergence(tf.Module, Callback):
    """Ends a training when the mean loss of `windows` consecutive windows of model.loss_window steps was too far above the best.

    Too far is more than factor times the best window's mean; of a loss that is negative or small, more than
    (factor − 1) · max(|best|, 1 nat) above it. factor: > 1, or 0 for never, as the loss of some methods rises on purpose (a
    weight or a capacity that grows). every_steps: of a window. Raises UserError for values out of range.
    """

    of_total = False

    def __init__(self, every_steps: int, factor: float = 0.0, windows: int = 10):
        super().__init__("divergence")
        self.every_steps = every_steps
        self.factor = check_number("divergence.factor", factor, 0)
        if 0 < self.factor <= 1:
            raise UserError(f"divergence.factor must be > 1, or 0 for never; got {factor}")
        check_integer("divergence.windows", windows, 1)
        self.windows = windows
        self.best = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)
        self.far = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def kept(self) -> tf.Module:
        """The best window's loss, and how many windows were too far above it."""
        return self

    def due(self, training: Training, step: int) -> bool:
        """At the end of a whole window."""
        return step % self.every_steps == 0

    def run(self, training: Training, step: int, directory: Path) -> dict[str, float]:
        """Raises UserError when the training has diverged; returns nothing."""
        if self.observe(training.means()["loss"]):
            kept = kept_step(directory)
            saved = "" if kept is None else f" ({directory / 'checkpoint'} has the last checkpoint, of step {kept})"
            raise UserError(
                f"the training has diverged: at step {step} the loss had been far above its best, {float(self.best):.2f} nats, "
                f"for {pluralize(self.windows, 'window')} of {pluralize(self.every_steps, 'step')}; lower the learning rate or "
                f"change the objective's weights, and train in another --model_dir{saved}, or set divergence.factor to 0"
            )
        return {}

    def observe(self, loss: float) -> bool:
        """Takes the mean loss of a window, in nats; returns whether the training has diverged."""
        best = min(float(self.best), loss)
        far = loss > best + (self.factor - 1.0) * max(abs(best), 1.0)
        self.best.assign(best)
        self.far.assign(self.far + 1 if far else 0)
        return self.factor > 0 and int(self.far) >= self.windows
