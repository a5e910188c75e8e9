"""Models: architectures, likelihoods, objectives and baselines, and the networks that they are about, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dlib_bvae.registry import Registry
from dlib_bvae.runtime import prepare_tensorflow

prepare_tensorflow()

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tensorflow as tf

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

MOST_LATENTS = 20_000  # as a metric's sample of longer codes does not fit into memory


class Model(Protocol):
    """What every network can do, trained or fitted: observations ↔ codes. It is a tf.Module, and exported as a SavedModel."""

    observation_shape: tuple[int, int, int]
    num_latent: int

    @property
    def trainable_variables(self) -> Sequence[tf.Variable]:
        """The weights."""

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → mean and log variance, (batch, latents); −∞ for an exact code."""

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → the expected image, float32 (batch, H, W, C) in [0, 1]."""

    def reconstruct(self, observations: tf.Tensor) -> tf.Tensor:
        """Decodes the mean: observations → images, both float32 (batch, H, W, C) in [0, 1]."""
