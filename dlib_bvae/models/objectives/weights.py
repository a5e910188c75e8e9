"""Weights of loss terms that change during training: pure functions of the step, so that a resumed run goes on alike."""

from __future__ import annotations

import abc
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number, check_positive
from dlib_bvae.registry import Registry

WEIGHTS = Registry(
    "weight schedule",
    "dlib_bvae.weights",
    {
        name: f"dlib_bvae.models.objectives.weights:{name}"
        for name in ("linear_weight", "logistic_weight", "cyclical_weight")
    },
)


class Weight(abc.ABC):
    """A weight >= 0 that depends on the step alone."""

    @abc.abstractmethod
    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """int64 (), 0 at the first step → float32 ()."""


@gin.configurable
class linear_weight(Weight):
    """`first` up to step `start`, then a straight line that meets `last` after `steps` more (warm-up; Sønderby et al. 2016).

    first, last: >= 0, in either order.
    """

    def __init__(self, last: float = 1.0, first: float = 0.0, steps: int = 10_000, start: int = 0):
        self.last = check_number("linear_weight.last", last, 0)
        self.first = check_number("linear_weight.first", first, 0)
        check_integer("linear_weight.steps", steps, 1)
        check_integer("linear_weight.start", start, 0)
        self.steps, self.start = steps, start

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """See Weight."""
        risen = tf.clip_by_value(tf.cast(step - self.start, tf.float32) / self.steps, 0.0, 1.0)
        return self.first + (self.last - self.first) * risen


@gin.configurable
class logistic_weight(Weight):
    """last · σ((step − middle) / width): KL annealing by a logistic function (Bowman et al. 2016).

    last: >= 0. middle: steps, where half of it is reached. width: steps, > 0.
    """

    def __init__(self, last: float = 1.0, middle: int = 5_000, width: float = 1_000.0):
        self.last = check_number("logistic_weight.last", last, 0)
        check_integer("logistic_weight.middle", middle, 0)
        self.middle, self.width = middle, check_positive("logistic_weight.width", width)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """See Weight."""
        return self.last * tf.sigmoid(tf.cast(step - self.middle, tf.float32) / self.width)


@gin.configurable
class cyclical_weight(Weight):
    """`cycles` equal cycles over `steps` steps, then `last` (cyclical annealing; Fu et al. 2019).

    A cycle rises linearly from `first` to `last` over its fraction `rise`, in 0 … 1, and stays there. first, last: >= 0.
    """

    def __init__(self, last: float = 1.0, first: float = 0.0, steps: int = 100_000, cycles: int = 4, rise: float = 0.5):
        self.last = check_number("cyclical_weight.last", last, 0)
        self.first = check_number("cyclical_weight.first", first, 0)
        check_integer("cyclical_weight.cycles", cycles, 1)
        check_integer("cyclical_weight.steps", steps, cycles)
        self.steps, self.cycles, self.rise = steps, cycles, check_number("cyclical_weight.rise", rise, 0, 1)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """See Weight."""
        # Integers, so that a cycle begins at the same step everywhere.
        done = tf.cast(step * self.cycles % self.steps, tf.float32) / self.steps
        risen = tf.minimum(done / self.rise, 1.0) if self.rise else tf.ones([])
        return tf.where(step < self.steps, self.first + (self.last - self.first) * risen, self.last)


def check_weight(name: str, value: Any) -> float | Weight:
    """The parameter `name`: a number >= 0 as a float, or a Weight as it is. Raises UserError for anything else."""
    if isinstance(value, Weight):
        return value
    if callable(value):
        raise UserError(
            f"{name} must be a number or a schedule with its parentheses, such as @linear_weight(); got {value!r}"
        )
    return check_number(name, value, 0)
