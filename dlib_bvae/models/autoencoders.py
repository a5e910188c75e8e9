"""Autoencoders without a posterior: codes are numbers, free or out of a codebook."""

from __future__ import annotations

from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import check_integer
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.vae import Adapt, GaussianVAE

_FIXED = ["observation_shape", "seed", "precision"]


@gin.configurable(denylist=_FIXED)
class deterministic_autoencoder(GaussianVAE):
    """The encoder's mean is the code; its log variance is −∞. A batch has no KL."""

    latents = "deterministic"

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → codes and −∞, float32 (batch, latents)."""
        mean, _ = super().encode(observations)
        return mean, tf.fill(tf.shape(mean), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass; draws nothing."""
        mean, log_variance = self.encode(observations)
        reconstruction, measured = self.compare(observations, self.decode_logits(mean))
        fields = {"key": key, "encode": self.encode, "measured": measured, **given}
        return Batch(mean, log_variance, mean, reconstruction, None, **fields)


@gin.configurable(denylist=_FIXED)
class quantized_autoencoder(GaussianVAE):
    """Every latent takes one of num_values learned scalars, that nearest to the encoder's (Hsu et al. 2023, QLAE).

    Gradients pass straight through. num_values: >= 2. shared: one codebook for all latents (Baykal et al. 2024) instead of
    one each. Codebooks start evenly spread over −½ … ½.
    """

    latents = "quantized"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        num_values: int = 10,
        shared: bool = False,
    ):
        super().__init__(observation_shape, seed, precision)
        check_integer("quantized_autoencoder.num_values", num_values, 2)
        books = tf.tile(tf.linspace(-0.5, 0.5, num_values)[None], [1 if shared else self.num_latent, 1])
        self.codebook = tf.Variable(books, name="codebook", dtype=tf.float32)

    def indices(self, codes: tf.Tensor) -> tf.Tensor:
        """The place of the nearest value: float32 (batch, latents) → int64 (batch, latents)."""
        return tf.argmin(tf.abs(codes[..., None] - self.codebook), axis=2)

    def quantize(self, codes: tf.Tensor) -> tf.Tensor:
        """The nearest values: float32 (batch, latents) → the same; its gradient goes to the codebook."""
        books = tf.broadcast_to(self.codebook, [self.num_latent, self.codebook.shape[1]])
        return tf.transpose(tf.gather(books, tf.transpose(self.indices(codes)), batch_dims=1))

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → quantised codes and −∞, float32 (batch, latents)."""
        codes = self.quantize(super().encode(observations)[0])
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass. extras: quantization and commitment, the squared distances that train codebook and encoder.

        Each is a mean over latents; logs how many values a latent takes in the batch, on average.
        """
        codes, _ = super().encode(observations)
        quantized = self.quantize(codes)
        latent = codes + tf.stop_gradient(quantized - codes)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        used = tf.reduce_max(tf.one_hot(self.indices(codes), self.codebook.shape[1]), axis=0)
        measured["values_used"] = tf.reduce_mean(tf.reduce_sum(used, axis=1))
        extras = {
            "quantization": tf.reduce_mean(tf.square(tf.stop_gradient(codes) - quantized), axis=1),
            "commitment": tf.reduce_mean(tf.square(codes - tf.stop_gradient(quantized)), axis=1),
        }
        fields = {"key": key, "encode": self.encode, "extras": extras, "measured": measured, **given}
        return Batch(quantized, tf.fill(tf.shape(codes), float("-inf")), latent, reconstruction, None, **fields)
