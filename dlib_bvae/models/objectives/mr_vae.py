"""The ELBO whose β differs from image to image."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.models.objectives.base import Batch, Objective


@gin.configurable
class mr_vae(Objective):
    """Reconstruction + β_i KL_i with the β that image i was encoded at; Multi-Rate VAE (Bae et al. 2023, Algorithm 1).

    model.network is @multi_rate_vae, which draws β.
    """

    label = "MR-VAE β = {multi_rate_vae.beta}"
    summary = "one model for every β"
    paper = "Bae et al. 2023"
    latents = ("multi_rate",)
    separable = True

    def __init__(self) -> None:
        super().__init__("mr_vae")

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two terms."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": tf.reduce_mean(batch.extras["beta"] * batch.kl),
        }
