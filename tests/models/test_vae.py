"""The VAE's terms against tensorflow-probability and float64 numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.errors import UserError
from dlib_bvae.models.architectures import fc_decoder, fc_encoder
from dlib_bvae.models.likelihoods import gaussian_loss
from dlib_bvae.models.vae import GaussianVAE, build_decoder, build_encoder, kl_to_standard_normal


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 10)).astype(np.float32), rng.normal(size=(5, 10)).astype(np.float32)


def test_kl_agrees_with_tensorflow_probability(posterior):
    tfd = pytest.importorskip("tensorflow_probability").distributions
    mean, log_variance = posterior
    expected = tfd.kl_divergence(tfd.Normal(mean, np.exp(log_variance / 2)), tfd.Normal(0.0, 1.0)).numpy().sum(1)
    np.testing.assert_allclose(kl_to_standard_normal(mean, log_variance), expected, rtol=1e-5)


def test_kl_of_the_prior_is_zero():
    assert np.all(kl_to_standard_normal(tf.zeros([3, 4]), tf.zeros([3, 4])).numpy() == 0)


def test_one_key_gives_one_sample():
    network = GaussianVAE((16, 16, 1), seed=0)
    images = tf.ones([4, 16, 16, 1])
    latents = [network.batch(images, tf.constant([1, key])).latent.numpy() for key in (2, 2, 3)]
    np.testing.assert_array_equal(latents[0], latents[1])
    assert not np.allclose(latents[0], latents[2])


def test_bfloat16_networks_keep_a_float32_posterior_and_about_the_same_values():
    images = tf.cast(tf.random.stateless_uniform([4, 16, 16, 1], [0, 1]) > 0.5, tf.float32)
    full, half = (GaussianVAE((16, 16, 1), 0, precision) for precision in ("float32", "mixed_bfloat16"))
    assert half.encode(images)[0].dtype == half.decode_logits(tf.zeros([1, 10])).dtype == tf.float32
    np.testing.assert_allclose(full.encode(images)[0], half.encode(images)[0], atol=0.1)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UserError, match="float32, mixed_bfloat16, mixed_float16; got 'half'"):
        GaussianVAE((16, 16, 1), 0, "half")


def test_kl_by_hand():
    mean, variance = np.array([[1.0, 0.0], [2.0, -1.0]]), np.array([[1.0, 4.0], [0.5, 1.0]])
    expected = 0.5 * (mean**2 + variance - np.log(variance) - 1).sum(1)
    np.testing.assert_allclose(
        kl_to_standard_normal(*(tf.constant(x, tf.float32) for x in (mean, np.log(variance)))), expected, rtol=1e-6
    )


@pytest.fixture(scope="module")
def network():
    return GaussianVAE((16, 16, 1), 0)


IMAGES = tf.random.stateless_uniform([3, 16, 16, 1], [0, 1])


def test_a_batch_is_a_sample_of_the_posterior_decoded_and_compared(network):
    key = tf.constant([1, 2], tf.int64)
    batch = network.batch(IMAGES, key, step=tf.constant(7, tf.int64))
    mean, log_variance = network.encode(IMAGES)
    noise = tf.random.stateless_normal([3, 10], key)
    np.testing.assert_allclose(batch.latent, mean + tf.exp(0.5 * log_variance) * noise, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(batch.mean, mean)
    np.testing.assert_allclose(batch.kl, kl_to_standard_normal(mean, log_variance), rtol=1e-6)
    losses = network.likelihood.negative_log_likelihood(IMAGES, network.decode_logits(batch.latent))
    np.testing.assert_allclose(batch.reconstruction, losses, rtol=1e-5)
    measured = {name: float(value) for name, value in batch.measured.items()}
    assert measured == pytest.approx({"kl": np.mean(batch.kl), "reconstruction": np.mean(losses)}, rel=1e-5)
    assert (int(batch.step), batch.key is key) == (7, True)
    np.testing.assert_array_equal(batch.encode(IMAGES)[0], mean)


def test_an_adapted_posterior_is_the_one_that_is_sampled_and_weighed(network):
    batch = network.batch(IMAGES, tf.constant([1, 2]), lambda mean, log: (mean + 1.0, log - 60.0))
    np.testing.assert_allclose(batch.latent, network.encode(IMAGES)[0] + 1.0, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.kl, kl_to_standard_normal(batch.mean, batch.log_variance), rtol=1e-6)


def test_a_reconstruction_is_the_expected_image_of_the_mean(network):
    expected = tf.sigmoid(network.decode_logits(network.encode(IMAGES)[0]))
    np.testing.assert_allclose(network.reconstruct(IMAGES), expected, rtol=1e-6)


def test_the_log_likelihood_that_is_exported_is_minus_the_loss(network):
    (call, specs) = network.functions()["log_likelihood"]
    latents = tf.zeros([3, 10])
    expected = -network.likelihood.negative_log_likelihood(IMAGES, network.decode_logits(latents))
    np.testing.assert_allclose(call(IMAGES, latents)["log_likelihood"], expected, rtol=1e-6)
    assert [spec.shape.as_list() for spec in specs] == [[None, 16, 16, 1], [None, 10]]

    class Other(GaussianVAE):
        latents = "quantized"

    assert Other((16, 16, 1), 0).functions() == {}


def test_the_parts_are_what_was_asked_for():
    encoder, count = build_encoder((16, 16, 1), 0, further=3, num_latent=2, encoder_fn=fc_encoder)
    assert (count, encoder.posterior.bias.shape[0]) == (5, 10)
    assert build_encoder((16, 16, 1), 0)[1] == 10
    assert isinstance(build_decoder((16, 16, 1), 2, 0, decoder_fn=fc_decoder), fc_decoder)
    with pytest.raises(UserError, match="encoder.num_latent must be an integer >= 1"):
        build_encoder((16, 16, 1), 0, num_latent=0)
    assert build_encoder((16, 16, 1), 0, num_latent=1)[1] == 1
    for many in (20_001, 10**9, 2**64):
        with pytest.raises(UserError, match=f"encoder.num_latent must be an integer <= 20000; got {many}"):
            build_encoder((16, 16, 1), 0, num_latent=many)


def test_what_a_likelihood_measures_is_logged(network):
    other = GaussianVAE((16, 16, 1), 0)
    other.likelihood = gaussian_loss(0.5)
    assert float(other.batch(IMAGES, tf.constant([0, 1])).measured["sigma"]) == pytest.approx(0.5)


def test_value_and_gradient_of_a_batch_are_those_of_plain_numpy():
    noise = plain.noise((4, 10))

    def made(mean, log_variance):
        batch = plain.batch_of(GaussianVAE((16, 16, 1), 0), mean, log_variance)
        return {"latent": batch.latent, "kl": batch.kl, "reconstruction": batch.reconstruction}

    def formula(mean, log_variance):
        latent = mean + np.sqrt(np.exp(log_variance)) * noise
        losses = plain.bernoulli(plain.IMAGES, plain.decoded(latent))
        return {"latent": latent, "kl": plain.kl(mean, log_variance), "reconstruction": losses}

    check(made, formula, **plain.posterior(10))
