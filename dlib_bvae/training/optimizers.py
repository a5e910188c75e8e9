"""Adam, AdamW, Adagrad and SGD on TensorFlow's fused update kernels: one pass over each weight."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import tensorflow as tf

from dlib_bvae.errors import check_number, check_positive
from dlib_bvae.registry import Registry

OPTIMIZERS = Registry(
    "optimizer",
    "dlib_bvae.optimizers",
    {name: f"dlib_bvae.training.optimizers:{name}" for name in ("adam", "adamw", "adagrad", "sgd")},
)


def _zeros_like(variables: Sequence[tf.Variable]) -> list[tf.Variable]:
    return [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]


class Moments(tf.Module):
    """Adam's running moments of the gradients of `variables`, and their update."""

    def __init__(self, name: str, variables: Sequence[tf.Variable], rate: float, betas: tuple, epsilon: float):
        super().__init__(name)
        self.learning_rate = check_positive(f"{name}.learning_rate", rate)
        self.beta1, self.beta2 = (check_number(f"{name}.beta{i}", beta, 0, 1) for i, beta in enumerate(betas, start=1))
        self.epsilon = check_positive(f"{name}.epsilon", epsilon)
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
class adam(Moments):
    """Adam (Kingma & Ba 2015) over `variables`."""

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__("adam", variables, learning_rate, (beta1, beta2), epsilon)


@gin.configurable(denylist=["variables"])
class adamw(Moments):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) of kernels only: biases, codebooks and gates keep theirs.

    weight_decay: >= 0, multiplied by the learning rate and the schedule.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__("adamw", variables, learning_rate, (beta1, beta2), epsilon)
        self.weight_decay = check_number("adamw.weight_decay", weight_decay, 0)

    def apply(self, gradients: Sequence[tf.Tensor], rate_factor: tf.Tensor, step: tf.Tensor) -> None:
        """Shrinks the kernels, then updates every variable as Adam does."""
        for variable in self.variables_:
            if variable.name.startswith("kernel"):
                decay = self.learning_rate * rate_factor * self.weight_decay * variable
                tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=decay)
        super().apply(gradients, rate_factor, step)


@gin.configurable(denylist=["variables"])
class sgd(tf.Module):
    """Stochastic gradient descent with momentum (Polyak 1964) over `variables`. momentum: in 0 … 1."""

    def __init__(self, variables: Sequence[tf.Variable], learning_rate: float = 1e-4, momentum: float = 0.9):
        super().__init__("sgd")
        self.learning_rate = check_positive("sgd.learning_rate", learning_rate)
        self.momentum = check_number("sgd.momentum", momentum, 0, 1)
        self.variables_ = list(variables)
        self.velocities = _zeros_like(variables)

    def apply(self, gradients: Sequence[tf.Tensor], rate_factor: tf.Tensor, step: tf.Tensor) -> None:
        """Updates every variable. rate_factor: the schedule's multiplier; step: not used."""
        del step
        for variable, velocity, gradient in zip(self.variables_, self.velocities, gradients, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=velocity.handle,
                lr=self.learning_rate * rate_factor,
                grad=gradient,
                momentum=self.momentum,
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
