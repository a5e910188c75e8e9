"""The KL taken apart, with a weight on the total correlation of the codes."""

from __future__ import annotations

import math

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import Batch, Objective, Weight, check_weight, shown_images

ESTIMATORS = ("weighted", "stratified")


@gin.configurable
class beta_tc_vae(Objective):
    """ELBO + (β − 1) TC, with TC = KL(q(z) ‖ Π q(z_l)) estimated on the batch; β-TCVAE (Chen et al. 2018, Eq. 4).

    estimator: "weighted" or "stratified" minibatch sampling (their appendix C), which training sees as in the paper.
    beta: >= 0 or a schedule. Raises UserError for values out of range.

    The weighted estimate has a constant in it, (latents − 1) log images, 122 nats for 10 latents and dSprites, which no
    gradient sees. What is logged has none: minibatch_total_correlation, minibatch_index_code_information and
    minibatch_dimension_wise_kl take q(z) for the mean of the batch's posteriors. They are for comparing steps of one
    training, as a batch is few images in many dimensions: in batches of 64, the TC of 10 independent latents with posterior
    variances of 0.05 is 10 nats too high, and the information cannot pass log 64. The results of a training have
    gaussian_total_correlation, of 10,000 sampled codes, which is no part of the loss.
    """

    label = "β-TCVAE β = {beta}"
    summary = "total correlation by minibatch estimators"
    paper = "Chen et al. 2018"
    total_correlation = True

    def __init__(self, beta: float | Weight = 6.0, estimator: str = "weighted"):
        super().__init__("beta_tc_vae")
        self.beta = check_weight("beta_tc_vae.beta", beta)
        if estimator not in ESTIMATORS:
            raise UserError(f"beta_tc_vae.estimator must be one of {', '.join(ESTIMATORS)}; got {estimator!r}")
        self.estimator = estimator
        self.num_images = 0

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Keeps the number of images, which the estimators need."""
        self.num_images = shown_images(data)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The ELBO's two terms and (β − 1) TC; logs the batch's TC, index-code information and KL of the single latents."""
        joint, marginals = aggregate_log_density(
            batch.latent, batch.mean, batch.log_variance, self.num_images, self.estimator
        )
        total_correlation = tf.reduce_mean(joint - marginals)
        prior = tf.reduce_sum(log_normal(batch.latent, 0.0, 0.0), axis=1)
        posterior = tf.reduce_sum(log_normal(batch.latent, batch.mean, batch.log_variance), axis=1)
        # Each density of the weighted estimate lacks a factor of as many images as there are.
        lacking, latents = math.log(self.num_images) if self.estimator == "weighted" else 0.0, batch.mean.shape[1]
        batch.measured.update(
            minibatch_total_correlation=total_correlation - (latents - 1) * lacking,
            minibatch_index_code_information=tf.reduce_mean(posterior - joint) - lacking,
            minibatch_dimension_wise_kl=tf.reduce_mean(marginals - prior) + latents * lacking,
        )
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": tf.reduce_mean(batch.kl),
            "weighted_total_correlation": (self.weight_of("beta", batch) - 1.0) * total_correlation,
        }


def aggregate_log_density(
    latent: tf.Tensor, mean: tf.Tensor, log_variance: tf.Tensor, num_images: int, estimator: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Estimates log q(z_i) and Σ_l log q(z_il) in nats, each (batch,), from (batch, latents) three times.

    q(z) is the mean of the posteriors of all num_images images.
    """
    count = latent.shape[0]
    densities = log_normal(latent[:, None], mean[None], log_variance[None])
    if estimator == "stratified":
        weights = tf.constant(np.log(stratified_weights(count, num_images)), tf.float32)
    else:
        weights = tf.fill([count, count], -math.log(count * num_images))
    joint = tf.reduce_logsumexp(tf.reduce_sum(densities, axis=2) + weights, axis=1)
    marginals = tf.reduce_logsumexp(densities + weights[..., None], axis=1)
    return joint, tf.reduce_sum(marginals, axis=1)


def stratified_weights(count: int, num_images: int) -> np.ndarray:
    """The weights of posterior j in the density of code i, float64 (count, count); every row sums to 1.

    1/N on the diagonal; (N − M)/(N M) for one other image of the row, which stands for all that are not in the batch, and
    1/M for the rest, with N images and M = count − 1 (Chen et al. 2018, appendix C.2). Raises UserError where they are none.
    """
    others = count - 1
    if not 2 <= count <= num_images:
        raise UserError(
            f"the stratified estimator needs a batch of 2 … {num_images} images (as many as there are); got {count}"
        )
    weights = np.full((count, count), 1.0 / others)
    rows = np.arange(count)
    weights[rows, (rows + 1) % count] = (num_images - others) / (num_images * others)
    weights[rows, rows] = 1.0 / num_images
    return weights


def log_normal(x: tf.Tensor, mean: tf.Tensor | float, log_variance: tf.Tensor | float) -> tf.Tensor:
    """log N(x; mean, exp(log_variance)), elementwise, in nats."""
    scaled = (x - mean) * tf.exp(-0.5 * log_variance)
    return -0.5 * (tf.square(scaled) + log_variance + math.log(2.0 * math.pi))
