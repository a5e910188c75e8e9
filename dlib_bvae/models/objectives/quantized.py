"""Objectives of autoencoders whose latents take few values."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Weight
from dlib_bvae.models.objectives.factor_vae import Adversarial


class Quantization:
    """The two losses of a codebook; the weights are those of Hsu et al. 2023, whose reconstruction is a mean over pixels.

    Here it is a sum, so both are multiplied by the number of pixels and channels.
    """

    def __init__(self, name: str, lambda_quantize: float, lambda_commit: float):
        self.quantize = check_number(f"{name}.lambda_quantize", lambda_quantize, 0)
        self.commit = check_number(f"{name}.lambda_commit", lambda_commit, 0)
        self.pixels = 0

    def build(self, data: ImageData) -> None:
        """Keeps the number of pixels and channels."""
        self.pixels = math.prod(data.observation_shape)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction, and the codebook's and the encoder's squared distances, weighted."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "quantization": self.pixels * self.quantize * tf.reduce_mean(batch.extras["quantization"]),
            "commitment": self.pixels * self.commit * tf.reduce_mean(batch.extras["commitment"]),
        }


@gin.configurable
class qlae(Objective):
    """Reconstruction + quantisation and commitment losses; QLAE (Hsu et al. 2023).

    model.network is @quantized_autoencoder, and the paper's regulariser is the optimiser's: adamw with a high weight decay.
    lambda_quantize, lambda_commit: >= 0.
    """

    label = "QLAE λ = {lambda_quantize}"
    summary = "each latent quantised by a separate codebook"
    paper = "Hsu et al. 2023"
    latents = ("quantized",)

    def __init__(self, lambda_quantize: float = 0.01, lambda_commit: float = 0.01):
        super().__init__("qlae")
        self.losses = Quantization("qlae", lambda_quantize, lambda_commit)

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Keeps the number of pixels."""
        self.losses.build(data)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the two weighted distances."""
        return self.losses.terms(batch)


@gin.configurable
class vq_vae(Objective):
    """Reconstruction + codebook and commitment losses; VQ-VAE (van den Oord et al. 2017, Eq. 3).

    model.network is @vector_quantized_autoencoder. The distances are means over the numbers of a code, as in the baseline of
    Hsu et al. 2023. lambda_quantize, lambda_commit: >= 0.
    """

    label = "VQ-VAE β = {lambda_commit}"
    summary = "vectors out of one codebook; codes are the quantised vectors"
    paper = "van den Oord et al. 2017"
    latents = ("vector_quantized",)

    def __init__(self, lambda_quantize: float = 1.0, lambda_commit: float = 0.25):
        super().__init__("vq_vae")
        self.losses = Quantization("vq_vae", lambda_quantize, lambda_commit)

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Keeps the number of pixels."""
        self.losses.build(data)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the two weighted distances."""
        return self.losses.terms(batch)


@gin.configurable
class factor_qvae(Adversarial):
    """QLAE's terms + γ TC by a discriminator; FactorQVAE (Baykal et al. 2024).

    model.network is @quantized_autoencoder with shared = True. gamma: >= 0 or a schedule.
    lambda_quantize, lambda_commit: >= 0.
    """

    label = "FactorQVAE γ = {gamma}"
    summary = "QLAE, and total correlation by a discriminator"
    paper = "Baykal et al. 2024"
    latents = ("quantized",)

    def __init__(
        self,
        gamma: float | Weight = 10.0,
        lambda_quantize: float = 0.01,
        lambda_commit: float = 0.01,
        discriminator_learning_rate: float = 1e-4,
        width: int = 1000,
        depth: int = 6,
        initializer: str = "he_uniform",
    ):
        super().__init__("factor_qvae", gamma, discriminator_learning_rate, width, depth, initializer)
        self.losses = Quantization("factor_qvae", lambda_quantize, lambda_commit)

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Makes the discriminator and keeps the number of pixels."""
        super().build(num_latent, data, seed)
        self.losses.build(data)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """QLAE's terms and γ TC."""
        return {**self.losses.terms(batch), "weighted_total_correlation": self.weighted_total_correlation(batch)}
