"""Encoders and decoders by name. An encoder maps observations to posterior parameters, a decoder latents to logits.

Each has a parameter `initializer`: how its weights start (see layers.spread); biases start at 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.layers import INITIALIZERS, Conv, Deconv, Dense, posterior_of, shape_of

Shape = tuple[int, int, int]


class Part(Protocol):
    """An encoder or a decoder, which is a tf.Module."""

    @property
    def submodules(self) -> Sequence[tf.Module]:
        """Its layers, and modules in them."""


class Encoder(Part, Protocol):
    """Made by (observation_shape, num_latent, seed)."""

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → mean and log variance, each (batch, num_latent), of the dtype of x."""


class Decoder(Part, Protocol):
    """Made by (observation_shape, num_latent, seed)."""

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        """Latents (batch, num_latent) → logits (batch, H, W, C), of the dtype of z."""


_FIXED = ["observation_shape", "num_latent", "seed"]
# disentanglement_lib's networks start as tf.layers of TensorFlow 1, the others by He et al. 2015.
_HE, _GLOROT = INITIALIZERS
_CHANNELS = 32
_CONVOLUTIONS = 3
_HIDDEN = 256
_RESIDUAL = (32, 64, 128, 128)
_BROADCAST_WIDTH, _BROADCAST_HIDDEN = 64, 4


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

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("burgess_encoder")
        small = small_map("Burgess", observation_shape, _CONVOLUTIONS, _CHANNELS)
        widths = [observation_shape[2], *[_CHANNELS] * _CONVOLUTIONS]
        self.convolutions = [
            Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, initializer=initializer)
            for i in range(_CONVOLUTIONS)
        ]
        self.dense = [
            Dense("encoder_dense0", math.prod(small), _HIDDEN, 2.0, seed, initializer=initializer),
            Dense("encoder_dense1", _HIDDEN, _HIDDEN, 2.0, seed, initializer=initializer),
        ]
        self.posterior = Dense("encoder_posterior", _HIDDEN, 2 * num_latent, 1.0, seed, initializer=initializer)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class burgess_decoder(tf.Module):
    """The mirror of burgess_encoder: 2 × FC 256, FC to the small map, 3 × transposed conv 4×4 stride 2, ReLU.

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("burgess_decoder")
        self.small = small_map("Burgess", observation_shape, _CONVOLUTIONS, _CHANNELS)
        self.dense = [
            Dense("decoder_dense0", num_latent, _HIDDEN, 2.0, seed, initializer=initializer),
            Dense("decoder_dense1", _HIDDEN, _HIDDEN, 2.0, seed, initializer=initializer),
            Dense("decoder_dense2", _HIDDEN, math.prod(self.small), 2.0, seed, initializer=initializer),
        ]
        widths = [*[_CHANNELS] * _CONVOLUTIONS, observation_shape[2]]
        gains = [*[2.0] * (_CONVOLUTIONS - 1), 1.0]
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gains[i], seed, initializer=initializer)
            for i in range(_CONVOLUTIONS)
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

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("higgins_encoder")
        self.dense = [
            Dense("encoder_dense0", math.prod(observation_shape), 1200, 2.0, seed, initializer=initializer),
            Dense("encoder_dense1", 1200, 1200, 2.0, seed, initializer=initializer),
        ]
        self.posterior = Dense("encoder_posterior", 1200, 2 * num_latent, 1.0, seed, initializer=initializer)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class higgins_decoder(tf.Module):
    """FC 1200, 1200, 1200, tanh, then one logit a pixel; the MLP of Higgins et al. 2017 for 2Dshapes (Table A1).

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("higgins_decoder")
        self.observation_shape = tuple(observation_shape)
        widths = [num_latent, 1200, 1200, 1200, math.prod(observation_shape)]
        self.dense = [
            Dense(f"decoder_dense{i}", widths[i], widths[i + 1], 1.0, seed, initializer=initializer) for i in range(4)
        ]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense[:-1]:
            z = tf.nn.tanh(layer(z))
        return tf.reshape(self.dense[-1](z), [shape_of(z)[0], *self.observation_shape])


@gin.configurable(denylist=_FIXED)
class fc_encoder(higgins_encoder):
    """disentanglement_lib's higgins_encoder (FC 1200, 1200, ReLU), whose weights start by Glorot & Bengio's rule."""

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _GLOROT):
        super().__init__(observation_shape, num_latent, seed, initializer)


@gin.configurable(denylist=_FIXED)
class fc_decoder(higgins_decoder):
    """disentanglement_lib's higgins_decoder (FC 1200, 1200, 1200, tanh), whose weights start by Glorot & Bengio's rule."""

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _GLOROT):
        super().__init__(observation_shape, num_latent, seed, initializer)


@gin.configurable(denylist=_FIXED)
class conv_encoder(tf.Module):
    """Conv 32×4×4, 32×4×4, 64×2×2, 64×2×2, stride 2, FC 256, ReLU; disentanglement_lib's (Locatello et al. 2019, Table 1).

    Its weights start as theirs do, by Glorot & Bengio's rule, and its biases at 0. Observations float (batch, height, width,
    channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _GLOROT):
        super().__init__("conv_encoder")
        small = small_map("conv_encoder", observation_shape, 4, 64)
        widths, sizes = [observation_shape[2], 32, 32, 64, 64], (4, 4, 2, 2)
        self.convolutions = [
            Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, size, initializer=initializer)
            for i, size in enumerate(sizes)
        ]
        self.dense = [Dense("encoder_dense0", math.prod(small), 256, 2.0, seed, initializer=initializer)]
        self.posterior = Dense("encoder_posterior", 256, 2 * num_latent, 1.0, seed, initializer=initializer)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class deconv_decoder(tf.Module):
    """FC 256, FC to a map of 64 channels (1024 numbers at 64×64), transposed conv 64, 32, 32, channels, 4×4 stride 2, ReLU.

    disentanglement_lib's (Locatello et al. 2019, Table 1), whose weights start by Glorot & Bengio's rule and biases at 0. Latents
    float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _GLOROT):
        super().__init__("deconv_decoder")
        self.small = small_map("deconv_decoder", observation_shape, 4, 64)
        self.dense = [
            Dense("decoder_dense0", num_latent, 256, 2.0, seed, initializer=initializer),
            Dense("decoder_dense1", 256, math.prod(self.small), 2.0, seed, initializer=initializer),
        ]
        widths, gains = [64, 64, 32, 32, observation_shape[2]], (2.0, 2.0, 2.0, 1.0)
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gain, seed, initializer=initializer)
            for i, gain in enumerate(gains)
        ]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense:
            z = tf.nn.relu(layer(z))
        x = tf.reshape(z, [shape_of(z)[0], *self.small])
        for layer in self.deconvolutions[:-1]:
            x = tf.nn.relu(layer(x))
        return self.deconvolutions[-1](x)


class Residual(tf.Module):
    """x + conv 3×3 (ReLU (conv 3×3 (ReLU x))), of one width; it starts as the identity."""

    def __init__(self, name: str, width: int, seed: int, initializer: str):
        super().__init__(name)
        self.first = Conv(f"{name}_first", width, width, 2.0, seed, size=3, stride=1, initializer=initializer)
        self.second = Conv(f"{name}_second", width, width, 0.0, seed, size=3, stride=1, initializer=initializer)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return x + self.second(tf.nn.relu(self.first(tf.nn.relu(x))))


@gin.configurable(denylist=_FIXED)
class residual_encoder(tf.Module):
    """Four times conv 4×4 stride 2 (32, 64, 128, 128 channels) and a residual block, FC 256, ReLU.

    Residual blocks without normalisation that start as the identity (Zhang et al. 2019, Fixup). Observations float
    (batch, height, width, channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("residual_encoder")
        small = small_map("residual_encoder", observation_shape, len(_RESIDUAL), _RESIDUAL[-1])
        widths = [observation_shape[2], *_RESIDUAL]
        places = range(len(_RESIDUAL))
        self.convolutions = [
            Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, initializer=initializer) for i in places
        ]
        self.blocks = [Residual(f"encoder_block{i}", widths[i + 1], seed, initializer) for i in places]
        self.dense = [Dense("encoder_dense0", math.prod(small), 256, 2.0, seed, initializer=initializer)]
        self.posterior = Dense("encoder_posterior", 256, 2 * num_latent, 1.0, seed, initializer=initializer)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer, block in zip(self.convolutions, self.blocks, strict=True):
            x = tf.nn.relu(block(layer(x)))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class residual_decoder(tf.Module):
    """The mirror of residual_encoder: FC 256, FC to the map, four times a residual block and transposed conv 4×4 stride 2.

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, initializer: str = _HE):
        super().__init__("residual_decoder")
        self.small = small_map("residual_decoder", observation_shape, len(_RESIDUAL), _RESIDUAL[-1])
        self.dense = [
            Dense("decoder_dense0", num_latent, 256, 2.0, seed, initializer=initializer),
            Dense("decoder_dense1", 256, math.prod(self.small), 2.0, seed, initializer=initializer),
        ]
        widths = [*reversed(_RESIDUAL), observation_shape[2]]
        places = range(len(_RESIDUAL))
        self.blocks = [Residual(f"decoder_block{i}", widths[i], seed, initializer) for i in places]
        gains = [*[2.0] * (len(_RESIDUAL) - 1), 1.0]
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gains[i], seed, initializer=initializer)
            for i in places
        ]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense:
            z = tf.nn.relu(layer(z))
        x = tf.reshape(z, [shape_of(z)[0], *self.small])
        for block, deconvolution in zip(self.blocks, self.deconvolutions, strict=True):
            x = deconvolution(tf.nn.relu(block(x)))
        return x


@gin.configurable(denylist=_FIXED)
class spatial_broadcast_decoder(tf.Module):
    """The latents at every place of a map, two coordinates in −1 … 1, four convolutions 64×5×5, ReLU (Watters et al. 2019).

    Latents float (batch, num_latent) → logits (batch, height, width, channels). broadcast_size: height of the map, 0 for the
    image's (about 150 times the multiplications of a transposed-convolution decoder at 64×64); a smaller map, the height
    divided by a power of 2, is doubled by 4×4 transposed convolutions. Raises UserError for another size.
    """

    def __init__(
        self, observation_shape: Shape, num_latent: int, seed: int, broadcast_size: int = 0, initializer: str = _HE
    ):
        super().__init__("spatial_broadcast_decoder")
        height, width, channels = observation_shape
        check_integer("spatial_broadcast_decoder.broadcast_size", broadcast_size, 0)
        size = broadcast_size or height
        doublings = int(math.log2(height / size)) if size <= height else -1
        if doublings < 0 or size << doublings != height or width % (1 << doublings):
            raise UserError(
                f"spatial_broadcast_decoder.broadcast_size must be 0 or {height} divided by a power of 2 that divides "
                f"{width} as well; got {broadcast_size}"
            )
        self.small = size, width >> doublings
        widths = [num_latent + 2, *[_BROADCAST_WIDTH] * _BROADCAST_HIDDEN]
        self.hidden = [
            Conv(f"decoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, size=5, stride=1, initializer=initializer)
            for i in range(_BROADCAST_HIDDEN)
        ]
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", _BROADCAST_WIDTH, _BROADCAST_WIDTH, 2.0, seed, initializer=initializer)
            for i in range(max(doublings - 1, 0))
        ]
        self.output = (
            Deconv("decoder_output", _BROADCAST_WIDTH, channels, 1.0, seed, initializer=initializer)
            if doublings
            else Conv(
                "decoder_output", _BROADCAST_WIDTH, channels, 1.0, seed, size=5, stride=1, initializer=initializer
            )
        )

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        batch, (height, width) = shape_of(z)[0], self.small
        rows, columns = tf.meshgrid(tf.linspace(-1.0, 1.0, height), tf.linspace(-1.0, 1.0, width), indexing="ij")
        places = tf.broadcast_to(tf.stack([rows, columns], axis=-1), [batch, height, width, 2])
        latents = tf.broadcast_to(tf.cast(z, tf.float32)[:, None, None], [batch, height, width, z.shape[1]])
        # The first layer is float32 in every precision: bfloat16 would blur neighbouring places near ±1.
        x = tf.cast(tf.nn.relu(self.hidden[0](tf.concat([latents, places], axis=-1))), z.dtype)
        for layer in (*self.hidden[1:], *self.deconvolutions):
            x = tf.nn.relu(layer(x))
        return self.output(x)
