"""The ELBO of discrete latents, and their total correlation by a discriminator."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.models.objectives.base import Batch, Objective, Weight, stream
from dlib_bvae.models.objectives.factor_vae import Adversarial


@gin.configurable
class d_vae(Objective):
    """Reconstruction + Σ over latents of KL(q(c|x) ‖ uniform), in nats; D-VAE (Friede et al. 2023, arXiv 2307.14151).

    model.network is @discrete_vae, whose noise grows with the fraction of the training that is done. A step takes 1.01 times
    the multiplications of the β-VAE's with disentanglement_lib's networks on 64×64×1 pixels, as the encoder gives 640 numbers.
    """

    label = "D-VAE"
    summary = "ordered categorical latents"
    paper = "Friede et al. 2023"
    latents = ("discrete",)
    separable = True
    of_total = True

    def __init__(self) -> None:
        super().__init__("d_vae")

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two terms of the ELBO."""
        return elbo_terms(batch)


@gin.configurable
class factor_d_vae(Adversarial):
    """D-VAE's terms + γ TC by a discriminator, as FactorVAE has it; FactorDVAE (Friede et al. 2023, arXiv 2307.14151).

    model.network is @discrete_vae; the discriminator sees relaxed samples of the codes. gamma: >= 0 or a schedule. The authors'
    code permutes the codes of the same batch; here they are of a second one, as in FactorVAE's Algorithm 2. A step takes 2.1
    times the multiplications of the β-VAE's with disentanglement_lib's networks on 64×64×1 pixels.
    """

    label = "FactorDVAE γ = {gamma}"
    summary = "D-VAE, and total correlation by a discriminator"
    paper = "Friede et al. 2023"
    latents = ("discrete",)
    of_total = True

    def __init__(
        self,
        gamma: float | Weight = 10.0,
        discriminator_learning_rate: float = 1e-4,
        width: int = 1000,
        depth: int = 6,
        initializer: str = "he_uniform",
    ):
        super().__init__("factor_d_vae", gamma, discriminator_learning_rate, width, depth, initializer)

    def second_codes(self, batch: Batch) -> tf.Tensor:
        """See Adversarial."""
        return batch.extras["sample"](batch.second, stream(batch.key, 1))

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D-VAE's terms and γ TC."""
        return {**elbo_terms(batch), "weighted_total_correlation": self.weighted_total_correlation(batch)}


def elbo_terms(batch: Batch) -> dict[str, tf.Tensor]:
    """Reconstruction and KL to the uniform categories, averaged over the batch."""
    return {"reconstruction": tf.reduce_mean(batch.reconstruction), "kl": tf.reduce_mean(batch.kl)}
