"""The images by which a training is watched: how the first are reconstructed, and what the latents carry of all of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets import ImageData
from dlib_bvae.models.vae import GaussianVAE

RECONSTRUCTED = 8
ACTIVE_ABOVE = 0.01  # variance of the posterior mean (Burda et al. 2016), as the metric active_units has it
_ENCODED, _MOST_NUMBERS = 256, 2**24  # images, and the pixels of all, 64 MiB


def examples_of(data: ImageData) -> np.ndarray:
    """Observations of different images, float32 (n, H, W, C) in [0, 1]: RECONSTRUCTED and others, 256 or what data has.

    Fewer, where images are so large that they would fill the memory.
    """
    most = min(_ENCODED, data.num_images, max(RECONSTRUCTED, _MOST_NUMBERS // int(np.prod(data.observation_shape))))
    first = np.random.default_rng(0).choice(data.num_images, size=min(RECONSTRUCTED, most), replace=False)
    others = np.random.default_rng(1).choice(data.num_images, size=most, replace=False)
    rows = np.concatenate([first, others[~np.isin(others, first)]])
    return data.observations_at(rows[:most])


def latents(network: GaussianVAE, observations: np.ndarray, batch_size: int) -> tuple[np.ndarray, int]:
    """(KL of each latent in nats, float64 (latents,); how many latents are active) under the present weights.

    observations: float32 (n, H, W, C) in [0, 1], encoded in pieces of batch_size. The KL is a mean over them, NaN for a latent
    without a posterior variance. Active is a latent whose posterior mean varies over them by more than ACTIVE_ABOVE.
    """
    pieces = [observations[start : start + batch_size] for start in range(0, len(observations), batch_size)]
    encoded = [[part.numpy() for part in network.encode(tf.constant(piece))] for piece in pieces]
    means, log_variances = (np.concatenate(parts).astype(np.float64) for parts in zip(*encoded, strict=True))
    known = np.isfinite(log_variances).all(axis=0)
    spread = np.where(known, log_variances, 0.0)
    kl = 0.5 * (np.square(means) + np.exp(spread) - spread - 1.0).mean(axis=0)
    return np.where(known, kl, np.nan), int((means.var(axis=0) > ACTIVE_ABOVE).sum())
