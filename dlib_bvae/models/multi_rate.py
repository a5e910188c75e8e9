"""One VAE for a whole range of β: gates that depend on β scale every layer."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_positive
from dlib_bvae.models.layers import Layer
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.random_numbers import uniform
from dlib_bvae.models.vae import Adapt, GaussianVAE

_OPEN = 2.0


class Rate:
    """Holds log β, standardised, float32 (batch, 1), while a network is applied."""

    value: tf.Tensor | None = None


class Gate(tf.Module):
    """Scales every channel by a function of log β: σ(w u + c) in encoders, √max(1 − exp(w u + c), 0) in decoders.

    u: log β, of unit variance in training. w starts at 0 and c where the gates are nearly open.
    """

    def __init__(self, width: int, decoder: bool, rate: Rate):
        super().__init__("gate")
        self._decoder, self._rate = decoder, rate
        self.slope = tf.Variable(tf.zeros([width]), name="slope")
        self.offset = tf.Variable(tf.fill([width], -_OPEN if decoder else _OPEN), name="offset")

    def __call__(self, y: tf.Tensor) -> tf.Tensor:
        level = self._rate.value * self.slope + self.offset
        # The decoder's is not √relu(…), whose gradient is 0 · ∞ in a closed gate; exp never sees a large number.
        scale = tf.sqrt(1.0 - tf.exp(tf.minimum(level, 0.0)) + 1e-8) if self._decoder else tf.sigmoid(level)
        shape = [-1, *[1] * (len(y.shape) - 2), y.shape[-1]]
        return y * tf.cast(tf.reshape(scale, shape), y.dtype)


@gin.configurable(denylist=["observation_shape", "seed", "precision"])
class multi_rate_vae(GaussianVAE):
    """Trained with log β uniform in log beta_low … log beta_high, image by image; Multi-Rate VAE (Bae et al. 2023).

    Gates stand behind every layer of encoder and decoder. encode, decode and reconstruct work at the β of `rate`, a
    variable that starts at beta; the SavedModel has `functions` in addition, which take any β. Raises UserError unless
    0 < beta_low < beta_high and beta lies between them.
    """

    latents = "multi_rate"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        beta_low: float = 0.01,
        beta_high: float = 10.0,
        beta: float = 1.0,
    ):
        super().__init__(observation_shape, seed, precision)
        low, high = (
            check_positive("multi_rate_vae.beta_low", beta_low),
            check_positive("multi_rate_vae.beta_high", beta_high),
        )
        if not low < high or not low <= check_positive("multi_rate_vae.beta", beta) <= high:
            raise UserError(
                f"multi_rate_vae needs beta_low < beta_high and beta within; got {beta_low}, {beta_high}, {beta}"
            )
        self.low, self.high = low, high
        self.middle, self.half = 0.5 * math.log(low * high), 0.5 * math.log(high / low)
        self.rate = tf.Variable(float(beta), trainable=False, name="rate")
        self._rate = Rate()
        for part, decoder in ((self.encoder, False), (self.decoder, True)):
            layers = [module for module in part.submodules if isinstance(module, Layer)]
            if not layers:
                raise UserError(
                    f"multi_rate_vae puts gates behind the layers of dlib_bvae.models.layers, and its {part.name} has none; make "
                    "encoder and decoder of these, or take another model.network"
                )
            for layer in layers:
                layer.gate = Gate(layer.bias.shape[0], decoder, self._rate)

    @contextlib.contextmanager
    def at(self, beta: tf.Tensor) -> Iterator[None]:
        """Applies the network at β, float32 () or (batch,)."""
        before = self._rate.value
        self._rate.value = math.sqrt(3.0) * (tf.reshape(tf.math.log(beta), [-1, 1]) - self.middle) / self.half
        try:
            yield
        finally:
            self._rate.value = before

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → mean and log variance at `rate`, float32 (batch, latents)."""
        with self._default():
            return super().encode(observations)

    def decode_logits(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → logits at `rate`, float32 (batch, H, W, C)."""
        with self._default():
            return super().decode_logits(latents)

    def _default(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._rate.value is not None else self.at(tf.convert_to_tensor(self.rate))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass, every image at a β of its own, which is extras["beta"]."""
        position = uniform([observations.shape[0]], stream(key, 1), -1.0, 1.0)
        beta = tf.exp(self.middle + self.half * position)
        with self.at(beta):
            found = super().batch(observations, key, adapt, **given)
        found.extras["beta"] = beta
        return found

    def rate_distortion(self, observations: tf.Tensor, beta: tf.Tensor, key: tf.Tensor) -> dict[str, tf.Tensor]:
        """The two terms of the ELBO at β, float32 (), with a posterior sample by key, int64 (2,): nats, float32 (batch,).

        rate is the KL, distortion the negative log-likelihood of the image.
        """
        with self.at(beta):
            found = super().batch(observations, key)
        return {"rate": found.kl, "distortion": found.reconstruction}

    def functions(self) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
        """What a SavedModel has besides encode, decode and reconstruct: name → function, specifications of its inputs."""
        images = tf.TensorSpec([None, *self.observation_shape], tf.float32, name="observations")
        beta = tf.TensorSpec([], tf.float32, name="beta")
        return {
            **super().functions(),
            "rate_distortion": (self.rate_distortion, [images, beta, tf.TensorSpec([2], tf.int64, name="key")]),
            "beta_range": (lambda: {"low": tf.constant(self.low), "high": tf.constant(self.high)}, []),
        }
