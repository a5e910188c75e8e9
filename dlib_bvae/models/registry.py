"""The networks by name: what an objective is trained on."""

from dlib_bvae.registry import Registry

MODELS = Registry("model", "dlib_bvae.models", {"gaussian_vae": "dlib_bvae.models.vae:GaussianVAE"})
