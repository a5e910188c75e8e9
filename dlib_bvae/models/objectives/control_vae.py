"""β set by a controller, so that the KL follows a set point."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_number
from dlib_bvae.models.objectives.base import Batch, Objective, Span


@gin.configurable
class control_vae(Objective):
    """Reconstruction error + β(t) · KL with β(t) from a PI controller of the batch's KL; ControlVAE (Shao et al. 2020).

    With e = C(t) − KL: β = kp σ(−e) + I + beta_min, clipped to beta_min … beta_max, where I grows by ki · e unless the value
    of the step before lay below beta_min; beta_start is the value before the first, 1 as in the authors' code. C, the set
    point, starts at c_start and rises by c_step at a time up to c_max, in nats. rise: the fraction of the training after which C
    is c_max, in 0 … 1; the authors' is 585,000 of 1.5 million steps. every: steps between two rises instead, 5,000 in the
    authors' code for dSprites, 0 for the fraction. kp: >= 0. ki: <= 0. Raises UserError for values out of range.
    """

    label = "ControlVAE C = {c_max}"
    summary = "β from a PI controller of the KL"
    paper = "Shao et al. 2020"

    def __init__(
        self,
        c_max: float = 18.0,
        c_start: float = 0.5,
        c_step: float = 0.15,
        every: int = 0,
        rise: float = 0.39,
        kp: float = 0.01,
        ki: float = -0.001,
        beta_min: float = 1.0,
        beta_max: float = 100.0,
        beta_start: float = 1.0,
    ):
        super().__init__("control_vae")
        self.c_max, self.c_start = (
            check_number("control_vae.c_max", c_max, 0),
            check_number("control_vae.c_start", c_start, 0),
        )
        self.c_step = check_number("control_vae.c_step", c_step, 0)
        self.span = Span("control_vae", rise, "every", every)
        # How often C rises in the span; a last rise may be a smaller one.
        whole = math.ceil(max(self.c_max - self.c_start, 0.0) / self.c_step - 1e-9) if self.c_step else 0
        self.rises = 1 if every else whole
        self.kp, self.ki = check_number("control_vae.kp", kp, 0), check_number("control_vae.ki", ki, most=0)
        self.beta_min, self.beta_max = (
            check_number("control_vae.beta_min", beta_min, 0),
            check_number("control_vae.beta_max", beta_max, 0),
        )
        if beta_max < beta_min:
            raise UserError(f"control_vae.beta_max must be >= beta_min = {beta_min}; got {beta_max}")
        self.integral = tf.Variable(0.0, trainable=False, name="integral")
        self.before = tf.Variable(
            check_number("control_vae.beta_start", beta_start, 0), trainable=False, dtype=tf.float32, name="before"
        )

    def set_point(self, batch: Batch) -> tf.Tensor:
        """C in nats at the step of the batch, float32 ()."""
        # float64, in which the step at which a rise is due is exact.
        done = tf.floor(tf.cast(batch.step, tf.float64) * self.rises / self.span.length(batch.total))
        return tf.minimum(self.c_start + self.c_step * tf.cast(done, tf.float32), self.c_max)

    def control(self, kl: tf.Tensor, set_point: tf.Tensor) -> tf.Tensor:
        """One step of the controller: the KL and its set point, nats () → β ()."""
        error = set_point - kl
        # Where the output was cut off, a growing integral would only have to shrink again.
        self.integral.assign_add(tf.where(self.before < self.beta_min, 0.0, self.ki * error))
        self.before.assign(self.kp * tf.sigmoid(-error) + self.integral + self.beta_min)
        return tf.clip_by_value(tf.identity(self.before), self.beta_min, self.beta_max)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Reconstruction and the KL with its present weight; logs β and the set point."""
        kl = tf.reduce_mean(batch.kl)
        set_point = self.set_point(batch)
        beta = tf.stop_gradient(self.control(tf.stop_gradient(kl), set_point))
        batch.measured.update(beta=beta, capacity=set_point)
        return {"reconstruction": tf.reduce_mean(batch.reconstruction), "weighted_kl": beta * kl}
