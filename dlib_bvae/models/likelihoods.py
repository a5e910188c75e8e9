"""Likelihoods p(x | z): negative log-likelihood of observations under decoder logits, and the mean image."""

from __future__ import annotations

import math
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import check_number, check_positive
from dlib_bvae.registry import configurable

_PIXELS = [1, 2, 3]


class Likelihood(tf.Module):
    """The distribution of an image given decoder logits; the mean of every pixel is σ(logit). May have trainable variables.

    separable: whether the loss of an image depends on no other image of the batch.
    """

    separable = True

    def negative_log_likelihood(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Observations in [0, 1] and logits, float32 (batch, H, W, C) → nats summed over pixels, float32 (batch,)."""
        raise NotImplementedError

    def measured(self, observations: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scalars to log in addition to the loss."""
        del observations, logits
        return {}

    def mean_image(self, logits: tf.Tensor) -> tf.Tensor:
        """Logits → the expected image, in [0, 1]."""
        return tf.nn.sigmoid(logits)


@configurable(labels=["name"])  # of the tf.Module; operative configurations have it
class bernoulli_loss(Likelihood):
    """Independent Bernoulli pixels; pixels between 0 and 1 count as a mixture of the two (the field's usual relaxation)."""

    def negative_log_likelihood(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Nats summed over pixels: (batch, H, W, C) twice → (batch,)."""
        return _cross_entropy(observations, logits)


@tf.custom_gradient
def _cross_entropy(observations: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """−log σ(l) x − log σ(−l) (1 − x) for every l, summed over pixels. TensorFlow's takes twice as long on a CPU."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        upstream = upstream[:, None, None, None]
        return -upstream * logits, upstream * (tf.nn.sigmoid(logits) - observations)

    return tf.reduce_sum(tf.nn.softplus(logits) - logits * observations, axis=_PIXELS), gradient


class Gaussian(Likelihood):
    """Independent Gaussian pixels around σ(logit) that share one standard deviation, given by `log_sigma`."""

    def log_sigma(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The logarithm of the standard deviation on the scale of pixels in [0, 1], float32 ()."""
        raise NotImplementedError

    def negative_log_likelihood(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Σ ½ ((x − x̂) / σ)² + log σ + ½ log 2π over pixels, in nats: (batch, H, W, C) twice → (batch,)."""
        log_sigma = self.log_sigma(observations, logits)
        errors = tf.reduce_sum(tf.square(observations - self.mean_image(logits)), axis=_PIXELS)
        pixels = float(math.prod(observations.shape[1:]))
        return 0.5 * errors * tf.exp(-2.0 * log_sigma) + pixels * (log_sigma + 0.5 * math.log(2.0 * math.pi))

    def measured(self, observations: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """sigma, and the weight of the KL that goes with the plain squared error: 2 σ² (times the objective's own β)."""
        sigma = tf.exp(self.log_sigma(observations, logits))
        return {"sigma": sigma, "equivalent_beta": 2.0 * tf.square(sigma)}


@gin.configurable
class gaussian_loss(Gaussian):
    """Gaussian pixels of a fixed standard deviation `sigma` > 0; the squared error / 2 σ² but for a constant."""

    def __init__(self, sigma: float = 1.0):
        super().__init__("gaussian_loss")
        self.fixed = math.log(check_positive("gaussian_loss.sigma", sigma))

    def log_sigma(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The given one."""
        del observations, logits
        return tf.constant(self.fixed, tf.float32)


@gin.configurable
class sigma_loss(Gaussian):
    """Gaussian pixels whose log standard deviation is one weight of the network (σ-VAE; Rybkin et al. 2020).

    It starts at 0 and is bent so that it stays above `least`.
    """

    def __init__(self, least: float = -6.0):
        super().__init__("sigma_loss")
        self.least = check_number("sigma_loss.least", least)
        self.free = tf.Variable(0.0, name="log_sigma")

    def log_sigma(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The learned one."""
        del observations, logits
        return soft_clip(tf.convert_to_tensor(self.free), self.least)


@gin.configurable
class optimal_sigma_loss(Gaussian):
    """Gaussian pixels whose variance is the batch's mean squared error (optimal σ-VAE; Rybkin et al. 2020).

    That is the maximum-likelihood variance, where the loss does not change with it, so no gradient is led through it. The
    log standard deviation is bent so that it stays above `least`: images without noise have no finite optimum.
    """

    separable = False

    def __init__(self, least: float = -6.0):
        super().__init__("optimal_sigma_loss")
        self.least = check_number("optimal_sigma_loss.least", least)

    def log_sigma(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """½ log of the mean over batch, pixels and channels of (x − x̂)²."""
        error = tf.reduce_mean(tf.square(observations - self.mean_image(logits)))
        return soft_clip(tf.stop_gradient(0.5 * tf.math.log(error + 1e-12)), self.least)


def soft_clip(value: tf.Tensor, least: float) -> tf.Tensor:
    """A smooth maximum of `value` and `least`: least + softplus(value − least)."""
    return least + tf.nn.softplus(value - least)
