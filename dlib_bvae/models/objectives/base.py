"""What an objective is: a batch as a network sees it → named loss terms; hooks that some methods need; schedules of weights."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import DRAWS, ImageData
from dlib_bvae.errors import UserError, check_integer, check_number, check_positive


@dataclass(frozen=True)
class Batch:
    """What a network makes of one batch. Sums are over pixels or latents, in nats.

    mean, log_variance, latent: float32 (batch, latents), the posterior and a sample of it.
    reconstruction: negative log-likelihood, float32 (batch,); None where the network has no decoder. kl: KL(q(z|x) ‖ N(0, I)),
    float32 (batch,); None where the encoder is deterministic, and KL(q(c|x) ‖ uniform) where all latents are discrete. key: int64
    (2,), the seed of this batch's noise. step: int64 (), 0 at the first. total: how many steps the training takes, which
    schedules that are fractions of it need. second: the second batch that Wants asked for, float32 (batch, H, W, C). factors:
    its labels, int64 (batch, factors). encode: the network's, observations → posterior; decode: a Gaussian VAE's, latents →
    images in [0, 1]. extras: what one kind of network gives its own objectives, float32 tensors and functions. measured:
    scalars that are logged with the terms; an objective may add to it.
    """

    mean: tf.Tensor
    log_variance: tf.Tensor
    latent: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    key: tf.Tensor = None
    step: tf.Tensor = None
    total: int = 0
    second: tf.Tensor = None
    factors: tf.Tensor = None
    encode: Any = None
    decode: Any = None
    extras: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, tf.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Wants:
    """What an objective needs besides a batch of observations.

    independent: a second batch drawn by itself. labelled: a second batch out of so many images, chosen once, with their
    factors. partners: every observation is followed, batch_size rows later, by one that differs in this many factors
    (-1: in 1 … factors - 1; datasets.images.ALL_FACTORS: in all), each moved as the data set says (plan.make_partners).
    """

    independent: bool = False
    labelled: int = 0
    partners: int = 0

    @property
    def supervision(self) -> str:
        """What training learns of the factors: "pairs" of images that share most of them, "labels" of some images, or "none"."""
        return "pairs" if self.partners else "labels" if self.labelled else "none"


class Objective(tf.Module):
    """A method: the loss is the sum of its terms, each averaged over the batch, in nats.

    Its tf.Variables are part of every checkpoint. latents: the kinds of network it trains (see GaussianVAE.latents). separable:
    whether terms and what is measured are means over the images, so that devices can share a batch. wants: also of the class
    where it asks for pairs or labels, as the board reads the supervision there. total_correlation: whether it penalises that of
    the codes, whose value at the end of training is in the results then. of_total: whether its loss depends on the number of
    steps of the training (Batch.total). summary, paper: its row in tables of methods. label: how boards name a configuration,
    "β-VAE β = {beta}": title, then symbols of parameters, the strength first ("": its gin name).
    """

    label: str = ""
    summary: str = ""
    paper: str = ""
    latents: tuple[str, ...] = ("gaussian",)
    wants = Wants()
    separable = False
    total_correlation = False

    @property
    def supervision(self) -> str:
        """What training learns of the factors besides the images (see Wants)."""
        return self.wants.supervision

    @property
    def of_total(self) -> bool:
        """Whether its loss depends on the number of steps of the training (Batch.total): one of its weights or spans does."""
        return any(each.of_total for each in vars(self).values() if isinstance(each, (Weight, Span)))

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Makes what depends on the network or the data set; called once, before the first step."""

    def adapt(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The posterior that is sampled from, in place of the encoder's: (batch, latents) twice → the same."""
        return mean, log_variance

    def weight_of(self, name: str, batch: Batch) -> float | tf.Tensor:
        """The weight in the attribute `name` (see check_weight) at this step; logs it where it changes."""
        value = getattr(self, name)
        if isinstance(value, Weight):
            given = (batch.step, batch.total) if value.of_total else (batch.step,)
            value = batch.measured[name] = value(*given)
        return value

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Returns named scalars; their sum is minimised over the network's weights."""
        raise NotImplementedError

    def update(self, batch: Batch) -> None:
        """Trains the objective's own variables; called after the network's update."""


def stream(key: tf.Tensor, number: int) -> tf.Tensor:
    """A key of another random stream, int64 (2,) → int64 (2,); `number` >= 1 tells the streams of one batch apart."""
    return tf.random.experimental.stateless_fold_in(key, number)


def shown_images(data: ImageData) -> int:
    """How many different images training sees."""
    if data.drawn:
        return DRAWS - data.num_images
    weights = data.training_weights()
    return data.num_images if weights is None else int(np.count_nonzero(weights))


class Span:
    """A part of the training from its beginning on: the fraction `rise` of all steps, or so many steps where they are not 0.

    Raises UserError unless the parameter `rise` of `method` is in 0 … 1 and not 0, and that of the steps, called `name`, >= 0.
    """

    def __init__(self, method: str, rise: float, name: str, steps: int):
        check_integer(f"{method}.{name}", steps, 0)
        self.rise = check_number(f"{method}.rise", check_positive(f"{method}.rise", rise), most=1)
        self.steps = steps

    @property
    def of_total(self) -> bool:
        """Whether it is a fraction of the training."""
        return not self.steps

    def length(self, total: int) -> float:
        """Steps, of a training of `total`."""
        assert self.steps or total, "the batch does not say how many steps the training takes"
        return float(self.steps or self.rise * total)

    def done(self, batch: Batch) -> tf.Tensor:
        """How much of it lies before this step, float32 () in 0 … 1."""
        return tf.minimum(tf.cast(batch.step, tf.float32) / self.length(batch.total), 1.0)


class Weight(abc.ABC):
    """A weight >= 0 that depends on the step alone, or on the number of steps too where `of_total` says so."""

    of_total = False

    @abc.abstractmethod
    def __call__(self, step: tf.Tensor, total: int = 0) -> tf.Tensor:
        """int64 (), 0 at the first step, and the number of steps of the training → float32 ()."""


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

    def __call__(self, step: tf.Tensor, total: int = 0) -> tf.Tensor:
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

    def __call__(self, step: tf.Tensor, total: int = 0) -> tf.Tensor:
        """See Weight."""
        return self.last * tf.sigmoid(tf.cast(step - self.middle, tf.float32) / self.width)


@gin.configurable
class cyclical_weight(Weight):
    """`cycles` equal cycles over the training, or over `steps` steps and then `last` (cyclical annealing; Fu et al. 2019).

    A cycle rises linearly from `first` to `last` over its fraction `rise`, in 0 … 1, and stays there. first, last: >= 0.
    steps: over which the cycles are; 0: all of the training.
    """

    def __init__(self, last: float = 1.0, first: float = 0.0, steps: int = 0, cycles: int = 4, rise: float = 0.5):
        self.last = check_number("cyclical_weight.last", last, 0)
        self.first = check_number("cyclical_weight.first", first, 0)
        check_integer("cyclical_weight.cycles", cycles, 1)
        check_integer("cyclical_weight.steps", steps, cycles if steps else 0)
        self.steps, self.of_total, self.cycles = steps, not steps, cycles
        self.rise = check_number("cyclical_weight.rise", rise, 0, 1)

    def __call__(self, step: tf.Tensor, total: int = 0) -> tf.Tensor:
        """See Weight."""
        # Integers, so that a cycle begins at the same step everywhere.
        steps = self.steps or total
        done = tf.cast(step * self.cycles % steps, tf.float32) / steps
        risen = tf.minimum(done / self.rise, 1.0) if self.rise else tf.ones([])
        return tf.where(step < steps, self.first + (self.last - self.first) * risen, self.last)


def check_weight(name: str, value: object) -> float | Weight:
    """The parameter `name`: a number >= 0 as a float, or a Weight as it is. Raises UserError for anything else."""
    if isinstance(value, Weight):
        return value
    if callable(value):
        raise UserError(
            f"{name} must be a number or a schedule with its parentheses, such as @linear_weight(); got {value!r}"
        )
    return check_number(name, value, 0)
