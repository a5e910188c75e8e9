"""Figures of a VAE that need no other network: ELBO, KL of each latent, importance-weighted bound, PSNR and SSIM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gin
import numpy as np
from scipy.special import logsumexp

from dlib_bvae.datasets import as_dataset
from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import NotApplicable, check_integer
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import gaussian_kl
from dlib_bvae.metrics.score_info import About, Result, Sampling, Score

if TYPE_CHECKING:
    from dlib_bvae.models.signatures import SavedModel

_BATCH = 64
_SSIM_WINDOW = 11

SCORES = {
    "elbo": Score(None, None, True, null=None),
    "importance_bound": Score(None, None, True, null=None),
    "reconstruction": Score(None, None, False, null=None),
    "kl": Score(0.0, None, None, null=None),
    "squared_error": Score(0.0, None, False, null=None),
    "psnr": Score(None, None, True, null=None),
    "ssim": Score(-1.0, 1.0, True, null=None),
}
SAMPLING = Sampling(images=("num_images",), fits=("num_samples",))
ABOUT = {
    "elbo": About(
        "bounds of the likelihood in nats, KL, PSNR (dB), SSIM (by name only)",
        ("elbo",),
        ("num_images", "num_samples"),
        "Burda et al. 2016",
        "minutes",
    )
}


@gin.configurable(denylist=["data", "codes", "random_state", "model"])
def elbo(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    model: SavedModel | None = None,
    num_images: int = 1_000,
    num_samples: int = 16,
) -> Result:
    """Bounds of log p(x) in nats, and how far reconstructions are off, over `num_images` images (all, where fewer).

    elbo: E_q[log p(x|z)] - KL(q(z|x) ‖ N(0, I)), the expectation over num_samples draws of the posterior.
    importance_bound: log of the mean importance weight of the same draws (Burda et al. 2016), at least the ELBO on average
    and tighter the more draws. reconstruction: -E_q[log p(x|z)]; kl and kl_per_latent (a list): its parts, nats. Of the
    decoded mean: squared_error, summed over pixels; psnr, decibels; ssim (Wang et al. 2004; images of at least 11 pixels a
    side). All are averaged over images.
    model: what dlib_bvae.models.signatures.model gives; dlib_bvae_evaluate gives the run's. codes are not used: the
    posterior is asked.
    Raises NotApplicable for a model without likelihood or with a posterior that is no Gaussian of finite variance.
    """
    del codes
    if model is None or model.log_likelihood is None or model.decode is None:
        raise NotApplicable(
            "elbo needs a model with a likelihood and a Gaussian posterior: score a trained VAE's run by dlib_bvae_evaluate"
        )
    check_integer("elbo.num_images", num_images, 1)
    check_integer("elbo.num_samples", num_samples, 1)
    images = as_dataset(data, "data")
    rng = np.random.RandomState(int(draw(as_rng(random_state), 2**31, ())))
    rows = np.sort(rng.permutation(images.num_images)[:num_images])
    parts = [
        _batch(model, images.observations_at(rows[start : start + _BATCH]), rng, num_samples)
        for start in range(0, len(rows), _BATCH)
    ]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    kl_per_latent = joined.pop("kl_per_latent").mean(axis=0)
    return {**{key: float(values.mean()) for key, values in joined.items()}, "kl_per_latent": kl_per_latent.tolist()}


def _batch(model: SavedModel, seen: np.ndarray, rng: np.random.RandomState, num_samples: int) -> dict[str, np.ndarray]:
    """Each figure of each image, (n,), and kl_per_latent (n, latents)."""
    mean, log_variance = (np.asarray(each, np.float64) for each in model.encode(seen))
    if not (np.isfinite(mean).all() and np.isfinite(log_variance).all()):
        raise NotApplicable("elbo needs a Gaussian posterior of finite variance; this model's has none")
    assert model.log_likelihood is not None  # elbo refused others
    assert model.decode is not None
    likelihoods, weights = [], []
    for _ in range(num_samples):
        noise = rng.normal(size=mean.shape)
        latents = mean + np.exp(0.5 * log_variance) * noise
        likelihoods.append(np.asarray(model.log_likelihood(seen, latents.astype(np.float32)), np.float64))
        # log p(z) - log q(z|x); the normalising constants cancel.
        weights.append(likelihoods[-1] + 0.5 * (noise**2 - latents**2 + log_variance).sum(axis=1))
    expected = np.mean(likelihoods, axis=0)
    kl = gaussian_kl(mean, log_variance)
    return {
        "elbo": expected - kl.sum(axis=1),
        "importance_bound": logsumexp(weights, axis=0) - np.log(num_samples),
        "reconstruction": -expected,
        "kl": kl.sum(axis=1),
        "kl_per_latent": kl,
        **_errors(seen, np.asarray(model.decode(mean.astype(np.float32)), np.float32)),
    }


def _errors(seen: np.ndarray, decoded: np.ndarray) -> dict[str, np.ndarray]:
    import tensorflow as tf

    squared = ((seen.astype(np.float64) - decoded) ** 2).reshape(len(seen), -1)
    errors = {
        "squared_error": squared.sum(axis=1),
        # An image that is met exactly would have an infinite PSNR: half a grey level of 255 is the least that counts.
        "psnr": -10 * np.log10(np.maximum(squared.mean(axis=1), (0.5 / 255) ** 2)),
    }
    if min(seen.shape[1:3]) >= _SSIM_WINDOW:
        errors["ssim"] = (
            tf.image.ssim(tf.constant(seen, tf.float32), tf.constant(decoded), 1.0).numpy().astype(np.float64)
        )
    return errors
