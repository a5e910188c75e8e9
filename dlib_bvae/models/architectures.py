"""Encoders and decoders by name. An encoder maps observations to posterior parameters, a decoder latents to logits."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.layers import Conv, Deconv, Dense, posterior_of, shape_of
from dlib_bvae.registry import Registry

_ROOM = "dlib_bvae.models"
_MODULES = {
    "architectures": (
        "burgess_encoder",
        "burgess_decoder",
        "higgins_encoder",
        "higgins_decoder",
        "fc_encoder",
        "fc_decoder",
    ),
    "conv_architectures": ("conv_encoder", "deconv_decoder", "residual_encoder", "residual_decoder"),
    "broadcast": ("spatial_broadcast_decoder",),
}
ARCHITECTURES = Registry(
    "architecture",
    "dlib_bvae.architectures",
    {name: f"{_ROOM}.{module}:{name}" for module, names in _MODULES.items() for name in names},
)

Shape = tuple[int, int, int]
_FIXED = ["observation_shape", "num_latent", "seed"]
_CHANNELS = 32
_CONVOLUTIONS = 3
_HIDDEN = 256


def small_map(name: str, observation_shape: Shape, halvings: int, channels: int) -> Shape:
    """The feature map after so many halvings. Raises UserError where height or width cannot be halved so often."""
    height, width, _ = observation_shape
    step = 2**halvings
    if height % step or width % step:
        raise UserError(
            f"the {name} architecture needs a height and width divisible by {step}; got {height} × {width} pixels; "
            "choose the Higgins MLP or resize the data set"
        )
    return height // step, width // step, channels


@gin.configurable(denylist=_FIXED)
class burgess_encoder(tf.Module):
    """3 × conv 32×4×4 stride 2, 2 × FC 256, ReLU; Burgess et al. 2018 as the [Re] β-VAE report uses it (Table 4).

    Observations float (batch, height, width, channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    Burgess et al. put a fourth convolution before the dense layers on 64×64 images; the report has three.
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("burgess_encoder")
        small = small_map("Burgess", observation_shape, _CONVOLUTIONS, _CHANNELS)
        widths = [observation_shape[2], *[_CHANNELS] * _CONVOLUTIONS]
        self.convolutions = [
            Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed) for i in range(_CONVOLUTIONS)
        ]
        self.dense = [
            Dense("encoder_dense0", math.prod(small), _HIDDEN, 2.0, seed),
            Dense("encoder_dense1", _HIDDEN, _HIDDEN, 2.0, seed),
        ]
        self.posterior = Dense("encoder_posterior", _HIDDEN, 2 * num_latent, 1.0, seed)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class burgess_decoder(tf.Module):
    """The mirror of burgess_encoder: 2 × FC 256, FC to the small map, 3 × transposed conv 4×4 stride 2, ReLU.

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("burgess_decoder")
        self.small = small_map("Burgess", observation_shape, _CONVOLUTIONS, _CHANNELS)
        self.dense = [
            Dense("decoder_dense0", num_latent, _HIDDEN, 2.0, seed),
            Dense("decoder_dense1", _HIDDEN, _HIDDEN, 2.0, seed),
            Dense("decoder_dense2", _HIDDEN, math.prod(self.small), 2.0, seed),
        ]
        widths = [*[_CHANNELS] * _CONVOLUTIONS, observation_shape[2]]
        gains = [*[2.0] * (_CONVOLUTIONS - 1), 1.0]
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gains[i], seed) for i in range(_CONVOLUTIONS)
        ]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense:
            z = tf.nn.relu(layer(z))
        x = tf.reshape(z, [-1 if z.shape[0] is None else z.shape[0], *self.small])
        for layer in self.deconvolutions[:-1]:
            x = tf.nn.relu(layer(x))
        return self.deconvolutions[-1](x)


@gin.configurable(denylist=_FIXED)
class higgins_encoder(tf.Module):
    """FC 1200, 1200, ReLU; the MLP of Higgins et al. 2017 for 2Dshapes (Table A1).

    Observations float (batch, height, width, channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("higgins_encoder")
        self.dense = [
            Dense("encoder_dense0", math.prod(observation_shape), 1200, 2.0, seed),
            Dense("encoder_dense1", 1200, 1200, 2.0, seed),
        ]
        self.posterior = Dense("encoder_posterior", 1200, 2 * num_latent, 1.0, seed)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class higgins_decoder(tf.Module):
    """FC 1200, 1200, 1200, tanh, then one logit a pixel; the MLP of Higgins et al. 2017 for 2Dshapes (Table A1).

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("higgins_decoder")
        self.observation_shape = tuple(observation_shape)
        widths = [num_latent, 1200, 1200, 1200, math.prod(observation_shape)]
        self.dense = [Dense(f"decoder_dense{i}", widths[i], widths[i + 1], 1.0, seed) for i in range(4)]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense[:-1]:
            z = tf.nn.tanh(layer(z))
        return tf.reshape(self.dense[-1](z), [shape_of(z)[0], *self.observation_shape])


@gin.configurable(denylist=_FIXED)
class fc_encoder(higgins_encoder):
    """disentanglement_lib's name of higgins_encoder (FC 1200, 1200, ReLU)."""


@gin.configurable(denylist=_FIXED)
class fc_decoder(higgins_decoder):
    """disentanglement_lib's name of higgins_decoder (FC 1200, 1200, 1200, tanh)."""
