"""A capacity that the KL has to meet, raised during training."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Span


@gin.configurable
class annealed_vae(Objective):
    """Reconstruction error + γ |KL − C(t)|; AnnealedVAE (Burgess et al. 2018, Eq. 8).

    C rises linearly from 0 to c_max and stays there; it is compared with the KL summed over latents and averaged over the
    batch. c_max: nats, >= 0. gamma: >= 0. rise: the fraction of the training over which C rises, in 0 … 1, a third as in the
    study of Locatello et al. 2019. iteration_threshold: steps over which it rises instead, 0 for the fraction; a training of
    fewer never reaches c_max. Raises UserError for values out of range.
    """

    label = "AnnealedVAE C = {c_max}"
    summary = "a capacity that the KL has to meet"
    paper = "Burgess et al. 2018"

    def __init__(self, c_max: float = 25.0, gamma: float = 1000.0, iteration_threshold: int = 0, rise: float = 1 / 3):
        super().__init__("annealed_vae")
        self.c_max = check_number("annealed_vae.c_max", c_max, 0)
        self.gamma = check_number("annealed_vae.gamma", gamma, 0)
        self.span = Span("annealed_vae", rise, "iteration_threshold", iteration_threshold)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the distance from the capacity; logs the capacity, in nats."""
        batch.measured["capacity"] = self.c_max * self.span.done(batch)
        distance = tf.abs(tf.reduce_mean(batch.kl) - batch.measured["capacity"])
        return {"reconstruction": tf.reduce_mean(batch.reconstruction), "capacity_penalty": self.gamma * distance}
