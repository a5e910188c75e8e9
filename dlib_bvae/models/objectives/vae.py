"""The ELBO with a weight on its KL."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import check_number
from dlib_bvae.models.objectives.base import Batch, Objective


@gin.configurable
class vae(Objective):
    """Reconstruction error + β · KL: VAE at β = 1 (Kingma & Welling 2014), β-VAE otherwise (Higgins et al. 2017, Eq. 4).

    beta: weight of the KL, >= 0. Raises UserError when it is negative or not a number.
    """

    def __init__(self, beta: float = 1.0):
        super().__init__("vae")
        self.beta = check_number("vae.beta", beta, 0)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two terms of the ELBO, the second weighted."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.beta * tf.reduce_mean(batch.kl),
        }
