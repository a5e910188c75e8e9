"""Convolutional encoders and decoders beside the Burgess network: disentanglement_lib's, and a residual one."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.models.architectures import Shape, small_map
from dlib_bvae.models.layers import Conv, Deconv, Dense, posterior_of, shape_of

_FIXED = ["observation_shape", "num_latent", "seed"]
_RESIDUAL = (32, 64, 128, 128)


@gin.configurable(denylist=_FIXED)
class conv_encoder(tf.Module):
    """Conv 32×4×4, 32×4×4, 64×2×2, 64×2×2, stride 2, FC 256, ReLU; disentanglement_lib's (Locatello et al. 2019, Table 1).

    Observations float (batch, height, width, channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("conv_encoder")
        small = small_map("conv_encoder", observation_shape, 4, 64)
        widths, sizes = [observation_shape[2], 32, 32, 64, 64], (4, 4, 2, 2)
        self.convolutions = [
            Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, size) for i, size in enumerate(sizes)
        ]
        self.dense = [Dense("encoder_dense0", math.prod(small), 256, 2.0, seed)]
        self.posterior = Dense("encoder_posterior", 256, 2 * num_latent, 1.0, seed)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class deconv_decoder(tf.Module):
    """FC 256, FC to a map of 64 channels (1024 numbers at 64×64), transposed conv 64, 32, 32, channels, 4×4 stride 2, ReLU.

    disentanglement_lib's (Locatello et al. 2019, Table 1). Latents float (batch, num_latent) → logits (batch, height, width,
    channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("deconv_decoder")
        self.small = small_map("deconv_decoder", observation_shape, 4, 64)
        self.dense = [
            Dense("decoder_dense0", num_latent, 256, 2.0, seed),
            Dense("decoder_dense1", 256, math.prod(self.small), 2.0, seed),
        ]
        widths, gains = [64, 64, 32, 32, observation_shape[2]], (2.0, 2.0, 2.0, 1.0)
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gain, seed) for i, gain in enumerate(gains)
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

    def __init__(self, name: str, width: int, seed: int):
        super().__init__(name)
        self.first = Conv(f"{name}_first", width, width, 2.0, seed, size=3, stride=1)
        self.second = Conv(f"{name}_second", width, width, 0.0, seed, size=3, stride=1)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return x + self.second(tf.nn.relu(self.first(tf.nn.relu(x))))


@gin.configurable(denylist=_FIXED)
class residual_encoder(tf.Module):
    """Four times conv 4×4 stride 2 (32, 64, 128, 128 channels) and a residual block, FC 256, ReLU.

    Residual blocks without normalisation that start as the identity (Zhang et al. 2019, Fixup). Observations float
    (batch, height, width, channels) in [0, 1] → mean and log variance, each (batch, num_latent).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("residual_encoder")
        small = small_map("residual_encoder", observation_shape, len(_RESIDUAL), _RESIDUAL[-1])
        widths = [observation_shape[2], *_RESIDUAL]
        places = range(len(_RESIDUAL))
        self.convolutions = [Conv(f"encoder_conv{i}", widths[i], widths[i + 1], 2.0, seed) for i in places]
        self.blocks = [Residual(f"encoder_block{i}", widths[i + 1], seed) for i in places]
        self.dense = [Dense("encoder_dense0", math.prod(small), 256, 2.0, seed)]
        self.posterior = Dense("encoder_posterior", 256, 2 * num_latent, 1.0, seed)

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer, block in zip(self.convolutions, self.blocks, strict=True):
            x = tf.nn.relu(block(layer(x)))
        return posterior_of(x, self.dense, self.posterior)


@gin.configurable(denylist=_FIXED)
class residual_decoder(tf.Module):
    """The mirror of residual_encoder: FC 256, FC to the map, four times a residual block and transposed conv 4×4 stride 2.

    Latents float (batch, num_latent) → logits (batch, height, width, channels).
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int):
        super().__init__("residual_decoder")
        self.small = small_map("residual_decoder", observation_shape, len(_RESIDUAL), _RESIDUAL[-1])
        self.dense = [
            Dense("decoder_dense0", num_latent, 256, 2.0, seed),
            Dense("decoder_dense1", 256, math.prod(self.small), 2.0, seed),
        ]
        widths = [*reversed(_RESIDUAL), observation_shape[2]]
        places = range(len(_RESIDUAL))
        self.blocks = [Residual(f"decoder_block{i}", widths[i], seed) for i in places]
        gains = [*[2.0] * (len(_RESIDUAL) - 1), 1.0]
        self.deconvolutions = [Deconv(f"decoder_deconv{i}", widths[i], widths[i + 1], gains[i], seed) for i in places]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.dense:
            z = tf.nn.relu(layer(z))
        x = tf.reshape(z, [shape_of(z)[0], *self.small])
        for block, deconvolution in zip(self.blocks, self.deconvolutions, strict=True):
            x = deconvolution(tf.nn.relu(block(x)))
        return x
