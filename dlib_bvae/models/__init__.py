"""Models: architectures, likelihoods, objectives and baselines, and the networks that they are about, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlib_bvae.registry import Registry
from dlib_bvae.runtime import prepare_tensorflow

prepare_tensorflow()

if TYPE_CHECKING:
    from pathlib import Path

    from dlib_bvae.models.trained import TrainedModel

MODELS = Registry(
    "model",
    "dlib_bvae.models",
    {
        "gaussian_vae": "dlib_bvae.models.vae:GaussianVAE",
        "deterministic_autoencoder": "dlib_bvae.models.autoencoders:deterministic_autoencoder",
        "quantized_autoencoder": "dlib_bvae.models.autoencoders:quantized_autoencoder",
        "vector_quantized_autoencoder": "dlib_bvae.models.autoencoders:vector_quantized_autoencoder",
        "categorical_vae": "dlib_bvae.models.categorical:categorical_vae",
        "multi_rate_vae": "dlib_bvae.models.multi_rate:multi_rate_vae",
    },
)


def load(source: str | Path) -> TrainedModel:
    """The trained model in a run directory, or in a SavedModel of any framework with a signature encode; see TrainedModel.

    Raises UserError where neither is there, and for a run of a method without an encoder (oracle, noise, constant_codes).
    """
    from dlib_bvae.models import trained

    return trained.load(source)


MOST_LATENTS = 20_000  # as a metric's sample of longer codes does not fit into memory
