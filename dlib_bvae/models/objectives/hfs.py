"""The support of the codes drawn towards the product of the single latents' supports."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.objectives.base import Batch, Objective, Weight, check_weight, stream
from dlib_bvae.models.random_numbers import uniform


@gin.configurable
class hfs(Objective):
    """Reconstruction + β KL + γ Σ over pairs of latents of the squared Hausdorff distance between the batch's support and
    its product; β-VAE with Hausdorff factorised support (Roth et al. 2023).

    pairs: how many pairs of latents are drawn at each step (all where there are fewer). beta, gamma: >= 0 or schedules.
    """

    label = "HFS γ = {gamma}, β = {beta}"
    summary = "Hausdorff factorised support"
    paper = "Roth et al. 2023"

    def __init__(self, gamma: float | Weight = 1.0, beta: float | Weight = 1.0, pairs: int = 25):
        super().__init__("hfs")
        self.gamma, self.beta = check_weight("hfs.gamma", gamma), check_weight("hfs.beta", beta)
        check_integer("hfs.pairs", pairs, 1)
        self.pairs = pairs

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction, weighted KL and the weighted distances; logs their sum."""
        distance = support_distance(batch.mean, draw_pairs(batch.mean.shape[1], self.pairs, stream(batch.key, 1)))
        batch.measured["support_distance"] = distance
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": self.weight_of("beta", batch) * tf.reduce_mean(batch.kl),
            "weighted_support_distance": self.weight_of("gamma", batch) * distance,
        }


def draw_pairs(latents: int, count: int, key: tf.Tensor) -> tf.Tensor:
    """Different unordered pairs of latents, int32 (min(count, all), 2). Raises UserError for fewer than 2 latents."""
    if latents < 2:
        raise UserError(f"hfs needs at least 2 latents; encoder.num_latent is {latents}")
    every = tf.constant([(a, b) for a in range(latents) for b in range(a + 1, latents)], tf.int32)
    order = tf.argsort(uniform([every.shape[0]], key))
    return tf.gather(every, order[:count])


def support_distance(codes: tf.Tensor, pairs: tf.Tensor) -> tf.Tensor:
    """Σ over pairs (a, b) of max_ij min_k (z_ia − z_ka)² + (z_jb − z_kb)²: float32 (batch, latents), int32 (p, 2) → ()."""
    columns = tf.gather(tf.transpose(codes), pairs)

    def extreme(pair: tf.Tensor) -> tf.Tensor:
        """The indices i, j, k at which the maximum of the minima is taken."""
        first, second = (tf.square(column[:, None] - column[None]) for column in tf.unstack(pair))
        distances = first[:, None, :] + second[None, :, :]
        count = tf.cast(tf.shape(first)[0], tf.int64)
        place = tf.argmax(tf.reshape(tf.reduce_min(distances, axis=2), [-1]))
        i, j = place // count, place % count
        return tf.stack([i, j, tf.argmin(first[i] + second[j])])

    # Distance and gradient are those of the extreme triple alone; one pair at a time keeps batch³ numbers, not pairs · batch³.
    triples = tf.map_fn(extreme, tf.stop_gradient(columns), fn_output_signature=tf.TensorSpec([3], tf.int64))
    i, j, k = tf.unstack(triples, axis=1)
    at = lambda side, index: tf.gather(columns[:, side], index, batch_dims=1)
    return tf.reduce_sum(tf.square(at(0, i) - at(0, k)) + tf.square(at(1, j) - at(1, k)))
