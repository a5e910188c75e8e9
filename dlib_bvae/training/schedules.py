"""Learning-rate schedules: step and training length → a multiplier of the optimiser's learning rate."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry

SCHEDULES = Registry(
    "schedule",
    "dlib_bvae.schedules",
    {"constant": "dlib_bvae.training.schedules:constant", "step_decay": "dlib_bvae.training.schedules:step_decay"},
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
