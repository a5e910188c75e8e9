"""A β-VAE whose first latents are supervised by the factors of a few images."""

from __future__ import annotations

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.objectives.base import Batch, Objective, Wants, Weight, check_weight

SUPERVISIONS = ("xent", "l2")


@gin.configurable
class s2_vae(Objective):
    """β-VAE + gamma_sup · supervised loss of labelled images (Locatello et al. 2020, "Disentangling factors of variations
    using few labels").

    Latent i is to tell factor i: its mean's sigmoid against the factor's value scaled to 0 … 1 ("xent", cross-entropy in nats,
    summed over factors), or the mean itself ("l2", squared error). num_labelled: how many images have labels, chosen once
    by the seed. beta, gamma_sup: >= 0 or schedules. Raises UserError when there are fewer latents than factors.
    """

    label = "S²-VAE γ = {gamma_sup}, β = {beta}"
    summary = "some labelled images"
    paper = "Locatello et al. 2020"
    wants = Wants(labelled=100)
    separable = True

    def __init__(
        self,
        beta: float | Weight = 4.0,
        gamma_sup: float | Weight = 10.0,
        num_labelled: int = 100,
        supervision: str = "xent",
    ):
        super().__init__("s2_vae")
        self.beta, self.gamma_sup = check_weight("s2_vae.beta", beta), check_weight("s2_vae.gamma_sup", gamma_sup)
        check_integer("s2_vae.num_labelled", num_labelled, 1)
        if supervision not in SUPERVISIONS:
            raise UserError(f"s2_vae.supervision must be one of {', '.join(SUPERVISIONS)}; got {supervision!r}")
        self.errors, self.wants = supervision, Wants(labelled=num_labelled)

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Keeps the factors' sizes."""
        sizes = np.array(getattr(data, "factor_sizes", ()), np.float32)
        if num_latent < len(sizes):
            raise UserError(
                f"s2_vae needs a latent for each of {len(sizes)} factors; encoder.num_latent is {num_latent}"
            )
        self.most = np.maximum(sizes - 1.0, 1.0)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The β-VAE's terms and the supervised one."""
        targets = tf.cast(batch.factors, tf.float32) / self.most
        predicted = batch.encode(batch.second)[0][:, : len(self.most)]
        if self.errors == "xent":
            errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=predicted)
        else:
            errors = tf.square(predicted - targets)
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.weight_of("beta", batch) * tf.reduce_mean(batch.kl),
            "supervised": self.weight_of("gamma_sup", batch) * tf.reduce_mean(tf.reduce_sum(errors, axis=1)),
        }
