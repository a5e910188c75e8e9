"""Layers, likelihood and divergence of the networks in plain numpy, and a network whose encoder and decoder are numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.vae import GaussianVAE
from support.gradients import check


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """(n, H, W, inputs), (size, size, inputs, width) → (n, H/stride, W/stride, width), padded evenly, more at the end."""
    size, (_, height, width, _) = len(kernel), x.shape
    pads = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in (height, width)]
    x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    last = [n - size + 1 for n in x.shape[1:3]]
    taps = np.ndindex(size, size)
    return bias + sum(x[:, i : i + last[0] : stride, j : j + last[1] : stride] @ kernel[i, j] for i, j in taps)


def deconv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Every number spread over 4 × 4 pixels at twice its place: (n, H, W, inputs), (4, 4, width, inputs) → (n, 2H, 2W, width)."""
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i, j in np.ndindex(4, 4):
        y[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[i, j].T
    return bias + y[:, 1:-1, 1:-1]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def bernoulli(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """−log of the probability of images (n, H, W, C) under pixels of probability σ(logit), nats (n,)."""
    p = sigmoid(logits)
    return -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum((1, 2, 3))


def kl(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """KL(N(mean, σ²) ‖ N(0, 1)) summed over latents, (n, latents) twice → nats (n,)."""
    variance = np.exp(log_variance)
    return (0.5 * mean**2 + 0.5 * variance - np.log(np.sqrt(variance)) - 0.5).sum(1)


def discriminator_logits(method: Any, codes: np.ndarray) -> np.ndarray:
    """Of an objective with a discriminator: codes (n, latents) → its two logits (n, 2)."""
    network = method.discriminator
    for layer in network.hidden:
        kernel = layer.kernel.numpy().astype(float)
        codes = codes @ (kernel.T if layer.transposed else kernel) + layer.bias.numpy()
        codes = np.where(codes > 0, codes, 0.2 * codes)
    return codes @ network.output.kernel.numpy().astype(float) + network.output.bias.numpy()


IMAGES = np.random.default_rng(3).uniform(size=(4, 2, 3, 1))
KEY = tf.constant([5, 7], tf.int64)


def matrix(latents: int) -> np.ndarray:
    """The decoder of `batch_of`: (latents, pixels)."""
    return np.random.default_rng(4).normal(size=(latents, IMAGES[0].size))


def decoded(latent: np.ndarray) -> np.ndarray:
    """Its logits of latents, (4, latents) → (4, 2, 3, 1)."""
    return (latent @ matrix(latent.shape[1])).reshape(IMAGES.shape)


def batch_of(network: GaussianVAE, mean: tf.Tensor, log_variance: tf.Tensor, **given: Any) -> Batch:
    """The batch of IMAGES that the network makes with KEY where its encoder says `mean` and `log_variance`, (4, latents)."""
    weights = tf.constant(matrix(mean.shape[1]), tf.float32)
    network.encoder = lambda _: (mean, log_variance)
    network.decoder = lambda z: tf.reshape(tf.matmul(z, weights), IMAGES.shape)
    return network.batch(tf.constant(IMAGES, tf.float32), KEY, **given)


def posterior(latents: int) -> dict[str, np.ndarray]:
    """Means and log variances of 4 images, which differ by image and latent."""
    mean, log_variance = np.random.default_rng(5).normal(size=(2, 4, latents))
    return {"mean": mean, "log_variance": log_variance - 0.7}


def noise(shape: tuple[int, ...], key: tf.Tensor = KEY) -> np.ndarray:
    """Normal numbers of a key, as TensorFlow itself draws them."""
    return tf.random.stateless_normal(shape, key).numpy().astype(float)


def check_codebook(
    network: GaussianVAE, free: np.ndarray, codebook: np.ndarray, quantized: Callable[[Any], Any], values: np.ndarray
) -> None:
    """Asserts that a batch of a network with a codebook, and its gradients, are those of plain numpy.

    free: codes before they are quantized (4, latents). quantized: a codebook → the codes that it gives for them; values: these.
    """

    def made(mean: tf.Tensor, codebook: tf.Tensor) -> dict[str, tf.Tensor]:
        network.codebook = codebook
        batch = batch_of(network, mean, mean)
        return {"mean": batch.mean, "latent": batch.latent, "reconstruction": batch.reconstruction, **batch.extras}

    def formula(mean: np.ndarray, codebook: np.ndarray) -> dict[str, np.ndarray]:
        chosen, latent = quantized(codebook), mean + (values - free)  # straight through
        return {
            "mean": chosen,
            "latent": latent,
            "reconstruction": bernoulli(IMAGES, decoded(latent)),
            "quantization": ((free - chosen) ** 2).mean(1),
            "commitment": ((mean - values) ** 2).mean(1),
        }

    check(made, formula, mean=free, codebook=codebook)
