"""The VAE's terms against tensorflow-probability and float64 numpy."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.likelihoods import bernoulli_loss
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE, kl_to_standard_normal


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


def test_bernoulli_agrees_with_float64_and_tensorflow_probability():
    tfd = pytest.importorskip("tensorflow_probability").distributions
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(4, 8, 8, 1)).astype(np.float32)
    logits = rng.normal(scale=5, size=x.shape).astype(np.float32)
    got = bernoulli_loss().negative_log_likelihood(x, logits).numpy()
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(got, -np.log(np.where(x == 1, p, 1 - p)).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(got, -tfd.Bernoulli(logits).log_prob(x).numpy().sum((1, 2, 3)), rtol=1e-5)


def test_gradients_are_finite_at_extreme_logits():
    logits = tf.constant([[[[1e4], [-1e4]]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = bernoulli_loss().negative_log_likelihood(tf.constant([[[[0.0], [1.0]]]]), logits)
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()
    assert loss.numpy() == pytest.approx(2e4)


def test_gradients_of_the_bernoulli_loss_are_tensorflow_s_for_images_and_logits():
    rng = np.random.default_rng(1)
    x, logits = (tf.constant(rng.uniform(*ends, size=(3, 8, 8, 2)), tf.float32) for ends in ((0, 1), (-8, 8)))
    weights = tf.constant([1.0, -2.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, logits])
        ours = tf.reduce_sum(weights * bernoulli_loss().negative_log_likelihood(x, logits))
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        theirs = tf.reduce_sum(weights * tf.reduce_sum(losses, axis=[1, 2, 3]))
    for each in (x, logits):
        np.testing.assert_allclose(tape.gradient(ours, each), tape.gradient(theirs, each), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.1, 4.0])
def test_the_loss_is_reconstruction_plus_beta_kl(beta):
    values = tf.constant([1.0, 3.0]), tf.constant([0.5, 1.5])
    terms = vae(beta=beta).terms(Batch(None, None, None, *values))
    assert {k: float(v) for k, v in terms.items()} == pytest.approx({"reconstruction": 2.0, "weighted_kl": beta})


@pytest.mark.parametrize("beta", [-1, float("nan"), float("inf"), "4", True])
def test_a_beta_that_is_no_weight_is_refused(beta):
    with pytest.raises(UserError, match="vae.beta must be a finite number >= 0"):
        vae(beta=beta)


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
