"""Codes of a finite grid that are to be independent, and a decoder in which they are not to act on each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import gin
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError, check_integer, check_number, check_positive
from dlib_bvae.models.objectives.base import Batch, Objective, stream
from dlib_bvae.models.random_numbers import normal, uniform

_LEAST_VARIANCE = 1e-10


@gin.configurable
class tripod(Objective):
    """Reconstruction + λ₁ multi-information of the codes + λ₂ normalised Hessian penalty; Tripod (Hsu et al. 2024,
    arXiv 2404.10282).

    model.network is @fsq_autoencoder. The authors' reconstruction is a mean over pixels and channels; here it is a sum, so both
    weights are multiplied by their number. A weight of 0 leaves its term out; with both, what remains is the autoencoder of
    quantised codes alone (gin/models/fsq_autoencoder.gin). lambda_information, lambda_hessian: λ₁ and λ₂, >= 0. epsilon: steps
    of the decoder's second differences, in standard deviations of the codes, > 0. directions: in which they are taken, of each
    kind, >= 2. Raises UserError for a batch of one image.

    The Hessian penalty applies the decoder to 4 · directions + 1 further codes an image: a step takes 6.0 times the
    multiplications of the β-VAE's with disentanglement_lib's networks on 64×64×1 pixels, and without it as many.
    """

    label = "Tripod λ₁ = {lambda_information}, λ₂ = {lambda_hessian}"
    summary = "a grid of codes, their multi-information by kernels, the decoder's normalised Hessian penalty"
    paper = "Hsu et al. 2024"
    latents = ("finite_scalar",)

    def __init__(
        self,
        lambda_information: float = 1e-4,
        lambda_hessian: float = 1e-2,
        epsilon: float = 0.1,
        directions: int = 2,
    ):
        super().__init__("tripod")
        self.information = check_number("tripod.lambda_information", lambda_information, 0)
        self.hessian = check_number("tripod.lambda_hessian", lambda_hessian, 0)
        self.epsilon = check_positive("tripod.epsilon", epsilon)
        check_integer("tripod.directions", directions, 2)
        self.directions, self.pixels = directions, 0

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Keeps the number of pixels and channels."""
        self.pixels = math.prod(data.observation_shape)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the weighted penalties; logs these without their weights."""
        terms = {"reconstruction": tf.reduce_mean(batch.reconstruction)}
        if not self.information and not self.hessian:
            return terms
        spread = deviations(batch.extras["continuous"])
        if self.information:
            batch.measured["multi_information"] = tf.reduce_mean(multi_information(batch.latent, spread))
            terms["weighted_multi_information"] = self.pixels * self.information * batch.measured["multi_information"]
        if self.hessian:
            directions = spread * draw_directions(batch.latent.shape, self.directions, batch.key)
            penalty = hessian_penalty(batch.extras["hidden"], batch.latent, directions, self.epsilon)
            batch.measured["hessian_penalty"] = penalty
            terms["weighted_hessian_penalty"] = self.pixels * self.hessian * penalty
        return terms


def deviations(codes: tf.Tensor) -> tf.Tensor:
    """Standard deviations over a batch, at least 1e-6: float32 (batch, latents) → (latents,). Raises UserError for one image."""
    if codes.shape[0] < 2:
        raise UserError(f"tripod needs a batch of at least 2 images; got {codes.shape[0]}")
    # Within the root, as the gradient of the root of 0 is infinite.
    return tf.sqrt(tf.math.reduce_variance(codes, axis=0) + 1e-12)


def multi_information(codes: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    """log q(z) − Σ_k log q(z_k) at each code, by Gaussian kernels on the codes of the batch: float32 (batch, latents) → (batch,).

    spread: of each latent, float32 (latents,): the kernels' width for one latent, as in the authors' code, which leaves
    Silverman's factor out there; for all latents together that times Silverman's factor.
    """
    count, latents = codes.shape
    silverman = (4.0 / (latents + 2)) ** (1 / (latents + 4)) * count ** (-1 / (latents + 4))
    exponents = -0.5 * tf.square((codes[:, None] - codes[None]) / spread)
    together = tf.reduce_logsumexp(tf.reduce_sum(exponents, axis=2) / silverman**2, axis=1)
    single = tf.reduce_logsumexp(exponents, axis=1)
    # spread and 2π stand in the density of all and in those of each, and cancel.
    constant = (latents - 1) * math.log(count) - latents * math.log(silverman)
    return together - tf.reduce_sum(single, axis=1) + constant


def draw_directions(shape: tf.TensorShape, directions: int, key: tf.Tensor) -> tf.Tensor:
    """Of an image first `directions` of random signs, then as many of N(0, I): float32 (batch, 2 · directions, latents)."""
    size = [shape[0], directions, shape[1]]
    signs = tf.where(uniform(size, stream(key, 1)) < 0.5, -1.0, 1.0)
    return tf.concat([signs, normal(size, stream(key, 2))], axis=1)


def hessian_penalty(
    hidden: Callable[[tf.Tensor], list[tf.Tensor]], codes: tf.Tensor, directions: tf.Tensor, epsilon: float
) -> tf.Tensor:
    """Σ over hidden layers of a ratio: how much second differences vary over directions of signs, and over Gaussian ones.

    The variance of vᵀHv over random signs is 2 Σ_{i≠j} H_ij², over Gaussian v it is 2 Σ_ij H_ij² (Peebles et al. 2020), so a
    ratio tends to the share of the Hessian outside its diagonal, in 0 … 1; that of few directions may be larger. Both are means
    over the units of a layer and over the batch; the authors divide image by image, which a decoder of ReLUs does not bear, as it
    has images without a kink within reach. hidden: codes (n, latents) → a tensor (n, …) a layer. codes: float32 (batch,
    latents). directions: v, float32 (batch, 2 · directions, latents), the first half of signs; differences are taken at
    ± epsilon v. Returns float32 ().
    """
    (batch, latents), steps = codes.shape, epsilon * directions
    around = tf.concat([codes[:, None], codes[:, None] + steps, codes[:, None] - steps], axis=1)
    penalties = []
    for layer in hidden(tf.reshape(around, [-1, latents])):
        values = tf.reshape(layer, [batch, around.shape[1], math.prod(layer.shape[1:])])
        here, ahead, behind = tf.split(values, [1, steps.shape[1], steps.shape[1]], axis=1)
        signs, gaussian = tf.split((ahead - 2.0 * here + behind) / epsilon**2, 2, axis=1)
        vary = lambda second: tf.reduce_mean(tf.math.reduce_variance(second, axis=1))
        penalties.append(vary(signs) / (vary(gaussian) + _LEAST_VARIANCE))
    return tf.add_n(penalties)
