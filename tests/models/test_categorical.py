"""Gaussian and categorical latents of one VAE against numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.categorical import categorical_vae, kl_to_uniform
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.joint_vae import joint_vae
from dlib_bvae.models.vae import GaussianVAE, kl_to_standard_normal

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 64)))


@pytest.fixture(scope="module")
def network():
    return categorical_vae((16, 16, 1), 0, categories=[3, 4])


def test_a_code_is_ten_means_and_the_likeliest_categories(network):
    codes, log_variance = (x.numpy() for x in network.encode(IMAGES))
    numbers = GaussianVAE.encode(network, IMAGES)[0].numpy()
    assert codes.shape == log_variance.shape == (8, 17)
    np.testing.assert_array_equal(codes[:, :10], numbers[:, :10])
    np.testing.assert_array_equal(codes[:, 10:13], np.eye(3)[numbers[:, 10:13].argmax(1)])
    np.testing.assert_array_equal(codes[:, 13:], np.eye(4)[numbers[:, 13:].argmax(1)])
    assert (np.exp(log_variance[:, 10:]) == 0).all()
    assert network.decode(codes).shape == IMAGES.shape


def test_the_terms_agree_with_numpy(network):
    batch = network.batch(IMAGES, tf.constant([0, 1], tf.int64), step=tf.constant(50, tf.int64))
    numbers = GaussianVAE.encode(network, IMAGES)
    kl = kl_to_standard_normal(numbers[0][:, :10], numbers[1][:, :10])
    np.testing.assert_allclose(batch.kl, kl, rtol=1e-5)
    expected = 0.0
    for part in np.split(numbers[0].numpy()[:, 10:].astype(float), [3], axis=1):
        p = np.exp(part) / np.exp(part).sum(1, keepdims=True)
        expected = expected + (p * np.log(p * part.shape[1])).sum(1)
    np.testing.assert_allclose(batch.extras["categorical_kl"], expected, rtol=1e-3, atol=1e-6)
    method = joint_vae(c_max=8.0, gamma=2.0, categorical_c_max=100.0, categorical_gamma=3.0, iteration_threshold=100)
    terms = method.terms(batch)
    assert float(terms["capacity_penalty"]) == pytest.approx(2 * abs(np.mean(kl) - 4), rel=1e-4)
    largest = np.log(3) + np.log(4)
    assert float(terms["categorical_capacity_penalty"]) == pytest.approx(3 * abs(expected.mean() - largest), rel=1e-4)


def test_relaxed_samples_are_near_the_categories_and_have_their_probabilities():
    network = categorical_vae((16, 16, 1), 0, categories=[3], temperature=0.1)
    p = np.array([0.6, 0.3, 0.1], np.float32)
    logs = tf.tile(tf.math.log(p)[None], [20_000, 1])
    samples = network._relax(logs, tf.constant([0, 1])).numpy()
    np.testing.assert_allclose(samples.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.bincount(samples.argmax(1)) / 20_000, p, atol=0.015)
    assert np.median(samples.max(1)) > 0.99


def test_kl_to_uniform_runs_from_zero_to_the_logarithm_of_the_size_with_finite_gradients():
    logits = tf.constant([[0.0, 0.0, 0.0, 0.0], [1e4, 0.0, 0.0, -1e4]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        kl = kl_to_uniform(tf.nn.log_softmax(logits))
    np.testing.assert_allclose(kl, [0.0, np.log(4)], atol=1e-6)
    assert np.isfinite(tape.gradient(kl, logits)).all()


@pytest.mark.parametrize("categories", [[], 3, [1], [2.5]])
def test_sizes_that_are_none_are_refused(categories):
    with pytest.raises(UserError, match=r"categorical_vae.categories must be"):
        categorical_vae((16, 16, 1), 0, categories=categories)


def test_value_and_gradient_of_a_batch_are_those_of_plain_numpy():
    network = categorical_vae((16, 16, 1), 0, categories=[3, 4], temperature=0.37)
    noise, draws = plain.noise((4, 10)), []
    for place, size in enumerate((3, 4), start=1):
        uniform = tf.random.stateless_uniform((4, size), stream(plain.KEY, place), 1e-7, 1.0).numpy().astype(float)
        draws.append(-np.log(-np.log(uniform)))

    def made(mean, log_variance):
        batch = plain.batch_of(network, mean, log_variance)
        fields = {"latent": batch.latent, "kl": batch.kl, "reconstruction": batch.reconstruction}
        logged = {f"logged {name}": batch.measured[name] for name in ("kl", "categorical_kl")}
        return {**fields, **logged, "categorical_kl": batch.extras["categorical_kl"]}

    def formula(mean, log_variance):
        parts, categorical_kl = [mean[:, :10] + np.sqrt(np.exp(log_variance[:, :10])) * noise], 0.0
        for logits, gumbel in zip(np.split(mean[:, 10:], [3], axis=1), draws, strict=True):
            p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            categorical_kl = categorical_kl + (p * np.log(p * p.shape[1])).sum(1)
            relaxed = (p * np.exp(gumbel)) ** (1 / 0.37)
            parts.append(relaxed / relaxed.sum(1, keepdims=True))
        latent = np.concatenate(parts, axis=1)
        losses = plain.bernoulli(plain.IMAGES, plain.decoded(latent))
        kl = plain.kl(mean[:, :10], log_variance[:, :10])
        fields = {"latent": latent, "kl": kl, "reconstruction": losses, "categorical_kl": categorical_kl}
        return {**fields, "logged kl": kl.mean(), "logged categorical_kl": categorical_kl.mean()}

    check(made, formula, **plain.posterior(17))
