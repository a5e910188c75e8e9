"""The covariance of the codes drawn towards the identity."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Weight, check_weight


@gin.configurable
class dip_vae(Objective):
    """ELBO + λ_od Σ_{i≠j} S_ij² + λ_d Σ_i (S_ii − 1)²; DIP-VAE (Kumar et al. 2018, Eq. 6 and 7).

    S is the covariance of the posterior means over the batch (dip_type "i"), plus the mean of the posterior variances on its
    diagonal ("ii"). λ_d = lambda_d_factor · lambda_od; 10 is usual for "i", 1 for "ii". Both >= 0, lambda_od
    or a schedule; UserError otherwise.
    """

    label = "DIP-VAE-{dip_type} λ = {lambda_od}"
    summary = "moments of the aggregate posterior, I and II"
    paper = "Kumar et al. 2018"

    def __init__(self, lambda_od: float | Weight = 5.0, lambda_d_factor: float = 10.0, dip_type: str = "i"):
        super().__init__("dip_vae")
        self.lambda_od = check_weight("dip_vae.lambda_od", lambda_od)
        self.lambda_d_factor = check_number("dip_vae.lambda_d_factor", lambda_d_factor, 0)
        if dip_type not in ("i", "ii"):
            raise UserError(f'dip_vae.dip_type must be "i" or "ii"; got {dip_type!r}')
        self.dip_type = dip_type

    def covariance(self, batch: Batch) -> tf.Tensor:
        """S, float32 (latents, latents)."""
        centred = batch.mean - tf.reduce_mean(batch.mean, axis=0)
        covariance = tf.matmul(centred, centred, transpose_a=True) / tf.cast(tf.shape(centred)[0], tf.float32)
        if self.dip_type == "ii":
            covariance += tf.linalg.diag(tf.reduce_mean(tf.exp(batch.log_variance), axis=0))
        return covariance

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The ELBO's two terms and the penalties of S off and on its diagonal."""
        covariance = self.covariance(batch)
        diagonal = tf.linalg.diag_part(covariance)
        off_diagonal = tf.linalg.set_diag(covariance, tf.zeros_like(diagonal))
        weight = self.weight_of("lambda_od", batch)
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": tf.reduce_mean(batch.kl),
            "off_diagonal": weight * tf.reduce_sum(tf.square(off_diagonal)),
            "diagonal": weight * self.lambda_d_factor * tf.reduce_sum(tf.square(diagonal - 1.0)),
        }
