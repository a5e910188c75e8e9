"""Capacities for Gaussian and categorical latents."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Span


@gin.configurable
class joint_vae(Objective):
    """Reconstruction + γ |KL_z − C_z(t)| + γ_c |KL_c − C_c(t)|; JointVAE (Dupont 2018, Eq. 7).

    Both capacities, in nats, rise linearly from 0 to c_max (Gaussian latents) and categorical_c_max; a categorical KL cannot
    pass Σ log size, so neither does its capacity. model.network is @categorical_vae. rise: the fraction of the training over
    which they rise, in 0 … 1; the author's code rises over 25,000 of the 93,800 steps of MNIST. iteration_threshold: steps over
    which they rise instead, 0 for the fraction.
    """

    label = "JointVAE γ = {gamma}, C = {c_max}"
    summary = "Gaussian and categorical latents, a capacity each"
    paper = "Dupont 2018"
    latents = ("categorical",)

    def __init__(
        self,
        c_max: float = 5.0,
        gamma: float = 30.0,
        categorical_c_max: float = 5.0,
        categorical_gamma: float = 30.0,
        iteration_threshold: int = 0,
        rise: float = 0.27,
    ):
        super().__init__("joint_vae")
        self.c_max, self.gamma = check_number("joint_vae.c_max", c_max, 0), check_number("joint_vae.gamma", gamma, 0)
        self.categorical_c_max = check_number("joint_vae.categorical_c_max", categorical_c_max, 0)
        self.categorical_gamma = check_number("joint_vae.categorical_gamma", categorical_gamma, 0)
        self.span = Span("joint_vae", rise, "iteration_threshold", iteration_threshold)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the distances from both capacities; logs the capacities."""
        risen = self.span.done(batch)
        capacity = self.c_max * risen
        categorical = tf.minimum(self.categorical_c_max * risen, batch.extras["largest_categorical_kl"])
        batch.measured.update(capacity=capacity, categorical_capacity=categorical)
        distance = tf.abs(tf.reduce_mean(batch.kl) - capacity)
        categorical_distance = tf.abs(tf.reduce_mean(batch.extras["categorical_kl"]) - categorical)
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "capacity_penalty": self.gamma * distance,
            "categorical_capacity_penalty": self.categorical_gamma * categorical_distance,
        }
