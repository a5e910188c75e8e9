"""β set by a controller, so that the KL follows a set point."""

from __future__ import annotations

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer, check_number
from dlib_bvae.models.objectives.base import Batch, Objective


@gin.configurable
class control_vae(Objective):
    """Reconstruction error + β(t) · KL with β(t) from a PI controller of the batch's KL; ControlVAE (Shao et al. 2020).

    With e = C(t) − KL: β = kp σ(−e) + I + beta_min, clipped to beta_min … beta_max, where I grows by ki · e unless the value
    of the step before lay below beta_min; beta_start is the value before the first, 1 as in the authors' code. C starts at
    c_start and rises by c_step every `every` steps up to c_max, in nats.
    kp: >= 0. ki: <= 0. Raises UserError for values out of range.
    """

    label = "ControlVAE C = {c_max}"
    summary = "β from a PI controller of the KL"
    paper = "Shao et al. 2020"

    def __init__(
        self,
        c_max: float = 18.0,
        c_start: float = 0.5,
        c_step: float = 0.15,
        every: int = 5_000,
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
        check_integer("control_vae.every", every, 1)
        self.every = every
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

    def set_point(self, step: tf.Tensor) -> tf.Tensor:
        """C(step) in nats: int64 () → float32 ()."""
        rises = tf.cast(step // self.every, tf.float32)
        return tf.minimum(self.c_start + self.c_step * rises, self.c_max)

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
        set_point = self.set_point(batch.step)
        beta = tf.stop_gradient(self.control(tf.stop_gradient(kl), set_point))
        batch.measured.update(beta=beta, capacity=set_point)
        return {"reconstruction": tf.reduce_mean(batch.reconstruction), "weighted_kl": beta * kl}
