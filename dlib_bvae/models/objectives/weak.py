"""Weak supervision by pairs of images that share most of their factors."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.objectives.base import Batch, Objective, Wants, Weight, check_weight


class Adaptive(Objective):
    """β-VAE on pairs, whose posteriors are replaced by an average in the latents that the two images seem to share.

    A latent counts as shared where KL(q₁ ‖ q₂) lies below the middle between the pair's smallest and largest
    (Locatello et al. 2020, section 4). The first half of a batch are first images, the second half their partners.
    """

    wants = Wants(partners=1)

    def __init__(self, name: str, beta: float | Weight, changed: int):
        super().__init__(name)
        self.beta = check_weight(f"{name}.beta", beta)
        if changed != -1:
            check_integer(f"{name}.changed", changed, 1)
        self.wants = Wants(partners=changed)

    def average(self, means: tf.Tensor, logs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The posterior of shared latents: means and log variances (2, pairs, latents) → (pairs, latents) twice."""
        raise NotImplementedError

    def adapt(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces the shared latents: (2 · pairs, latents) twice → the same."""
        if mean.shape[0] is not None and mean.shape[0] % 2:
            raise UserError(f"pairs make a batch of an even number of images; got {mean.shape[0]}")
        means, logs = tf.stack(tf.split(mean, 2)), tf.stack(tf.split(log_variance, 2))
        shared = shared_latents(means, logs)
        average, log_average = self.average(means, logs)
        replaced = tf.where(shared, average, means), tf.where(shared, log_average, logs)
        return tf.reshape(replaced[0], tf.shape(mean)), tf.reshape(replaced[1], tf.shape(mean))

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The β-VAE's two terms, averaged over both images of the pairs."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.weight_of("beta", batch) * tf.reduce_mean(batch.kl),
        }


@gin.configurable
class ada_gvae(Adaptive):
    """Ada-GVAE: mean and variance of shared latents are the arithmetic means of the pair's (Locatello et al. 2020).

    beta: >= 0 or a schedule. changed: in how many factors the images of a pair differ, or -1 for a number uniform in
    1 … factors - 1.
    """

    label = "Ada-GVAE β = {beta}"
    summary = "pairs of images as weak supervision"
    paper = "Locatello et al. 2020"

    def __init__(self, beta: float | Weight = 1.0, changed: int = 1):
        super().__init__("ada_gvae", beta, changed)

    def average(self, means: tf.Tensor, logs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """½ (μ₁ + μ₂), log ½ (σ₁² + σ₂²)."""
        return tf.reduce_mean(means, axis=0), tf.reduce_logsumexp(logs, axis=0) - math.log(2.0)


@gin.configurable
class ada_ml_vae(Adaptive):
    """Ada-ML-VAE: shared latents get the normalised product of the pair's posteriors, widened to one (Locatello et al. 2020).

    beta: >= 0 or a schedule. changed: in how many factors the images of a pair differ, or -1 for a number uniform in
    1 … factors - 1.
    """

    label = "Ada-ML-VAE β = {beta}"
    summary = "pairs of images as weak supervision"
    paper = "Locatello et al. 2020"

    def __init__(self, beta: float | Weight = 1.0, changed: int = 1):
        super().__init__("ada_ml_vae", beta, changed)

    def average(self, means: tf.Tensor, logs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The means weighted by the precisions, and the logarithm of the variances' harmonic mean."""
        weighted = tf.reduce_sum(means * tf.nn.softmax(-logs, axis=0), axis=0)
        return weighted, math.log(2.0) - tf.reduce_logsumexp(-logs, axis=0)


def shared_latents(means: tf.Tensor, log_variances: tf.Tensor) -> tf.Tensor:
    """Which latents a pair shares: (2, pairs, latents) twice → bool (pairs, latents)."""
    difference = log_variances[0] - log_variances[1]
    kl = 0.5 * (tf.exp(difference) + tf.square(means[1] - means[0]) * tf.exp(-log_variances[1]) - 1.0 - difference)
    threshold = 0.5 * (tf.reduce_min(kl, axis=1, keepdims=True) + tf.reduce_max(kl, axis=1, keepdims=True))
    return kl < threshold
