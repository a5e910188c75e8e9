"""Optimisers on TensorFlow's fused update kernels (one pass over each weight), and schedules of their learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number, check_positive


class Optimizer(Protocol):
    """Updates the variables that it was given; its state is made of tf.Variables, which checkpoints keep."""

    def apply(self, gradients: Sequence[tf.Tensor], rate_factor: tf.Tensor, step: tf.Tensor) -> None:
        """One gradient a variable. rate_factor: the schedule's multiplier, (); step: int64 (), 0 at the first update."""


class Schedule(Protocol):
    """A multiplier of the optimiser's learning rate.

    A schedule may say in an attribute `of_total`, a truth value, whether it depends on the number of steps of the training;
    one that does not say so is taken to depend on it.
    """

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        """int64 (), 0 at the first step, and the number of steps of the training → float ()."""


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


@gin.configurable(module="dlib_bvae.training.schedules")  # gin.constant exists, so files say @schedules.constant()
class constant:
    """The same learning rate at every step."""

    of_total = False

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        return tf.ones([], tf.float32)


@gin.configurable
class step_decay:
    """× factor from the fraction `start` of training on; the [Re] β-VAE report divides by 5 for the last quarter."""

    of_total = True

    def __init__(self, factor: float = 0.2, start: float = 0.75):
        if not 0 < factor <= 1 or not 0 <= start <= 1:
            raise UserError(f"step_decay needs 0 < factor <= 1 and 0 <= start <= 1; got factor {factor}, start {start}")
        self.factor, self.start = factor, start

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        return tf.where(tf.cast(step, tf.float64) < self.start * total, 1.0, self.factor)


@gin.configurable
class cosine:
    """Half a cosine from 1 to `final` over the whole training (Loshchilov & Hutter 2017). final: in 0 … 1."""

    of_total = True

    def __init__(self, final: float = 0.0):
        self.final = check_number("cosine.final", final, 0, 1)

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        done = tf.cast(step, tf.float32) / total
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + tf.cos(math.pi * done))


@gin.configurable
class warm_up:
    """`then`, another schedule (constant when None), times a factor that rises linearly to 1 over the first `steps` steps."""

    def __init__(self, steps: int = 1_000, then: Schedule | None = None):
        check_integer("warm_up.steps", steps, 1)
        if then is not None and not callable(then):
            raise UserError(f"warm_up.then must be a schedule such as @cosine(); got {then!r}")
        self.steps, self.then = steps, then or constant()
        self.of_total: bool = getattr(self.then, "of_total", True)

    def __call__(self, step: tf.Tensor, total: int) -> tf.Tensor:
        risen = tf.minimum(tf.cast(step + 1, tf.float32) / self.steps, 1.0)
        return risen * tf.cast(self.then(step, total), tf.float32)
