"""Vectors out of a codebook: nearest ones, losses and gradients against a slow numpy version."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from support import plain

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.autoencoders import vector_quantized_autoencoder
from dlib_bvae.models.objectives.quantized import vq_vae
from dlib_bvae.models.vae import GaussianVAE

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 64)))
KEY = tf.constant([0, 1])


@pytest.fixture
def network():
    gin.bind_parameter("encoder.num_latent", 12)
    made = vector_quantized_autoencoder((16, 16, 1), 0, dim=3, num_vectors=7)
    made.codebook.assign(0.1 * made.codebook)  # as near to 0 as the first codes, so that many are used
    yield made
    gin.clear_config()


def slowly(codes, book):
    """For every vector of every image the nearest of the codebook, one by one."""
    images, dim = len(codes), book.shape[1]
    indices = np.empty((images, codes.shape[1] // dim), int)
    for i in range(images):
        for k in range(indices.shape[1]):
            vector = codes[i, k * dim : (k + 1) * dim]
            indices[i, k] = min(range(len(book)), key=lambda m: sum((vector - book[m]) ** 2))
    return indices, book[indices].reshape(images, -1)


def test_codes_and_losses_are_those_of_the_slow_version(network):
    free = GaussianVAE.encode(network, IMAGES)[0].numpy().astype(float)
    indices, expected = slowly(free, network.codebook.numpy())
    assert len(np.unique(indices)) >= 4
    np.testing.assert_array_equal(network.indices(tf.constant(free, tf.float32)), indices)
    np.testing.assert_array_equal(network.encode(IMAGES)[0], expected)
    batch = network.batch(IMAGES, KEY)
    np.testing.assert_array_equal(batch.mean, expected)
    np.testing.assert_allclose(batch.latent, expected, rtol=1e-5, atol=1e-6)
    assert (np.exp(batch.log_variance) == 0).all()
    shares = np.bincount(indices.ravel(), minlength=7) / indices.size
    perplexity = np.exp(-sum(share * np.log(share) for share in shares if share > 0))
    assert float(batch.measured["perplexity"]) == pytest.approx(perplexity, rel=1e-5)
    method = vq_vae(lambda_quantize=1.0, lambda_commit=0.25)
    method.build(12, DummyData(), 0)
    terms = method.terms(batch)
    distance = np.mean([np.mean((free[i] - expected[i]) ** 2) for i in range(len(free))])
    assert float(terms["quantization"]) == pytest.approx(256 * distance, rel=1e-4)
    assert float(terms["commitment"]) == pytest.approx(0.25 * 256 * distance, rel=1e-4)
    logits = network.decode_logits(tf.constant(expected)).numpy().astype(float)
    bits = IMAGES.numpy() * np.logaddexp(0, -logits) + (1 - IMAGES.numpy()) * np.logaddexp(0, logits)
    assert float(terms["reconstruction"]) == pytest.approx(bits.sum() / len(free), rel=1e-4)


def test_the_codebook_s_gradient_moves_used_vectors_to_the_codes(network):
    free = GaussianVAE.encode(network, IMAGES)[0].numpy()
    indices, expected = slowly(free, network.codebook.numpy())
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(network.batch(IMAGES, KEY).extras["quantization"])
    found = tape.gradient(value, network.codebook)
    assert isinstance(found, tf.Tensor)
    slow = np.zeros_like(network.codebook.numpy())
    apart = 2 * (expected - free).reshape(-1, 3) / free.size
    for row, index in zip(apart, indices.ravel(), strict=True):
        slow[index] += row
    np.testing.assert_allclose(found, slow, rtol=1e-4, atol=1e-8)


def test_each_distance_trains_its_own_side_and_the_reconstruction_the_encoder(network):
    encoder, book = network.encoder.trainable_variables[0], network.codebook
    found = {}
    for name in ("quantization", "commitment", "reconstruction"):
        with tf.GradientTape() as tape:
            batch = network.batch(IMAGES, KEY)
            value = tf.reduce_sum(batch.extras.get(name, batch.reconstruction))
        gradients = tape.gradient(value, [encoder, book], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        found[name] = [bool(tf.reduce_any(tf.convert_to_tensor(gradient) != 0)) for gradient in gradients]
    assert found == {"quantization": [False, True], "commitment": [True, False], "reconstruction": [True, False]}


def test_the_codebook_starts_uniform_in_its_range_by_the_seed():
    books = [vector_quantized_autoencoder((16, 16, 1), seed, dim=2).codebook.numpy() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(books[0], books[1])
    assert (books[0] != books[2]).all()
    limit = np.sqrt(3 / 2)
    assert np.abs(books[0]).max() <= limit
    assert np.abs(books[0]).max() > 0.98 * limit
    assert books[0].var() == pytest.approx(1 / 2, rel=0.1)


def test_vectors_that_do_not_fill_the_code_are_refused():
    with pytest.raises(UserError, match="must be a multiple of vector_quantized_autoencoder.dim, 3, .*; got 10"):
        vector_quantized_autoencoder((16, 16, 1), 0, dim=3)


def test_value_and_gradient_of_a_batch_are_those_of_plain_numpy(network):
    free, book = plain.posterior(12)["mean"], np.random.default_rng(1).normal(size=(7, 3))
    indices, values = slowly(free, book)
    plain.check_codebook(network, free, book, lambda codebook: codebook[indices].reshape(4, 12), values)
