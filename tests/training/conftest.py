"""Networks small enough for many trainings."""

import math

import gin
import pytest
import tensorflow as tf

from dlib_bvae.models.layers import Dense


class Encoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("encoder")
        self.hidden = Dense("encoder0", math.prod(observation_shape), 32, 2.0, seed)
        self.output = Dense("encoder1", 32, 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        x = tf.nn.relu(self.hidden(tf.reshape(x, [-1, 256])))
        return tf.split(self.output(x), 2, axis=1)


class Decoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("decoder")
        self.hidden = Dense("decoder0", num_latent, 32, 2.0, seed)
        self.output = Dense("decoder1", 32, math.prod(observation_shape), 1.0, seed)

    def __call__(self, z):
        return tf.reshape(self.output(tf.nn.relu(self.hidden(z))), [-1, 16, 16, 1])


@pytest.fixture
def tiny_networks():
    """gin makes MLPs of one layer of 32 with 4 latents, for images of 16×16×1."""
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("decoder.decoder_fn", Decoder)
    gin.bind_parameter("encoder.num_latent", 4)
    yield
    gin.clear_config()
