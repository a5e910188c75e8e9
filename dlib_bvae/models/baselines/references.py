"""The reference rows of a board: a network before its first step (random_encoder), and the true factors as codes (oracle)."""

from __future__ import annotations

from typing import Any, cast

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.ground_truth import FactorDataset, GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.models.baselines import Baseline
from dlib_bvae.models.vae import GaussianVAE


@gin.configurable
class random_encoder(Baseline):
    """The Gaussian VAE with its initial weights, which the seed fixes; encoder and decoder are the configuration's."""

    summary = "a β-VAE's network (`encoder.…`, `decoder.…`) before its first step: the lower reference row"
    unused = ("feed", "validation", "divergence", "frechet_curve")

    def fit(self, data: ImageData, seed: int) -> tuple[GaussianVAE, dict[str, Any]]:
        """Returns the untrained network."""
        return GaussianVAE(data.observation_shape, seed), {}


@gin.configurable
class oracle(Baseline):
    """An image's code is its factors (see FactorView). No encoder of images gives it, so the run has no SavedModel."""

    summary = "codes are the true factors, mean 0 and variance 1: the upper reference row"
    supervision = "factors"
    codes = "factors"

    def fit(self, data: ImageData, seed: int) -> tuple[None, dict[str, Any]]:
        """Checks that there are factors, and makes nothing; the seed changes nothing. Raises UserError without factors."""
        as_factor_dataset(data, "the oracle's dataset.name")
        return None, {}

    @classmethod
    def coded(cls, data: FactorDataset) -> FactorView:
        """The factors of `data` as codes."""
        return FactorView(cast(GroundTruthData, data))  # a subsample of a grid has all that is used of it


class FactorView:
    """A data set as the oracle sees it: its "observations" are codes, float32 (n, factors).

    A code has the factors' values, each shifted and scaled to mean 0 and variance 1 over the whole grid, like a VAE's prior;
    a factor with one value gives 0.
    """

    def __init__(self, data: GroundTruthData):
        self.data, self.name, self.num_images = data, data.name, data.num_images
        sizes = np.array(data.factor_sizes)
        self._last, self._middle = sizes - 1, (sizes - 1) / 2
        self._deviation = np.sqrt(np.maximum(sizes**2 - 1, 1) / 12)

    def observations_at(self, indices: np.ndarray) -> np.ndarray:
        """Indices (n,) → codes float32 (n, factors)."""
        return ((self.data.factors_at(indices) - self._middle) / self._deviation).astype(np.float32)

    @staticmethod
    def encode(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes → themselves and their log variance, −∞; float32 (n, factors) each."""
        return codes, np.full_like(codes, -np.inf)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, factors) → the image of the nearest factors, the first of its cell; float32 (n, H, W, C) in [0, 1]."""
        values = np.clip(np.rint(codes * self._deviation + self._middle), 0, self._last).astype(np.int64)
        return self.data.observations_at(self.data.index_of(values))
