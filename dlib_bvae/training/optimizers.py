"""Adam and Adagrad on TensorFlow's fused update kernels: one pass over each weight."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import tensorflow as tf

from dlib_bvae.errors import check_positive
from dlib_bvae.registry import Registry

OPTIMIZERS = Registry(
    "optimizer",
    "dlib_bvae.optimizers",
    {"adam": "dlib_bvae.training.optimizers:adam", "adagrad": "dlib_bvae.training.optimizers:adagrad"},
)


def _zeros_like(variables: Sequence[tf.Variable]) -> list[tf.Variable]:
    return [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]


@gin.configurable(denylist=["variables"])
class adam(tf.Module):
    """Adam (Kingma & Ba 2015) over `variables`."""

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__("adam")
        self.learning_rate = check_positive("adam.learning_rate", learning_rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, check_positive("adam.epsilon", epsilon)
        self.variables_ = list(variables)
        self.first, self.second = _zeros_like(variables), _zeros_like(variables)

    def apply(self, gradients: Sequence[tf.Tensor], rate_factor: tf.Tensor, step: tf.Tensor) -> None:
        """Updates every variable. rate_factor: the schedule's multiplier; step: int64, 0 at the first update."""
        power = tf.cast(step + 1, tf.float32)
        for variable, first, second, gradient in zip(self.variables_, self.first, self.second, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(self.beta1, power),
                beta2_power=tf.pow(self.beta2, power),
                lr=self.learning_rate * rate_factor,
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon,
                grad=gradient,
            )


@gin.configurable(denylist=["variables"])
class adagrad(tf.Module):
    """Adagrad (Duchi et al. 2011) over `variables`; accumulators start at 0, as in the code of the [Re] β-VAE report."""

    def __init__(self, variables: Sequence[tf.Variable], learning_rate: float = 1e-2, epsilon: float = 1e-10):
        super().__init__("adagrad")
        self.learning_rate = check_positive("adagrad.learning_rate", learning_rate)
        self.epsilon = check_positive("adagrad.epsilon", epsilon)
        self.variables_ = list(variables)
        self.sums = _zeros_like(variables)

    def apply(self, gradients: Sequence[tf.Tensor], rate_factor: tf.Tensor, step: tf.Tensor) -> None:
        """Updates every variable. rate_factor: the schedule's multiplier; step: not used by Adagrad."""
        del step
        for variable, sums, gradient in zip(self.variables_, self.sums, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdagradV2(
                var=variable.handle,
                accum=sums.handle,
                lr=self.learning_rate * rate_factor,
                epsilon=self.epsilon,
                grad=gradient,
            )
