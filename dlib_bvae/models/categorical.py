"""A VAE with Gaussian and categorical latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_positive
from dlib_bvae.models import MOST_LATENTS
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
        position = uniform(log_probabilities.shape, key, 1e-7, 1.0)
        # Below 1 in float32, so that both logarithms are finite.
        gumbel = -tf.math.log(-tf.math.log(tf.minimum(position, 1.0 - 1e-7)))
        return tf.nn.softmax((log_probabilities + gumbel) / self.temperature)


def kl_to_uniform(log_probabilities: tf.Tensor) -> tf.Tensor:
    """KL(π ‖ uniform) in nats, 0 … log size: (batch, size) → (batch,)."""
    size = log_probabilities.shape[1]
    return math.log(size) + tf.reduce_sum(tf.exp(log_probabilities) * log_probabilities, axis=1)
