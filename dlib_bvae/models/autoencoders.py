"""Networks without a posterior: codes are numbers, free, of a codebook or of a grid, or vectors of one; or an encoder alone."""

from __future__ import annotations

import copy
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models import MOST_LATENTS
from dlib_bvae.models.layers import Layer, initial_weights
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.vae import Adapt, GaussianVAE

_MOST_VALUES = 2**16  # or vectors of a codebook

_FIXED = ["observation_shape", "seed", "precision"]


@gin.configurable(denylist=_FIXED)
class deterministic_autoencoder(GaussianVAE):
    """The encoder's mean is the code; its log variance is −∞. A batch has no KL."""

    latents = "deterministic"

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → codes and −∞, float32 (batch, latents)."""
        mean, _ = super().encode(observations)
        return mean, tf.fill(tf.shape(mean), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass; draws nothing."""
        mean, log_variance = self.encode(observations)
        reconstruction, measured = self.compare(observations, self.decode_logits(mean))
        fields = {"key": key, "encode": self.encode, "measured": measured, **given}
        return Batch(mean, log_variance, mean, reconstruction, None, **fields)


@gin.configurable(denylist=_FIXED)
class deterministic_encoder(deterministic_autoencoder):
    """The encoder alone: its mean is the code, of which nothing makes an image. A batch has neither reconstruction nor KL."""

    latents = "encoder_only"
    decodes = False

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass; draws nothing."""
        mean, log_variance = self.encode(observations)
        return Batch(mean, log_variance, mean, None, None, **{"key": key, "encode": self.encode, **given})


@gin.configurable(denylist=_FIXED)
class quantized_autoencoder(GaussianVAE):
    """Every latent takes one of num_values learned scalars, that nearest to the encoder's (Hsu et al. 2023, QLAE).

    Gradients pass straight through. num_values: >= 2. shared: one codebook for all latents (Baykal et al. 2024) instead of
    one each. Codebooks start evenly spread over −½ … ½.
    """

    latents = "quantized"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        num_values: int = 10,
        shared: bool = False,
    ):
        super().__init__(observation_shape, seed, precision)
        check_integer("quantized_autoencoder.num_values", num_values, 2, _MOST_VALUES)
        books = tf.tile(tf.linspace(-0.5, 0.5, num_values)[None], [1 if shared else self.num_latent, 1])
        self.codebook = tf.Variable(books, name="codebook", dtype=tf.float32)

    def indices(self, codes: tf.Tensor) -> tf.Tensor:
        """The place of the nearest value: float32 (batch, latents) → int64 (batch, latents)."""
        return tf.argmin(tf.abs(codes[..., None] - self.codebook), axis=2)

    def quantize(self, codes: tf.Tensor) -> tf.Tensor:
        """The nearest values: float32 (batch, latents) → the same; its gradient goes to the codebook."""
        books = tf.broadcast_to(self.codebook, [self.num_latent, self.codebook.shape[1]])
        return tf.transpose(tf.gather(books, tf.transpose(self.indices(codes)), batch_dims=1))

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → quantised codes and −∞, float32 (batch, latents)."""
        codes = self.quantize(super().encode(observations)[0])
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass. extras: quantization and commitment, the squared distances that train codebook and encoder.

        Each is a mean over latents; logs how many values a latent takes in the batch, on average.
        """
        codes, _ = super().encode(observations)
        quantized = self.quantize(codes)
        latent = codes + tf.stop_gradient(quantized - codes)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        measured["values_used"] = _values_used(self.indices(codes), self.codebook.shape[1])
        extras = {
            "quantization": tf.reduce_mean(tf.square(tf.stop_gradient(codes) - quantized), axis=1),
            "commitment": tf.reduce_mean(tf.square(codes - tf.stop_gradient(quantized)), axis=1),
        }
        fields = {"key": key, "encode": self.encode, "extras": extras, "measured": measured, **given}
        return Batch(quantized, tf.fill(tf.shape(codes), float("-inf")), latent, reconstruction, None, **fields)


@gin.configurable(denylist=_FIXED)
class vector_quantized_autoencoder(GaussianVAE):
    """encoder.num_latent numbers are encoder.num_latent / dim vectors, each the nearest of a shared codebook (van den Oord 2017).

    A code is the quantised vectors, one after another. Gradients pass straight through. num_vectors: of the codebook, >= 2;
    they start uniform in ±√(3 / dim), as in the baseline of Hsu et al. 2023. Raises UserError unless dim divides num_latent.
    """

    latents = "vector_quantized"

    def __init__(
        self,
        observation_shape: tuple[int, int, int],
        seed: int,
        precision: str = "float32",
        dim: int = 64,
        num_vectors: int = 512,
    ):
        super().__init__(observation_shape, seed, precision)
        check_integer("vector_quantized_autoencoder.dim", dim, 1, MOST_LATENTS)
        check_integer("vector_quantized_autoencoder.num_vectors", num_vectors, 2, _MOST_VALUES)
        if self.num_latent % dim:
            raise UserError(
                f"encoder.num_latent must be a multiple of vector_quantized_autoencoder.dim, {dim}, as it counts the numbers "
                f"of all vectors; got {self.num_latent}"
            )
        self.codebook = tf.Variable(initial_weights((num_vectors, dim), dim, 1.0, seed, "codebook"), name="codebook")

    def indices(self, codes: tf.Tensor) -> tf.Tensor:
        """The places of the nearest vectors: float32 (batch, vectors · dim) → int64 (batch, vectors)."""
        size, dim = self.codebook.shape
        rows = tf.reshape(codes, [-1, dim])
        # |row|² is the same for all vectors of the codebook, so it is left out.
        distances = tf.reduce_sum(tf.square(self.codebook), axis=1) - 2.0 * tf.matmul(
            rows, self.codebook, transpose_b=True
        )
        return tf.reshape(tf.argmin(distances, axis=1), [-1, self.num_latent // dim])

    def quantize(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The nearest vectors, float32 (batch, vectors · dim), whose gradient goes to the codebook; and their `indices`."""
        indices = self.indices(codes)
        # Through a reshape the codebook's gradient is dense, as the optimisers' kernels need it.
        found = tf.gather(tf.reshape(self.codebook, self.codebook.shape), indices)
        return tf.reshape(found, tf.shape(codes)), indices

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → quantised vectors and −∞, float32 (batch, vectors · dim)."""
        codes, _ = self.quantize(super().encode(observations)[0])
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass. extras: quantization and commitment, the squared distances that train codebook and encoder.

        Each is a mean over numbers. Logs perplexity, the exponential of the entropy of the codebook's use in the batch:
        1 … num_vectors, 1 where it has collapsed.
        """
        codes, _ = super().encode(observations)
        quantized, indices = self.quantize(codes)
        latent = codes + tf.stop_gradient(quantized - codes)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        used = tf.reduce_mean(tf.one_hot(tf.reshape(indices, [-1]), self.codebook.shape[0]), axis=0)
        measured["perplexity"] = tf.exp(-tf.reduce_sum(tf.math.xlogy(used, used)))
        extras = {
            "quantization": tf.reduce_mean(tf.square(tf.stop_gradient(codes) - quantized), axis=1),
            "commitment": tf.reduce_mean(tf.square(codes - tf.stop_gradient(quantized)), axis=1),
        }
        fields = {"key": key, "encode": self.encode, "extras": extras, "measured": measured, **given}
        return Batch(quantized, tf.fill(tf.shape(codes), float("-inf")), latent, reconstruction, None, **fields)


@gin.configurable(denylist=_FIXED)
class fsq_autoencoder(GaussianVAE):
    """Every latent takes one of num_values fixed numbers, even in −1 … 1; finite scalar quantisation (Mentzer et al. 2023).

    The encoder's number goes through tanh and to the nearest value, as in Tripod (Hsu et al. 2024). Gradients pass straight
    through the rounding, and there is no codebook to learn. num_values: >= 2.
    """

    latents = "finite_scalar"

    def __init__(
        self, observation_shape: tuple[int, int, int], seed: int, precision: str = "float32", num_values: int = 12
    ):
        super().__init__(observation_shape, seed, precision)
        check_integer("fsq_autoencoder.num_values", num_values, 2, _MOST_VALUES)
        self.num_values = num_values

    def indices(self, codes: tf.Tensor) -> tf.Tensor:
        """The place of the nearest value: float32 (batch, latents) in −1 … 1 → float32, whole numbers in 0 … num_values - 1."""
        return tf.round((codes + 1.0) / 2.0 * (self.num_values - 1))

    def quantize(self, codes: tf.Tensor) -> tf.Tensor:
        """The nearest values: float32 (batch, latents) in −1 … 1 → the same, without a gradient."""
        return 2.0 * self.indices(codes) / (self.num_values - 1) - 1.0

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → quantised codes in −1 … 1 and −∞, float32 (batch, latents)."""
        codes = self.quantize(tf.tanh(super().encode(observations)[0]))
        return codes, tf.fill(tf.shape(codes), float("-inf"))

    def batch(self, observations: tf.Tensor, key: tf.Tensor, adapt: Adapt | None = None, **given: Any) -> Batch:
        """One pass; logs how many values a latent takes in the batch, on average.

        extras: continuous, the codes before they are rounded, float32 (batch, latents); hidden, latents (n, latents) → the
        decoder's hidden activations (see hidden_activations).
        """
        codes = tf.tanh(super().encode(observations)[0])
        quantized = self.quantize(codes)
        latent = codes + tf.stop_gradient(quantized - codes)
        reconstruction, measured = self.compare(observations, self.decode_logits(latent))
        measured["values_used"] = _values_used(tf.cast(self.indices(codes), tf.int32), self.num_values)
        extras = {"continuous": codes, "hidden": lambda latents: hidden_activations(self.decoder, latents)}
        fields = {"key": key, "encode": self.encode, "extras": extras, "measured": measured, **given}
        return Batch(quantized, tf.fill(tf.shape(codes), float("-inf")), latent, reconstruction, None, **fields)


def _values_used(indices: tf.Tensor, num_values: int) -> tf.Tensor:
    """How many values a latent takes in a batch, on average: int (batch, latents) → ()."""
    used = tf.reduce_max(tf.one_hot(indices, num_values), axis=0)
    return tf.reduce_mean(tf.reduce_sum(used, axis=1))


class _Watched:
    """A layer that notes in `given` what it is applied to."""

    def __init__(self, layer: Layer, given: list[tf.Tensor]):
        self._layer, self._given = layer, given

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        self._given.append(x)
        return self._layer(x)


def hidden_activations(decoder: tf.Module, latents: tf.Tensor) -> list[tf.Tensor]:
    """What each of the decoder's layers but the first is applied to, in float32 whatever the network's precision.

    latents: float32 (n, latents). Returns tensors (n, …), in the order of the layers. Raises UserError for a decoder that is not
    made of the layers of dlib_bvae.models.layers alone, or of one of them.
    """
    layers = [module for module in decoder.submodules if isinstance(module, Layer)]
    given: list[tf.Tensor] = []
    if len(layers) > 1 and len(decoder.variables) == sum(len(layer.variables) for layer in layers):
        copy.deepcopy(decoder, {id(layer): _Watched(layer, given) for layer in layers})(latents)
    if len(given) < 2:
        raise UserError(
            "the Hessian penalty is of the hidden activations of a decoder that is made of several layers of "
            "dlib_bvae.models.layers alone, which decoder.decoder_fn is not; take another one, or set tripod.lambda_hessian to 0"
        )
    return given[1:]
