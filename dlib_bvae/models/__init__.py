"""Models: architectures, likelihoods, objectives and baselines, and the networks that they are about, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlib_bvae.registry import Registry
from dlib_bvae.runtime import prepare_tensorflow

prepare_tensorflow()

__all__ = ["MODELS", "MOST_LATENTS", "load"]

if TYPE_CHECKING:
    from pathlib import Path

    from dlib_bvae.models.trained import TrainedModel

MODELS = Registry(
    "model",
    "dlib_bvae.models",
    {
        "gaussian_vae": "dlib_bvae.models.vae:GaussianVAE",
        "deterministic_autoencoder": "dlib_bvae.models.autoencoders:deterministic_autoencoder",
        "deterministic_encoder": "dlib_bvae.models.autoencoders:deterministic_encoder",
        "quantized_autoencoder": "dlib_bvae.models.autoencoders:quantized_autoencoder",
        "vector_quantized_autoencoder": "dlib_bvae.models.autoencoders:vector_quantized_autoencoder",
        "fsq_autoencoder": "dlib_bvae.models.autoencoders:fsq_autoencoder",
        "categorical_vae": "dlib_bvae.models.categorical:categorical_vae",
        "discrete_vae": "dlib_bvae.models.categorical:discrete_vae",
        "multi_rate_vae": "dlib_bvae.models.multi_rate:multi_rate_vae",
    },
)

_ARCHITECTURES = {  # module → its encoders and decoders
    "architectures": (
        "burgess_encoder",
        "burgess_decoder",
        "higgins_encoder",
        "higgins_decoder",
        "fc_encoder",
        "fc_decoder",
        "conv_encoder",
        "deconv_decoder",
        "residual_encoder",
        "residual_decoder",
        "spatial_broadcast_decoder",
    ),
}
ARCHITECTURES = Registry(
    "architecture",
    "dlib_bvae.architectures",
    {name: f"dlib_bvae.models.{module}:{name}" for module, names in _ARCHITECTURES.items() for name in names},
)
LIKELIHOODS = Registry(
    "likelihood",
    "dlib_bvae.likelihoods",
    {
        name: f"dlib_bvae.models.likelihoods:{name}"
        for name in ("bernoulli_loss", "gaussian_loss", "sigma_loss", "optimal_sigma_loss")
    },
)


def load(source: str | Path) -> TrainedModel:
    """The trained model in a run directory, in a SavedModel of any framework with a signature encode, or "zoo:name" of the zoo.

    See TrainedModel; the zoo's names: dlib_bvae list zoo. Raises UserError where there is none of these, and for a method
    without an encoder (oracle, noise, constant_codes).
    """
    from dlib_bvae.models import trained

    return trained.load(source)


MOST_LATENTS = 20_000  # as a metric's sample of longer codes does not fit into memory
