"""Learning-rate schedules: step and training length → a multiplier of the optimiser's learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number
from dlib_bvae.registry import Registry

SCHEDULES = Registry(
    "schedule",
    "dlib_bvae.schedules",
    {name: f"dlib_bvae.training.schedules:{name}" for name in ("constant", "step_decay", "cosine", "warm_up")},
)


@gin.configurable
class constant:
    """The same learning rate at every step."""

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        return tf.ones([], tf.float32)


@gin.configurable
class step_decay:
    """× factor from the fraction `start` of training on; the [Re] β-VAE report divides by 5 for the last quarter."""

    def __init__(self, factor: float = 0.2, start: float = 0.75):
        if not 0 < factor <= 1 or not 0 <= start <= 1:
            raise UserError(f"step_decay needs 0 < factor <= 1 and 0 <= start <= 1; got factor {factor}, start {start}")
        self.factor, self.start = factor, start

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        return tf.where(tf.cast(step, tf.float64) < self.start * total, 1.0, self.factor)


@gin.configurable
class cosine:
    """Half a cosine from 1 to `final` over the whole training (Loshchilov & Hutter 2017). final: in 0 … 1."""

    def __init__(self, final: float = 0.0):
        self.final = check_number("cosine.final", final, 0, 1)

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        done = tf.cast(step, tf.float32) / total
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + tf.cos(math.pi * done))


@gin.configurable
class warm_up:
    """`then`, another schedule (constant when None), times a factor that rises linearly to 1 over the first `steps` steps."""

    def __init__(self, steps: int = 1_000, then: Callable | None = None):
        check_integer("warm_up.steps", steps, 1)
        if then is not None and not callable(then):
            raise UserError(f"warm_up.then must be a schedule such as @cosine(); got {then!r}")
        self.steps, self.then = steps, then or constant()

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        risen = tf.minimum(tf.cast(step + 1, tf.float32) / self.steps, 1.0)
        return risen * tf.cast(self.then(step, total), tf.float32)
