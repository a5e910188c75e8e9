"""The networks by name: what an objective is trained on."""

from dlib_bvae.registry import Registry

MODELS = Registry(
    "model",
    "dlib_bvae.models",
    {
        "gaussian_vae": "dlib_bvae.models.vae:GaussianVAE",
        "deterministic_autoencoder": "dlib_bvae.models.autoencoders:deterministic_autoencoder",
        "quantized_autoencoder": "dlib_bvae.models.autoencoders:quantized_autoencoder",
        "vector_quantized_autoencoder": "dlib_bvae.models.vector_quantized:vector_quantized_autoencoder",
        "categorical_vae": "dlib_bvae.models.categorical:categorical_vae",
        "multi_rate_vae": "dlib_bvae.models.multi_rate:multi_rate_vae",
    },
)
