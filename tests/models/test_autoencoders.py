"""Deterministic and quantised codes."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import NotApplicable
from dlib_bvae.models.autoencoders import deterministic_autoencoder, deterministic_encoder, quantized_autoencoder
from dlib_bvae.models.objectives.quantized import qlae
from dlib_bvae.models.vae import GaussianVAE

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 128)))
KEY = tf.constant([0, 1])


def test_a_deterministic_code_is_the_mean_of_the_same_encoder_without_variance():
    network = deterministic_autoencoder((16, 16, 1), 0)
    mean, log_variance = network.encode(IMAGES)
    np.testing.assert_array_equal(mean, GaussianVAE((16, 16, 1), 0).encode(IMAGES)[0])
    assert (np.exp(log_variance) == 0).all()
    np.testing.assert_array_equal(network.batch(IMAGES, KEY).latent, mean)


def test_an_encoder_alone_has_the_codes_of_the_autoencoder_and_neither_decoder_nor_likelihood():
    network, whole = deterministic_encoder((16, 16, 1), 0), deterministic_autoencoder((16, 16, 1), 0)
    batch = network.batch(IMAGES, KEY)
    np.testing.assert_array_equal(batch.mean, whole.encode(IMAGES)[0])
    assert (batch.reconstruction, batch.kl, batch.decode, batch.measured) == (None, None, None, {})
    assert len(network.variables) == len(whole.encoder.variables) == len(network.trainable_variables)
    for function, given in ((network.decode, batch.mean), (network.reconstruct, IMAGES)):
        with pytest.raises(NotApplicable, match="deterministic_encoder has no decoder"):
            function(given)


@pytest.mark.parametrize("shared", [False, True])
def test_codes_are_the_nearest_values_and_gradients_pass_through(shared):
    network = quantized_autoencoder((16, 16, 1), 0, num_values=5, shared=shared)
    books = network.codebook.numpy() + np.random.default_rng(0).normal(scale=0.1, size=network.codebook.shape)
    network.codebook.assign(books)
    free = GaussianVAE.encode(network, IMAGES)[0].numpy()
    expected = np.empty_like(free)
    for (i, j), value in np.ndenumerate(free):
        book = network.codebook.numpy()[0 if shared else j]
        expected[i, j] = book[np.abs(book - value).argmin()]
    batch = network.batch(IMAGES, KEY)
    np.testing.assert_array_equal(batch.mean, expected)
    np.testing.assert_allclose(batch.latent, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(batch.extras["commitment"], ((free - expected) ** 2).mean(1), rtol=1e-4)
    np.testing.assert_allclose(batch.extras["quantization"], batch.extras["commitment"], rtol=1e-6)
    method = qlae(lambda_quantize=0.01, lambda_commit=0.02)
    method.build(10, DummyData(), 0)
    terms = method.terms(batch)
    assert float(terms["commitment"]) == pytest.approx(256 * 0.02 * ((free - expected) ** 2).mean(), rel=1e-4)
    assert float(terms["quantization"]) == pytest.approx(256 * 0.01 * ((free - expected) ** 2).mean(), rel=1e-4)
    assert 1 <= float(batch.measured["values_used"]) <= 4


def test_each_distance_trains_its_own_side_and_the_reconstruction_the_encoder():
    network = quantized_autoencoder((16, 16, 1), 0)
    encoder, book = network.encoder.trainable_variables[0], network.codebook
    found = {}
    for name in ("quantization", "commitment", "reconstruction"):
        with tf.GradientTape() as tape:
            batch = network.batch(IMAGES, KEY)
            value = tf.reduce_sum(batch.extras.get(name, batch.reconstruction))
        gradients = tape.gradient(value, [encoder, book], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        found[name] = [bool(tf.reduce_any(tf.convert_to_tensor(gradient) != 0)) for gradient in gradients]
    assert found == {"quantization": [False, True], "commitment": [True, False], "reconstruction": [True, False]}


def test_value_and_gradient_of_a_deterministic_batch_are_those_of_plain_numpy():
    network = deterministic_autoencoder((16, 16, 1), 0)

    def made(mean, log_variance):
        batch = plain.batch_of(network, mean, log_variance)
        return {"latent": batch.latent, "reconstruction": batch.reconstruction}

    def formula(mean, log_variance):
        return {"latent": mean, "reconstruction": plain.bernoulli(plain.IMAGES, plain.decoded(mean))}

    check(made, formula, **plain.posterior(10))


@pytest.mark.parametrize("shared", [False, True])
def test_value_and_gradient_of_a_quantised_batch_are_those_of_plain_numpy(shared):
    network = quantized_autoencoder((16, 16, 1), 0, num_values=5, shared=shared)
    free = plain.posterior(10)["mean"]
    books = np.random.default_rng(1).normal(size=(1 if shared else 10, 5))
    rows = np.zeros(10, int) if shared else np.arange(10)
    nearest = np.abs(free[..., None] - books[rows]).argmin(2)
    values = books[rows, nearest]
    plain.check_codebook(network, free, books, lambda codebook: codebook[rows, nearest], values)
