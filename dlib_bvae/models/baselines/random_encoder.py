"""The lower reference row: a β-VAE's network as it is before the first step."""

from __future__ import annotations

from typing import Any

import gin

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.models.baselines.base import Baseline
from dlib_bvae.models.vae import GaussianVAE


@gin.configurable
class random_encoder(Baseline):
    """The Gaussian VAE with its initial weights, which the seed fixes; encoder and decoder are the configuration's."""

    unused = ("feed", "validation", "divergence", "frechet_curve")

    def fit(self, data: ImageData, seed: int) -> tuple[GaussianVAE, dict[str, Any]]:
        """Returns the untrained network."""
        return GaussianVAE(data.observation_shape, seed), {}
