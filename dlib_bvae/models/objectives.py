"""Objectives by name: one class a method, from a batch's reconstruction error and KL to named loss terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry

OBJECTIVES = Registry("objective", "dlib_bvae.objectives", {"vae": "dlib_bvae.models.objectives:vae"})


@dataclass(frozen=True)
class Batch:
    """What a model makes of one batch. Sums are over pixels or latents, in nats.

    mean, log_variance, latent: float32 (batch, latents), the posterior and a sample of it.
    reconstruction: negative log-likelihood, float32 (batch,). kl: KL(q(z|x) ‖ N(0, I)), float32 (batch,).
    """

    mean: tf.Tensor
    log_variance: tf.Tensor
    latent: tf.Tensor
    reconstruction: tf.Tensor
    kl: tf.Tensor


class Objective(Protocol):
    """A method: the loss is the sum of its terms, each averaged over the batch, in nats."""

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Returns named scalars; their sum is minimised."""


@gin.configurable
class vae:
    """Reconstruction error + β · KL: VAE at β = 1 (Kingma & Welling 2014), β-VAE otherwise (Higgins et al. 2017, Eq. 4).

    beta: weight of the KL, >= 0. Raises UserError when it is negative or not a number.
    """

    def __init__(self, beta: float = 1.0):
        if not isinstance(beta, (int, float)) or isinstance(beta, bool) or not 0 <= beta < float("inf"):
            raise UserError(f"vae.beta must be a finite number >= 0; got {beta!r}")
        self.beta = float(beta)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two terms of the ELBO, the second weighted."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.beta * tf.reduce_mean(batch.kl),
        }
