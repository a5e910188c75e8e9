"""The Gaussian VAE: an encoder, a decoder and a likelihood as one module."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import NotApplicable, UserError, check_integer
from dlib_bvae.models import MOST_LATENTS
from dlib_bvae.models.architectures import Decoder, Encoder, burgess_decoder, burgess_encoder
from dlib_bvae.models.layers import shape_of
from dlib_bvae.models.likelihoods import Likelihood, bernoulli_loss
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.parts import PRECISIONS, UserPart, decoder_use, encoder_use, in_training, make_part
from dlib_bvae.models.random_numbers import normal
from dlib_bvae.registry import configurable

Adapt = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@gin.configurable("encoder", denylist=["observation_shape", "seed", "further", "numbers", "precision"])
def build_encoder(
    observation_shape: tuple[int, int, int],
    seed: int,
    further: int = 0,
    numbers: int = 2,
    precision: str = "float32",
    num_latent: int = 10,
    encoder_fn: Callable[..., Encoder] = burgess_encoder,
) -> tuple[Encoder, int]:
    """Returns the encoder of num_latent + `further` latents, and that sum.

    numbers: how many the encoder gives of a latent, 2 for a mean and a log variance. encoder_fn: (observation_shape, num_latent,
    seed) → a tf.Module, a Keras model or a function. Raises UserError when num_latent is not an integer in 1 … MOST_LATENTS, and
    where make_part does.
    """
    check_integer("encoder.num_latent", num_latent, 1, MOST_LATENTS)
    count = num_latent + further
    width = math.ceil(count * numbers / 2)
    use = encoder_use(_name(encoder_fn), observation_shape, width)
    return make_part(lambda: encoder_fn(observation_shape, width, seed), use, seed, precision), count


@gin.configurable("decoder", denylist=["observation_shape", "num_latent", "seed", "precision"])
def build_decoder(
    observation_shape: tuple[int, int, int],
    num_latent: int,
    seed: int,
    precision: str = "float32",
    decoder_fn: Callable[..., Decoder] = burgess_decoder,
) -> Decoder:
    """Returns the decoder. decoder_fn: see build_encoder. Raises UserError where make_part does."""
    use = decoder_use(_name(decoder_fn), observation_shape, num_latent)
    return make_part(lambda: decoder_fn(observation_shape, num_latent, seed), use, seed, precision)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


@gin.configurable("reconstruction_loss")
def build_likelihood(loss_fn: Callable[[], Likelihood] = bernoulli_loss) -> Likelihood:
    """Returns the likelihood."""
    return loss_fn()


@configurable("gaussian_vae", denylist=["observation_shape", "seed", "precision"])
class GaussianVAE(tf.Module):
    """q(z|x) = N(mean, diag exp(log_variance)), p(z) = N(0, I); Kingma & Welling 2014.

    Networks compute in `precision`; posterior, sampling, likelihood and KL are float32. latents: the kind of network,
    which an objective may ask for. decodes: whether there is a decoder, and with it a likelihood.
    """

    latents = "gaussian"
    decodes = True

    further = 0  # latents in addition to the encoder.num_latent Gaussians
    numbers = 2  # that the encoder gives of a latent: a mean and a log variance

    def __init__(self, observation_shape: tuple[int, int, int], seed: int, precision: str = "float32"):
        super().__init__("gaussian_vae")
        if precision not in PRECISIONS:
            raise UserError(f"model.precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
        self.observation_shape = tuple(observation_shape)
        self.compute_dtype = PRECISIONS[precision]
        shape = self.observation_shape
        self.encoder, self.num_latent = build_encoder(shape, seed, self.further, self.numbers, precision)
        if self.decodes:
            self.decoder = build_decoder(shape, self.num_latent, seed, precision)
            self.likelihood = build_likelihood()

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """The weights that are trained."""
        fixed = {key for part in self._parts() if isinstance(part, UserPart) for key in part.fixed}
        return tuple(variable for variable in super().trainable_variables if id(variable) not in fixed)

    def in_training(self) -> contextlib.AbstractContextManager[None]:
        """Within the block encoder and decoder are applied as in training: with dropout, statistics of the batch and the like."""
        return in_training(self._parts())

    def _parts(self) -> list[Any]:
        return [self.encoder, self.decoder] if self.decodes else [self.encoder]

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → mean and log variance, float32 (batch, latents)."""
        mean, log_variance = self.encoder(tf.cast(observations, self.compute_dtype))
        return tf.cast(mean, tf.float32), tf.cast(log_variance, tf.float32)

    def decode_logits(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → logits float32 (batch, H, W, C). Raises NotApplicable without a decoder."""
        if not self.decodes:
            raise NotApplicable(f"{type(self).__name__} has no decoder, so no code can be shown as an image")
        return tf.cast(self.decoder(tf.cast(latents, self.compute_dtype)), tf.float32)

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → the expected image, float32 (batch, H, W, C) in [0, 1]."""
        logits = self.decode_logits(latents)
        return self.likelihood.mean_image(logits)

    def reconstruct(self, observations: tf.Tensor) -> tf.Tensor:
        """Decodes the posterior mean: observations → images, both float32 (batch, H, W, C) in [0, 1]."""
        return self.decode(self.encode(observations)[0])

    def functions(self) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
        """What a SavedModel has besides encode, decode and reconstruct: name → function, specifications of its inputs.

        log_likelihood: observations (n, H, W, C) and latents (n, latents) → log p(x|z), nats (n,), where latents are Gaussian.
        """
        if self.latents not in ("gaussian", "multi_rate"):
            return {}
        images = tf.TensorSpec([None, *self.observation_shape], tf.float32, name="observations")
        latents = tf.TensorSpec([None, self.num_latent], tf.float32, name="latents")
        call = lambda observations, latents: {
            "log_likelihood": -self.compare(observations, self.decode_logits(latents))[0]
        }
        return {"log_likelihood": (call, [images, latents])}

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass with a posterior sample. key: int (2,), the seed of this batch's noise.

        adapt: changes the posterior before it is sampled. given: further fields of the Batch.
        """
        sampled = self.sample(*self.encode(observations), key, adapt)
        return self.batch_of(observations, sampled, self.decode_logits(sampled[2]), key=key, **given)

    def sample(
        self, mean: tf.Tensor, log_variance: tf.Tensor, key: tf.Tensor, adapt: Adapt | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The posterior, adapted, and a sample of it: (batch, latents) twice → three times."""
        if adapt is not None:
            mean, log_variance = adapt(mean, log_variance)
        return mean, log_variance, mean + tf.exp(0.5 * log_variance) * normal(shape_of(mean), key)

    def batch_of(
        self, observations: tf.Tensor, sampled: tuple[tf.Tensor, tf.Tensor, tf.Tensor], logits: tf.Tensor, **given: Any
    ) -> Batch:
        """The batch of observations, what `sample` gave of them, and the logits decoded from the sample."""
        reconstruction, measured = self.compare(observations, logits)
        kl = kl_to_standard_normal(*sampled[:2])
        measured["kl"] = tf.reduce_mean(kl)
        return Batch(*sampled, reconstruction, kl, encode=self.encode, decode=self.decode, measured=measured, **given)

    def compare(self, observations: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Negative log-likelihood (batch,) of observations under logits, (batch, H, W, C) each, and what is logged of it."""
        reconstruction = self.likelihood.negative_log_likelihood(observations, logits)
        measured = {"reconstruction": tf.reduce_mean(reconstruction)}
        return reconstruction, {**measured, **self.likelihood.measured(observations, logits)}


def kl_to_standard_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, I)) in nats: (batch, latents) twice → (batch,)."""
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0, axis=1)
