"""Codes of a fixed grid: the nearest values, straight gradients, and the decoder's hidden activations."""

import gin
import keras
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.autoencoders import fsq_autoencoder, hidden_activations
from dlib_bvae.models.vae import GaussianVAE

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 64)))
KEY = tf.constant([0, 1], tf.int64)


@pytest.fixture(scope="module")
def network():
    made = fsq_autoencoder((16, 16, 1), 0, num_values=6)
    made.encoder.posterior.bias.assign(np.random.default_rng(0).normal(size=20))
    return made


def test_codes_are_the_nearest_values_of_an_even_grid_after_a_tanh(network):
    free = np.tanh(GaussianVAE.encode(network, IMAGES)[0].numpy().astype(float))
    grid = np.linspace(-1, 1, 6)
    expected = grid[np.abs(free[..., None] - grid).argmin(axis=2)]
    codes, log_variance = network.encode(IMAGES)
    np.testing.assert_allclose(codes, expected, atol=1e-6)
    assert (log_variance.numpy() == -np.inf).all()
    batch = network.batch(IMAGES, KEY)
    np.testing.assert_allclose(batch.mean, expected, atol=1e-6)
    np.testing.assert_allclose(batch.latent, expected, atol=1e-6)
    np.testing.assert_allclose(batch.extras["continuous"], free, atol=1e-6)
    used = [len(set(column)) for column in expected.T]
    assert float(batch.measured["values_used"]) == pytest.approx(np.mean(used))
    assert len(set(used)) > 1
    assert batch.kl is None


def test_gradients_pass_straight_through_the_rounding(network):
    weights = np.random.default_rng(1).normal(size=(8, 10))
    with tf.GradientTape() as tape:
        batch = network.batch(IMAGES, KEY)
        total = tf.reduce_sum(batch.latent * tf.constant(weights, tf.float32))
    found = tape.gradient(total, network.encoder.posterior.bias)[:10]
    slopes = 1 - np.tanh(GaussianVAE.encode(network, IMAGES)[0].numpy().astype(float)) ** 2
    np.testing.assert_allclose(found, (weights * slopes).sum(axis=0), rtol=1e-4, atol=1e-5)


def by_hand(decoder, z):
    """The hidden activations of burgess_decoder."""
    found = []
    for layer in decoder.dense:
        z = tf.nn.relu(layer(z))
        found.append(z)
    z = tf.reshape(z, [-1, *decoder.small])
    for layer in decoder.deconvolutions[:-1]:
        z = tf.nn.relu(layer(z))
        found.append(z)
    return found


def test_hidden_activations_are_what_the_layers_after_the_first_are_applied_to(network):
    latents = tf.constant(np.random.default_rng(2).uniform(-1, 1, size=(3, 10)), tf.float32)
    half = fsq_autoencoder((16, 16, 1), 0, "mixed_bfloat16")
    for made in (network, half):
        found, expected = made.batch(IMAGES, KEY).extras["hidden"](latents), by_hand(made.decoder, latents)
        assert len(found) == 5
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == tf.float32
            np.testing.assert_allclose(tf.reshape(one, other.shape), other, rtol=1e-6)
    with tf.GradientTape() as tape:
        total = tf.add_n([tf.reduce_sum(each) for each in hidden_activations(network.decoder, latents)])
    assert float(tf.reduce_max(tf.abs(tape.gradient(total, network.decoder.dense[0].kernel)))) > 0
    before = hidden_activations(network.decoder, latents)[0]
    network.decoder.dense[0].bias.assign_add(tf.ones([256]))
    assert float(tf.reduce_max(hidden_activations(network.decoder, latents)[0] - before)) > 0.5


def test_a_decoder_without_layers_of_the_package_shows_none():
    def decoder(observation_shape, num_latent, seed):
        return keras.Sequential([keras.layers.Dense(256), keras.layers.Reshape(observation_shape)])

    gin.bind_parameter("decoder.decoder_fn", decoder)
    try:
        made = fsq_autoencoder((16, 16, 1), 0)
    finally:
        gin.clear_config()
    batch = made.batch(IMAGES, KEY)
    with pytest.raises(UserError, match=r"take another one, or set tripod.lambda_hessian to 0"):
        batch.extras["hidden"](batch.latent)


def test_fewer_than_two_values_are_refused():
    fsq_autoencoder((16, 16, 1), 0, num_values=2)
    with pytest.raises(UserError, match="fsq_autoencoder.num_values must be an integer >= 2; got 1"):
        fsq_autoencoder((16, 16, 1), 0, num_values=1)
