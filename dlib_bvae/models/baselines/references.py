"""The reference rows of a board: noise, one code for all images (constant_codes), an untrained network, the factors (oracle)."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, cast

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.datasets.random_words import words
from dlib_bvae.errors import check_integer
from dlib_bvae.models.baselines import Baseline
from dlib_bvae.models.vae import GaussianVAE

_MOST_LATENTS = 20_000


class Unseen(Baseline):
    """Codes of `num_latent` numbers that look at no image, so there is no SavedModel, and no decoder. codes_of: what they are."""

    def __init__(self, num_latent: int):
        check_integer(f"{self.codes}.num_latent", num_latent, 1, _MOST_LATENTS)
        self.num_latent = num_latent

    def fit(self, data: ImageData, seed: int) -> tuple[None, dict[str, Any]]:
        """Makes nothing; returns the number of latents."""
        return None, {"num_latents": self.num_latent}

    @classmethod
    def coded(cls, data: ImageData, trained: Mapping[str, Any]) -> UnseenView:
        """The codes of `data`: codes_of its indices, of as many latents and of the seed that the results of training have."""
        latents, seed = trained.get("num_latents"), trained["seed"]
        check_integer("num_latents in the results of the training", latents, 1, _MOST_LATENTS)
        return UnseenView(data, lambda indices: cls.codes_of(indices, int(latents), seed))  # type: ignore[arg-type]

    @staticmethod
    @abc.abstractmethod
    def codes_of(indices: np.ndarray, num_latent: int, seed: int) -> np.ndarray:
        """Indices (n,) → codes float32 (n, num_latent)."""


class UnseenView:
    """A data set whose "observations" are codes by the index of an image, float32 (n, latents)."""

    decode = None

    def __init__(self, data: ImageData, codes_of: Callable[[np.ndarray], np.ndarray]):
        self.name, self.num_images = data.name, data.num_images
        self.observations_at = codes_of

    @staticmethod
    def encode(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes → themselves and their log variance, −∞; float32 (n, latents) each."""
        return codes, np.full_like(codes, -np.inf)


@gin.configurable
class noise(Unseen):
    """Independent standard normal codes, a function of the index of an image and model.random_seed.

    num_latent: 1 … 20,000. Raises UserError for a number out of range.
    """

    label = "noise"
    summary = "independent normal codes, a function of the index of an image and the seed: what chance scores"
    codes = "noise"

    def __init__(self, num_latent: int = 10):
        super().__init__(num_latent)

    @staticmethod
    def codes_of(indices: np.ndarray, num_latent: int, seed: int) -> np.ndarray:
        """Indices (n,) → codes float32 (n, num_latent), mean 0 and variance 1; a wider code begins with the same numbers."""
        from scipy.special import ndtri

        uniform = ((words(seed, indices, num_latent) >> np.uint64(11)) + 0.5) * 2.0**-53
        return ndtri(uniform).astype(np.float32)


@gin.configurable
class constant_codes(Unseen):
    """The code 0 of every image: a representation that has collapsed. The seed changes nothing.

    num_latent: 1 … 20,000. Raises UserError for a number out of range.
    """

    label = "constant"
    summary = "the code 0 of every image: what a collapsed model scores"
    codes = "constant_codes"

    def __init__(self, num_latent: int = 10):
        super().__init__(num_latent)

    @staticmethod
    def codes_of(indices: np.ndarray, num_latent: int, seed: int) -> np.ndarray:
        """Indices (n,) → zeros float32 (n, num_latent)."""
        return np.zeros((len(indices), num_latent), np.float32)


@gin.configurable
class random_encoder(Baseline):
    """The Gaussian VAE with its initial weights, which the seed fixes; encoder and decoder are the configuration's."""

    label = "random encoder"
    summary = "a β-VAE's network (`encoder.…`, `decoder.…`) before its first step: the lower reference row"
    unused = ("feed", "validation", "divergence", "frechet_curve")

    def fit(self, data: ImageData, seed: int) -> tuple[GaussianVAE, dict[str, Any]]:
        """Returns the untrained network."""
        return GaussianVAE(data.observation_shape, seed), {}


@gin.configurable
class oracle(Baseline):
    """An image's code is its factors (see FactorView). No encoder of images gives it, so the run has no SavedModel."""

    label = "oracle"
    summary = "codes are the true factors, mean 0 and variance 1: the upper reference row"
    supervision = "factors"
    codes = "factors"

    def fit(self, data: ImageData, seed: int) -> tuple[None, dict[str, Any]]:
        """Checks that there are factors, and makes nothing; the seed changes nothing. Raises UserError without factors."""
        as_factor_dataset(data, "the oracle's dataset.name")
        return None, {}

    @classmethod
    def coded(cls, data: ImageData, trained: Mapping[str, Any]) -> FactorView:
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
