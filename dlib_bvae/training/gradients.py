"""What happens to gradients before the optimiser, and to weights after it: clipping, loss scaling, averaging."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from dlib_bvae.errors import check_number

_FIRST_SCALE, _STEPS_TO_DOUBLE = 2.0**15, 2_000


def make_clip(norm: float, value: float) -> Callable[[Sequence[tf.Tensor]], Sequence[tf.Tensor]]:
    """Returns gradients → gradients, whose numbers lie in ±value and whose common norm is at most `norm`; 0: no bound.

    Raises UserError for a negative bound.
    """
    norm, value = check_number("model.clip_norm", norm, 0), check_number("model.clip_value", value, 0)

    def clip(gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        if value:
            gradients = [tf.clip_by_value(gradient, -value, value) for gradient in gradients]
        return tf.clip_by_global_norm(gradients, norm)[0] if norm else gradients

    return clip


class LossScale(tf.Module):
    """A factor on the loss that keeps float16 gradients in range (Micikevicius et al. 2018).

    It is halved, and the update left out, when a gradient is not finite; it is doubled after 2,000 good steps.
    """

    def __init__(self) -> None:
        super().__init__("loss_scale")
        self.factor = tf.Variable(_FIRST_SCALE, trainable=False)
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False)

    def apply(self, gradients: Sequence[tf.Tensor], update: Callable[[Sequence[tf.Tensor]], None]) -> tf.Tensor:
        """Calls `update` with the unscaled gradients where they are finite; returns whether they were."""
        unscaled = [gradient / self.factor for gradient in gradients]
        finite = tf.reduce_all(tf.stack([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in unscaled]))

        def accept() -> tf.Tensor:
            update(unscaled)
            return tf.constant(0)

        tf.cond(finite, accept, lambda: tf.constant(0))
        good = tf.where(finite, self.good + 1, 0)
        double = good >= _STEPS_TO_DOUBLE
        change = tf.where(finite, tf.where(double, 2.0, 1.0), 0.5)
        _assign(self.factor, tf.maximum(self.factor * change, 1.0))
        _assign(self.good, tf.where(double, tf.zeros_like(good), good))
        return finite


class Average(tf.Module):
    """Exponential moving averages of `variables`; the decay is smaller in the first steps, min(decay, (1 + t) / (10 + t)).

    Raises UserError unless 0 < decay < 1.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float):
        super().__init__("average")
        self.decay = check_number("model.average_decay", decay, 0, 1 - 1e-12)
        self._followed = tuple(variables)
        self.averages = [tf.Variable(variable, trainable=False) for variable in variables]

    def follow(self, step: tf.Tensor) -> None:
        """Moves the averages towards the variables; step: int64, 0 at the first."""
        done = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self.decay, (1.0 + done) / (10.0 + done))
        for average, variable in zip(self.averages, self._followed, strict=True):
            _assign(average, average + share * (variable - average))

    def use(self) -> None:
        """Gives the variables their averages."""
        for average, variable in zip(self.averages, self._followed, strict=True):
            variable.assign(average)


def _assign(variable: tf.Variable, value: tf.Tensor) -> None:
    # Of a variable with a copy a replica, assign() refuses to change one copy; here every replica gives its own the same value.
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
