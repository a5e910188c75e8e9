"""Likelihoods p(x | z): negative log-likelihood of observations under decoder logits, and the mean image."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.registry import Registry

LIKELIHOODS = Registry(
    "likelihood", "dlib_bvae.likelihoods", {"bernoulli_loss": "dlib_bvae.models.likelihoods:bernoulli_loss"}
)


@gin.configurable
class bernoulli_loss:
    """Independent Bernoulli pixels; pixels between 0 and 1 count as a mixture of the two (the field's usual relaxation)."""

    def negative_log_likelihood(self, observations: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Observations in [0, 1] and logits, float32 (batch, H, W, C) → nats summed over pixels, float32 (batch,)."""
        # One softplus and one product a pixel; equals −log σ(l) x − log σ(−l) (1 − x) for every l.
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=observations, logits=logits)
        return tf.reduce_sum(losses, axis=[1, 2, 3])

    def mean_image(self, logits: tf.Tensor) -> tf.Tensor:
        """Logits → the expected image, in [0, 1]."""
        return tf.nn.sigmoid(logits)
