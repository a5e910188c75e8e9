"""What an objective is: named loss terms of a batch, and the few hooks that some methods need beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.models.objectives.weights import Weight


@dataclass(frozen=True)
class Batch:
    """What a network makes of one batch. Sums are over pixels or latents, in nats.

    mean, log_variance, latent: float32 (batch, latents), the posterior and a sample of it.
    reconstruction: negative log-likelihood, float32 (batch,). kl: KL(q(z|x) ‖ N(0, I)), float32 (batch,); None where the
    encoder is deterministic. key: int64 (2,), the seed of this batch's noise. step: int64 (), 0 at the first.
    second: the second batch that Wants asked for, float32 (batch, H, W, C). factors: its labels, int64 (batch, factors).
    encode: the network's, observations → posterior. extras: what one kind of network gives its own objectives,
    float32. measured: scalars that are logged beside the terms; an objective may add to it.
    """

    mean: tf.Tensor
    log_variance: tf.Tensor
    latent: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor
    key: tf.Tensor = None
    step: tf.Tensor = None
    second: tf.Tensor = None
    factors: tf.Tensor = None
    encode: Any = None
    extras: dict[str, tf.Tensor] = field(default_factory=dict)
    measured: dict[str, tf.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Wants:
    """What an objective needs beside a batch of observations.

    independent: a second batch drawn by itself. labelled: a second batch out of so many images, chosen once, with their
    factors. partners: every observation is followed, batch_size rows later, by one that differs in this many factors
    (-1: in 1 … factors - 1).
    """

    independent: bool = False
    labelled: int = 0
    partners: int = 0


class Objective(tf.Module):
    """A method: the loss is the sum of its terms, each averaged over the batch, in nats.

    Its tf.Variables are part of every checkpoint. latents: the kinds of network it trains (see GaussianVAE.latents). separable:
    whether terms and what is measured are means over the images, so that devices can share a batch.
    """

    latents: tuple[str, ...] = ("gaussian",)
    wants = Wants()
    separable = False

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Makes what depends on the network or the data set; called once, before the first step."""

    def adapt(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The posterior that is sampled from, in place of the encoder's: (batch, latents) twice → the same."""
        return mean, log_variance

    def weight_of(self, name: str, batch: Batch) -> float | tf.Tensor:
        """The weight in the attribute `name` (see check_weight) at this step; logs it where it changes."""
        value = getattr(self, name)
        if isinstance(value, Weight):
            value = batch.measured[name] = value(batch.step)
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
    weights = data.training_weights()
    return data.num_images if weights is None else int(np.count_nonzero(weights))
