"""The ELBO with a weight on its KL."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.models.objectives.base import Batch, Objective, Weight, check_weight


@gin.configurable
class vae(Objective):
    """Reconstruction error + β · KL: VAE at β = 1 (Kingma & Welling 2014), β-VAE otherwise (Higgins et al. 2017, Eq. 4).

    beta: weight of the KL, >= 0, or its schedule, e.g. @linear_weight(). Raises UserError when it is neither.
    """

    label = "β-VAE β = {beta}"
    summary = "VAE, β-VAE"
    paper = "Kingma & Welling 2014; Higgins et al. 2017"
    separable = True

    def __init__(self, beta: float | Weight = 1.0):
        super().__init__("vae")
        self.beta = check_weight("vae.beta", beta)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two terms of the ELBO, the second weighted."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.weight_of("beta", batch) * tf.reduce_mean(batch.kl),
        }
