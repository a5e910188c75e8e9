"""The aggregate posterior drawn towards the prior by the maximum mean discrepancy."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_number, check_positive
from dlib_bvae.models.objectives.base import Batch, Objective, stream
from dlib_bvae.models.random_numbers import normal

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@gin.configurable
class info_vae(Objective):
    """Reconstruction + (1 − α) KL + (α + λ − 1) MMD²(q(z), N(0, I)); InfoVAE (Zhao et al. 2017).

    The reconstruction is summed over pixels and the MMD is of order 1, so `lambda_` weighs against the former. alpha: <= 1.
    scales: of the kernel, > 0, see squared_mmd. Raises UserError unless α + λ > 1, where λ is lambda_.
    """

    label = "InfoVAE λ = {lambda_}, α = {alpha}"
    summary = "maximum mean discrepancy to the prior and a weighted KL"
    paper = "Zhao et al. 2017"

    def __init__(self, alpha: float = 0.0, lambda_: float = 1000.0, scales: Sequence[float] = SCALES):
        super().__init__("info_vae")
        self.scales = _checked("info_vae.scales", scales)
        self.alpha = check_number("info_vae.alpha", alpha, most=1)
        self.weight = check_number("info_vae.lambda_", lambda_) + self.alpha - 1.0
        if self.weight <= 0:
            raise UserError(f"info_vae needs alpha + lambda_ > 1; got alpha {alpha}, lambda_ {lambda_}")

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction, weighted KL and weighted MMD²; logs the MMD²."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": (1.0 - self.alpha) * tf.reduce_mean(batch.kl),
            "weighted_mmd": self.weight * _mmd_to_prior(batch, self.scales),
        }


@gin.configurable
class wae_mmd(Objective):
    """Reconstruction + λ MMD²(q(z), N(0, I)) with a deterministic encoder; WAE-MMD (Tolstikhin et al. 2018).

    The reconstruction is summed over pixels, and `lambda_`, >= 0, weighs against it. scales: of the kernel, > 0, see
    squared_mmd. model.network is @deterministic_autoencoder.
    """

    label = "WAE-MMD λ = {lambda_}"
    summary = "maximum mean discrepancy instead of the KL"
    paper = "Tolstikhin et al. 2018"
    latents = ("deterministic",)

    def __init__(self, lambda_: float = 1000.0, scales: Sequence[float] = SCALES):
        super().__init__("wae_mmd")
        self.scales = _checked("wae_mmd.scales", scales)
        self.weight = check_number("wae_mmd.lambda_", lambda_, 0)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and weighted MMD²; logs the MMD²."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_mmd": self.weight * _mmd_to_prior(batch, self.scales),
        }


def _checked(name: str, scales: Sequence[float]) -> tuple[float, ...]:
    if not isinstance(scales, (list, tuple)) or not scales:
        raise UserError(f"{name} must be a list of at least one number; got {scales!r}")
    return tuple(check_positive(name, each) for each in scales)


def _mmd_to_prior(batch: Batch, scales: Sequence[float]) -> tf.Tensor:
    prior = normal(batch.latent.shape, stream(batch.key, 1))
    batch.measured["mmd"] = squared_mmd(batch.latent, prior, scales)
    return batch.measured["mmd"]


def squared_mmd(x: tf.Tensor, y: tf.Tensor, scales: Sequence[float] = SCALES) -> tf.Tensor:
    """The unbiased estimate of MMD² between two samples, float32 (n, latents) each, n >= 2; may be negative.

    Kernel: Σ_s C / (C + ‖a − b‖²), C = 2 · latents · s, over the scales s, of which Tolstikhin et al. 2018 have these seven.
    """
    count, latents = int(x.shape[0]), int(x.shape[1])
    if count < 2:
        raise UserError(f"MMD needs a batch of at least 2 images; got {count}")

    def kernel(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        distances = tf.reduce_sum(tf.square(a[:, None] - b[None]), axis=2)
        return tf.add_n([2.0 * latents * s / (2.0 * latents * s + distances) for s in scales])

    within = tf.reduce_sum(kernel(x, x)) + tf.reduce_sum(kernel(y, y)) - 2.0 * count * len(scales)
    return within / (count * (count - 1)) - 2.0 * tf.reduce_mean(kernel(x, y))
