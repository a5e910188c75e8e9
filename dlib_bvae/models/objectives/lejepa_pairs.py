"""LeJEPA on pairs of images: codes of a pair drawn together, all codes towards a standard normal distribution; no decoder."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.datasets.images import ALL_FACTORS
from dlib_bvae.errors import UserError, check_integer, check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Wants, stream
from dlib_bvae.models.random_numbers import normal

_KNOTS, _REACH = 17, 3.0  # of the integral over t, of which one half is computed


@gin.configurable
class lejepa_pairs(Objective):
    """(1 − λ) · alignment + λ · SIGReg on pairs of images, with an encoder alone; LeJEPA (Balestriero & LeCun 2025).

    model.network is @deterministic_encoder.
    alignment: the squared distance of a code from the middle of its pair, a mean over images and latents. SIGReg: n codes on
    `slices` random directions, new at every step, against N(0, 1): n ∫ |φ(t) − exp(−t²/2)|² exp(−t²/2) dt over |t| <= 3, with φ
    their empirical characteristic function, by the trapezoidal rule, mean over directions; normal codes have about 1. Both are
    those of the authors' code. The loss is no likelihood and has no unit. The first half of a batch are first images, the second
    half their partners.

    Codes are the factors up to a rotation (linear_identifiability) where these are Gaussian, the partner's follow from the first
    image's by stationary additive noise, and encoder.num_latent is their number (Klindt et al. 2026): dsprites_continuous with
    distribution = "gaussian" and rho > 0. Other distributions of factors, as on a grid, have no such guarantee.

    lambda_: λ, in 0 … 1; at much less than 1 / n all codes become one. slices: >= 1. changed: in how many factors the images of a
    pair differ, -1 for a number uniform in 1 … factors - 1, -2 for all. Raises UserError otherwise.
    """

    label = "LeJEPA λ = {lambda_}"
    summary = "pairs of images whose codes agree, all codes normal; no decoder"
    paper = "Klindt et al. 2026; Balestriero & LeCun 2025"
    latents = ("encoder_only",)
    wants = Wants(partners=ALL_FACTORS)

    def __init__(self, lambda_: float = 0.01, slices: int = 256, changed: int = ALL_FACTORS):
        super().__init__("lejepa_pairs")
        self.weight = check_number("lejepa_pairs.lambda_", lambda_, 0, 1)
        check_integer("lejepa_pairs.slices", slices, 1)
        if changed not in (-1, ALL_FACTORS):
            check_integer("lejepa_pairs.changed", changed, 1)
        self.slices, self.wants = slices, Wants(partners=changed)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The two weighted terms; logs both without their weights."""
        codes = batch.mean
        if codes.shape[0] is not None and codes.shape[0] % 2:
            raise UserError(f"pairs make a batch of an even number of images; got {codes.shape[0]}")
        directions = normal([self.slices, codes.shape[1]], stream(batch.key, 1))
        batch.measured.update(alignment=alignment(codes), sigreg=sigreg(codes, directions))
        return {
            "weighted_alignment": (1.0 - self.weight) * batch.measured["alignment"],
            "weighted_sigreg": self.weight * batch.measured["sigreg"],
        }


def alignment(codes: tf.Tensor) -> tf.Tensor:
    """Mean of (code − middle of its pair)²: float32 (2 · pairs, latents), partners after the first images → ()."""
    first, second = tf.split(codes, 2)
    return tf.reduce_mean(tf.square(0.5 * (first - second)))


def sigreg(codes: tf.Tensor, directions: tf.Tensor) -> tf.Tensor:
    """The statistic of Epps and Pulley of codes float32 (n, latents) on directions (slices, latents) of any length → ()."""
    places = tf.linspace(0.0, _REACH, _KNOTS)
    normal_law = tf.exp(-0.5 * tf.square(places))
    ends = tf.one_hot([0, _KNOTS - 1], _KNOTS, 0.5, 0.0)
    # Twice the half of the integral where t > 0, as the integrand is even.
    weights = 2.0 * _REACH / (_KNOTS - 1) * (1.0 - tf.reduce_sum(ends, axis=0)) * normal_law
    projected = tf.matmul(codes, tf.math.l2_normalize(directions, axis=1), transpose_b=True)
    angles = projected[:, :, None] * places
    real, imaginary = (tf.reduce_mean(part, axis=0) for part in (tf.cos(angles), tf.sin(angles)))
    errors = tf.square(real - normal_law) + tf.square(imaginary)
    count = tf.cast(tf.shape(codes)[0], tf.float32)
    return count * tf.reduce_mean(tf.reduce_sum(errors * weights, axis=1))
