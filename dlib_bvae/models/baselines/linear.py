"""PCA and ICA: linear codes of flattened images, fitted by scikit-learn to a sample of the data set."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA, FastICA
from sklearn.exceptions import ConvergenceWarning

from dlib_bvae.datasets.images import ImageData, drawn_sample, training_sample
from dlib_bvae.errors import UserError, check_integer, check_positive
from dlib_bvae.models import MOST_LATENTS
from dlib_bvae.models.baselines import Baseline

_BATCH = 1024
_CONTRASTS = ("logcosh", "exp", "cube")
_RANK = 1e-9  # a direction whose variance is smaller than this share of the first one's is none in float32


class LinearNetwork(tf.Module):
    """codes = (image − mean) · encoder, image = codes · decoder + mean, clipped to [0, 1]; images are flattened.

    mean: (pixels · channels,). encoder: (pixels · channels, latents). decoder: (latents, pixels · channels); all float32.
    """

    def __init__(
        self, observation_shape: tuple[int, int, int], mean: np.ndarray, encoder: np.ndarray, decoder: np.ndarray
    ):
        super().__init__("linear")
        self.observation_shape, self.num_latent = tuple(observation_shape), encoder.shape[1]
        self.mean = tf.Variable(mean, name="mean", dtype=tf.float32)
        self.encoder = tf.Variable(encoder, name="encoder", dtype=tf.float32)
        self.decoder = tf.Variable(decoder, name="decoder", dtype=tf.float32)

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → codes and −∞, float32 (batch, latents): a sample is its mean."""
        rows = tf.reshape(observations, [-1, math.prod(self.observation_shape)])
        codes = tf.matmul(rows - self.mean, self.encoder)
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → images float32 (batch, H, W, C), clipped to [0, 1]."""
        rows = tf.matmul(latents, self.decoder) + self.mean
        return tf.reshape(tf.clip_by_value(rows, 0.0, 1.0), [-1, *self.observation_shape])

    def reconstruct(self, observations: tf.Tensor) -> tf.Tensor:
        """Observations → images, both float32 (batch, H, W, C) in [0, 1]."""
        return self.decode(self.encode(observations)[0])


@gin.configurable
class pca(Baseline):
    """Whitened PCA (scikit-learn), as in the [Re] β-VAE report: codes have mean 0 and variance 1 over the sample.

    num_latent: components. num_samples: images it is fitted to; None for the report's 25,000 with one channel, 3,500 with
    several, or all that training shows where there are fewer. Memory: 4 bytes a pixel and channel of the sample, about twice.
    """

    label = "PCA"
    summary = "whitened PCA of flattened images (scikit-learn)"

    def __init__(self, num_latent: int = 10, num_samples: int | None = None):
        self.num_latent, self.num_samples = _checked("pca", num_latent, num_samples)

    def fit(self, data: ImageData, seed: int) -> tuple[LinearNetwork, dict[str, Any]]:
        """Returns the network, with num_samples and explained_variance, the share that the components have.

        Raises UserError when the sample varies in fewer directions than num_latent.
        """
        images = sample(data, self.num_samples or (25_000 if data.observation_shape[2] == 1 else 3_500), seed)
        found = _whitening("pca", self.num_latent, images, "auto", seed)
        scale = np.sqrt(found.explained_variance_)[:, None]
        network = LinearNetwork(
            data.observation_shape, found.mean_, (found.components_ / scale).T, found.components_ * scale
        )
        share = float(found.explained_variance_ratio_.sum())
        return network, {"num_samples": len(images), "explained_variance": share}


@gin.configurable
class fast_ica(Baseline):
    """FastICA (Hyvärinen 1999; scikit-learn) on whitened components; codes have variance 1 over the sample.

    num_latent: components. num_samples: images it is fitted to; None for the [Re] β-VAE report's 2,500 with one channel, 1,000
    with several, or all that training shows where there are fewer. fun: contrast, "logcosh", "exp" or "cube". max_iter: steps
    of the fixed-point iteration. tol: change of the unmixing matrix, 0 … 1, at which it has converged.
    """

    label = "ICA"
    summary = "FastICA on whitened components (scikit-learn)"
    paper = "Hyvärinen 1999"

    def __init__(
        self,
        num_latent: int = 10,
        num_samples: int | None = None,
        fun: str = "logcosh",
        max_iter: int = 200,
        tol: float = 1e-4,
    ):
        self.num_latent, self.num_samples = _checked("fast_ica", num_latent, num_samples)
        if fun not in _CONTRASTS:
            raise UserError(f"fast_ica.fun must be one of {', '.join(_CONTRASTS)}; got {fun!r}")
        check_integer("fast_ica.max_iter", max_iter, 1)
        self.options = {"fun": fun, "max_iter": max_iter, "tol": check_positive("fast_ica.tol", tol)}

    def fit(self, data: ImageData, seed: int) -> tuple[LinearNetwork, dict[str, Any]]:
        """Returns the network, with num_samples, iterations and converged: false when max_iter came before tol.

        Raises UserError when the sample varies in fewer directions than num_latent.
        """
        images = sample(data, self.num_samples or (2_500 if data.observation_shape[2] == 1 else 1_000), seed)
        white = _whitening("fast_ica", self.num_latent, images, "full", seed)
        ica, sources, converged = self._rotate(white.transform(images), seed)
        deviation, scale = sources.std(axis=0)[:, None], np.sqrt(white.explained_variance_)[:, None]
        network = LinearNetwork(
            data.observation_shape,
            white.mean_,
            (ica.components_ / deviation @ (white.components_ / scale)).T,
            np.linalg.inv(ica.components_ / deviation).T @ (white.components_ * scale),
        )
        return network, {"num_samples": len(images), "iterations": int(ica.n_iter_), "converged": converged}

    def _rotate(self, white: np.ndarray, seed: int) -> tuple[FastICA, np.ndarray, bool]:
        """Whitened codes (count, latents) → the fitted rotation, the sources (count, latents), and whether it converged."""
        # Whitened before: FastICA's own takes the signs of the first pixel's loadings, and is lost where that pixel is constant.
        ica = FastICA(whiten=False, random_state=seed, **self.options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                sources = ica.fit_transform(white)
            except ValueError as error:
                raise UserError(
                    f"FastICA came to NaN or infinite numbers with fast_ica.fun = {self.options['fun']!r}; choose another fun, "
                    "or another model.random_seed"
                ) from error
        converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
        if not converged:
            advice = "raise fast_ica.max_iter or fast_ica.tol, or report it"
            print(f"FastICA has not converged in {ica.n_iter_} iterations; {advice}", file=sys.stderr)
        return ica, sources, converged


def sample(data: ImageData, count: int, seed: int) -> np.ndarray:
    """`count` flattened observations of training (see training_sample), float32 (count, pixels · channels) in [0, 1]."""
    rows = drawn_sample(data, count, seed) if data.drawn else training_sample(data, count, seed)
    images = np.empty((len(rows), math.prod(data.observation_shape)), np.float32)
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        images[start : start + _BATCH] = data.observations_at(part).reshape(len(part), -1)
    return images


def _checked(name: str, num_latent: int, num_samples: int | None) -> tuple[int, int | None]:
    check_integer(f"{name}.num_latent", num_latent, 1, MOST_LATENTS)
    if num_samples is not None:
        check_integer(f"{name}.num_samples", num_samples, 2)
    return num_latent, num_samples


def _whitening(name: str, num_latent: int, images: np.ndarray, solver: str, seed: int) -> PCA:
    """PCA of `images` (count, numbers), which it keeps. Raises UserError when they vary in fewer directions than num_latent."""
    if num_latent > min(images.shape):
        raise UserError(
            f"{name}.num_latent must be at most {min(images.shape)}, the smaller of {len(images)} images and "
            f"{images.shape[1]} numbers per image; got {num_latent}"
        )
    with np.errstate(invalid="ignore"):  # shares of no variance at all, which is refused below
        found = PCA(num_latent, whiten=True, svd_solver=solver, random_state=seed).fit(images)
    directions = int(np.sum(found.explained_variance_ > _RANK * found.explained_variance_[0]))
    if directions < num_latent:
        raise UserError(
            f"the images vary in {directions} directions, so {name}.num_latent must be at most that; got {num_latent}"
        )
    return found
