"""VAEs with categorical latents: beside Gaussian ones, or alone and in an order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number, check_positive
from dlib_bvae.models import MOST_LATENTS
from dlib_bvae.models.layers import shape_of
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.random_numbers import normal, uniform
from dlib_bvae.models.vae import Adapt, GaussianVAE, kl_to_standard_normal


@gin.configurable(denylist=["observation_shape", "seed", "precision"])
class categorical_vae(GaussianVAE):
    """encoder.num_latent Gaussians, then a categorical latent of each of `categories` sizes (Dupont 2018, JointVAE).

    A code holds the Gaussians' means, then one column a category: 1 for the likeliest, 0 for the others, without variance.
    Training relaxes categories by Gumbel-softmax samples of the given temperature (Jang et al. 2017). Raises UserError for
    sizes below 2.
    """

    latents = "categorical"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        categories: Sequence[int] = (3,),
        temperature: float = 0.67,
    ):
        if not isinstance(categories, (list, tuple)) or not categories:
            raise UserError(f"categorical_vae.categories must be a list of sizes such as [3]; got {categories!r}")
        for size in categories:
            check_integer("each size in categorical_vae.categories", size, 2, MOST_LATENTS)
        self.categories, self.further = tuple(categories), sum(categories)
        self.temperature = check_positive("categorical_vae.temperature", temperature)
        super().__init__(observation_shape, seed, precision)
        self.num_gaussian = self.num_latent - self.further

    def posterior(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Observations → mean and log variance (batch, Gaussians), and log probabilities, (batch, size) a categorical."""
        mean, log_variance = super().encode(observations)
        logits = tf.split(mean[:, self.num_gaussian :], self.categories, axis=1)
        return (
            mean[:, : self.num_gaussian],
            log_variance[:, : self.num_gaussian],
            [tf.nn.log_softmax(x) for x in logits],
        )

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → codes and log variances, float32 (batch, Gaussians + categories)."""
        mean, log_variance, logs = self.posterior(observations)
        return self._code(mean, log_variance, logs)

    def _code(self, mean: tf.Tensor, log_variance: tf.Tensor, logs: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        likeliest = [tf.one_hot(tf.argmax(log, axis=1), log.shape[1]) for log in logs]
        certain = [tf.fill(tf.shape(log), float("-inf")) for log in logs]
        return tf.concat([mean, *likeliest], axis=1), tf.concat([log_variance, *certain], axis=1)

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass with a sample of every latent; kl is the Gaussians', extras["categorical_kl"] the others'."""
        mean, log_variance, logs = self.posterior(observations)
        gaussian = mean + tf.exp(0.5 * log_variance) * normal(mean.shape, key)
        relaxed = [self._relax(log, stream(key, place)) for place, log in enumerate(logs, start=1)]
        latent = tf.concat([gaussian, *relaxed], axis=1)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        kl = kl_to_standard_normal(mean, log_variance)
        categorical_kl = tf.add_n([kl_to_uniform(log) for log in logs])
        measured.update(kl=tf.reduce_mean(kl), categorical_kl=tf.reduce_mean(categorical_kl))
        largest = tf.constant(sum(math.log(size) for size in self.categories))
        extras = {"categorical_kl": categorical_kl, "largest_categorical_kl": largest}
        fields = {"key": key, "encode": self.encode, "extras": extras, "measured": measured, **given}
        return Batch(*self._code(mean, log_variance, logs), latent, reconstruction, kl, **fields)

    def _relax(self, log_probabilities: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """A Gumbel-softmax sample: (batch, size) → (batch, size), rows sum to 1."""
        return tf.nn.softmax((log_probabilities + gumbel(log_probabilities.shape, key)) / self.temperature)


@gin.configurable(denylist=["observation_shape", "seed", "precision"])
class discrete_vae(GaussianVAE):
    """encoder.num_latent latents of num_categories categories each, which lie evenly in −1 … 1 (Friede et al. 2023, D-VAE).

    A code is the expected position of the category under the encoder's softmax, in −1 … 1, without variance. Training relaxes
    categories by Gumbel-softmax samples of the given temperature; their noise is multiplied by a factor that goes from
    noise_first to noise_last along half a cosine, over the whole training. num_categories: >= 2. noise_first, noise_last: >= 0.
    """

    latents = "discrete"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        num_categories: int = 64,
        temperature: float = 1.0,
        noise_first: float = 0.5,
        noise_last: float = 2.0,
    ):
        check_integer("discrete_vae.num_categories", num_categories, 2, MOST_LATENTS)
        self.numbers = num_categories
        self.temperature = check_positive("discrete_vae.temperature", temperature)
        self.noise_first = check_number("discrete_vae.noise_first", noise_first, 0)
        self.noise_last = check_number("discrete_vae.noise_last", noise_last, 0)
        super().__init__(observation_shape, seed, precision)
        self.positions = np.linspace(-1.0, 1.0, num_categories, dtype=np.float32)

    def log_probabilities(self, observations: tf.Tensor) -> tf.Tensor:
        """Observations (batch, H, W, C) in [0, 1] → log probabilities, float32 (batch, latents, categories)."""
        halves = tf.concat(super().encode(observations), axis=1)
        logits = halves[:, : self.num_latent * self.numbers]  # an odd number of them has one too many
        return tf.nn.log_softmax(tf.reshape(logits, [shape_of(logits)[0], self.num_latent, self.numbers]))

    def expected(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Probabilities, or relaxed categories, float32 (batch, latents, categories) → positions in −1 … 1, (batch, latents)."""
        return tf.reduce_sum(probabilities * self.positions, axis=2)

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → codes in −1 … 1 and −∞, float32 (batch, latents)."""
        codes = self.expected(tf.exp(self.log_probabilities(observations)))
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def noise_at(self, step: tf.Tensor, total: int) -> tf.Tensor:
        """The factor of the noise at a step, int64 () and 0 at the first, of `total`: float32 ()."""
        done = tf.cast(step, tf.float32) / total
        return self.noise_last + (self.noise_first - self.noise_last) * 0.5 * (1.0 + tf.cos(math.pi * done))

    def relax(self, log_probabilities: tf.Tensor, noise: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        """Positions by a Gumbel-softmax sample: (batch, latents, categories) and the factor of the noise → (batch, latents)."""
        perturbed = log_probabilities + noise * gumbel(log_probabilities.shape, key)
        return self.expected(tf.nn.softmax(perturbed / self.temperature))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass with a relaxed sample of every latent; `given` has step and total. Logs the factor of the noise.

        extras["sample"]: observations and a key, int (2,) → codes as this step samples them, float32 (batch, latents).
        """
        logs, noise = self.log_probabilities(observations), self.noise_at(given["step"], given["total"])
        codes, latent = self.expected(tf.exp(logs)), self.relax(logs, noise, key)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        kl = tf.reduce_sum(kl_to_uniform(logs), axis=1)
        measured.update(kl=tf.reduce_mean(kl), noise=noise)
        sample = lambda observations, key: self.relax(self.log_probabilities(observations), noise, key)
        fields = {"key": key, "encode": self.encode, "extras": {"sample": sample}, "measured": measured, **given}
        return Batch(codes, tf.fill(tf.shape(codes), float("-inf")), latent, reconstruction, kl, **fields)


def gumbel(shape: Sequence[int], key: tf.Tensor) -> tf.Tensor:
    """float32 of `shape` from the standard Gumbel distribution. key: int (2,)."""
    position = uniform(shape, key, 1e-7, 1.0)
    # Below 1 in float32, so that both logarithms are finite.
    return -tf.math.log(-tf.math.log(tf.minimum(position, 1.0 - 1e-7)))


def kl_to_uniform(log_probabilities: tf.Tensor) -> tf.Tensor:
    """KL(π ‖ uniform) in nats, 0 … log size: (…, size) → (…)."""
    size = log_probabilities.shape[-1]
    return math.log(size) + tf.reduce_sum(tf.exp(log_probabilities) * log_probabilities, axis=-1)
