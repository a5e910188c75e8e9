"""The spatial broadcast decoder."""

from __future__ import annotations

import math

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.architectures import Shape
from dlib_bvae.models.layers import Conv, Deconv, shape_of

_WIDTH = 64
_HIDDEN = 4


@gin.configurable(denylist=["observation_shape", "num_latent", "seed"])
class spatial_broadcast_decoder(tf.Module):
    """The latents at every place of a map, two coordinates in −1 … 1, four convolutions 64×5×5, ReLU (Watters et al. 2019).

    Latents float (batch, num_latent) → logits (batch, height, width, channels). broadcast_size: height of the map, 0 for the
    image's (about 150 times the multiplications of a transposed-convolution decoder at 64×64); a smaller map, the height
    divided by a power of 2, is doubled by 4×4 transposed convolutions. Raises UserError for another size.
    """

    def __init__(self, observation_shape: Shape, num_latent: int, seed: int, broadcast_size: int = 0):
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
        widths = [num_latent + 2, *[_WIDTH] * _HIDDEN]
        self.hidden = [
            Conv(f"decoder_conv{i}", widths[i], widths[i + 1], 2.0, seed, size=5, stride=1) for i in range(_HIDDEN)
        ]
        self.deconvolutions = [
            Deconv(f"decoder_deconv{i}", _WIDTH, _WIDTH, 2.0, seed) for i in range(max(doublings - 1, 0))
        ]
        self.output = (
            Deconv("decoder_output", _WIDTH, channels, 1.0, seed)
            if doublings
            else Conv("decoder_output", _WIDTH, channels, 1.0, seed, size=5, stride=1)
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
