"""A batch with known numbers."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.models.objectives import Batch


@pytest.fixture(scope="session")
def make_batch():
    """make_batch(count, latents, …fields) → Batch of random posteriors, float32."""

    def make(count=8, latents=3, seed=0, **fields):
        rng = np.random.default_rng(seed)
        mean, log_variance, noise = rng.normal(size=(3, count, latents)).astype(np.float32)
        latent = mean + np.exp(log_variance / 2) * noise
        kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1)
        given = {
            "mean": mean,
            "log_variance": log_variance,
            "latent": latent,
            "reconstruction": rng.uniform(50, 100, size=count).astype(np.float32),
            "kl": kl.astype(np.float32),
            "key": np.array([0, 1], np.int64),
            "step": np.array(0, np.int64),
        }
        tensors = {name: tf.constant(value) for name, value in given.items()}
        return Batch(**{**tensors, "total": 100, **fields})

    return make
