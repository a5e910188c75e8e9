"""The ELBO with a penalty on how much latents change the same pixels: the off-diagonal energy of JᵀJ of the decoder."""

from __future__ import annotations

from collections.abc import Callable

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.objectives.base import Batch, Objective, Weight, check_weight, stream
from dlib_bvae.models.random_numbers import uniform


@gin.configurable
class orthogonal_jacobian(Objective):
    """Reconstruction + β KL + γ · mean over images of Σ_{i≠j} (J_i · J_j)², a method of this package.

    J_i: the derivative of the decoder's image, in [0, 1], by latent i at the posterior's sample; the sum is the off-diagonal
    energy of JᵀJ, which is 0 where latents change images in orthogonal directions. A VAE's diagonal posteriors pull the decoder
    there, where the density of the images factorises along the latents (Allen 2024, arXiv:2410.22559, under its assumptions);
    the penalty pulls with a weight of its own. It is the energy whose share a run's page shows (visualize/jacobian.py), estimated
    without bias by products of J with `pairs` pairs of latents, drawn anew for every image and step. It grows with the
    square of the number of pixels, and blur lowers it too, so that γ is set for a data set.

    gamma, beta: >= 0 or schedules. pairs: >= 1; each costs two products with the decoder's Jacobian. Raises UserError otherwise.
    """

    label = "orthogonal Jacobian γ = {gamma}, β = {beta}"
    summary = "β-VAE whose latents change images in orthogonal directions, of this package"
    paper = "Allen 2024"
    separable = True

    def __init__(self, gamma: float | Weight = 1e-3, beta: float | Weight = 1.0, pairs: int = 2):
        super().__init__("orthogonal_jacobian")
        self.gamma = check_weight("orthogonal_jacobian.gamma", gamma)
        self.beta = check_weight("orthogonal_jacobian.beta", beta)
        check_integer("orthogonal_jacobian.pairs", pairs, 1)
        self.pairs = pairs

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The ELBO's two terms and the weighted energy; logs the energies of JᵀJ off and on its diagonal."""
        latents = int(batch.latent.shape[1])
        chosen = draw_pairs(batch.latent.shape[0], latents, self.pairs, stream(batch.key, 1))
        columns = jacobian_columns(batch.decode, batch.latent, tf.reshape(chosen, [-1, 2 * self.pairs]))
        off_diagonal, diagonal = energies(tf.reshape(columns, [-1, self.pairs, 2, columns.shape[2]]), latents)
        batch.measured.update(off_diagonal_energy=off_diagonal, diagonal_energy=diagonal)
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.weight_of("beta", batch) * tf.reduce_mean(batch.kl),
            "weighted_off_diagonal_energy": self.weight_of("gamma", batch) * off_diagonal,
        }


def draw_pairs(images: int, latents: int, pairs: int, key: tf.Tensor) -> tf.Tensor:
    """Pairs of different latents, all equally likely, int32 (images, pairs, 2). Raises UserError for fewer than 2 latents."""
    if latents < 2:
        raise UserError(f"orthogonal_jacobian compares at least 2 latents; encoder.num_latent is {latents}")
    position = uniform([images, pairs, 2], key)
    first = tf.cast(position[..., 0] * latents, tf.int32)
    shift = 1 + tf.cast(position[..., 1] * (latents - 1), tf.int32)
    return tf.stack([first, (first + shift) % latents], axis=2)


def jacobian_columns(decode: Callable[[tf.Tensor], tf.Tensor], latent: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Columns of the Jacobian of `decode` at `latent` (n, latents), the `chosen` ones int (n, m): float32 (n, m, pixels)."""
    # The gradient Jᵀu is linear in u, and its own gradient by u along v is Jv: one pass of the decoder for all columns.
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            inner.watch(latent)
            images = decode(latent)
        upstream = tf.zeros_like(images)
        outer.watch(upstream)
        pulled = inner.gradient(images, latent, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    columns = []
    for latents in tf.unstack(chosen, axis=1):
        direction = tf.one_hot(latents, latent.shape[1], dtype=latent.dtype)
        columns.append(outer.gradient(pulled, upstream, direction, unconnected_gradients=tf.UnconnectedGradients.ZERO))
    return tf.reshape(tf.stack(columns, axis=1), [-1, len(columns), images.shape[1:].num_elements()])


def energies(columns: tf.Tensor, latents: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Σ_{i≠j} (J_i · J_j)² and Σ_i |J_i|⁴, means over images, of columns of random pairs float32 (n, pairs, 2, pixels)."""
    products = tf.reduce_sum(columns[:, :, 0] * columns[:, :, 1], axis=2)
    squared_lengths = tf.reduce_sum(tf.square(columns), axis=3)
    off_diagonal = latents * (latents - 1) * tf.reduce_mean(tf.square(products))
    return off_diagonal, latents * tf.reduce_mean(tf.square(squared_lengths))
