"""How a posterior becomes a code: its mean, or a sample."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry

REPRESENTATIONS = Registry(
    "representation",
    "dlib_bvae.representations",
    {
        name: f"dlib_bvae.representations.reductions:{name}"
        for name in ("mean_representation", "sampled_representation")
    },
)


@gin.configurable(denylist=["mean", "log_variance", "rng"])
def mean_representation(mean: np.ndarray, log_variance: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The posterior mean: float32 (n, latents) → the same."""
    del log_variance, rng
    return mean


@gin.configurable(denylist=["mean", "log_variance", "rng"])
def sampled_representation(mean: np.ndarray, log_variance: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """One posterior sample a row: float32 (n, latents) twice → float32 (n, latents).

    Raises UserError where the encoder gives no log_variance.
    """
    if log_variance is None:
        raise UserError("the encoder gives no log_variance, so nothing can be sampled; use @mean_representation")
    return mean + np.exp(0.5 * log_variance) * rng.standard_normal(mean.shape, dtype=np.float32)
