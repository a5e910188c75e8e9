"""Discrete latents alone: codes, relaxed samples, KL and its gradient against numpy."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models import categorical
from dlib_bvae.models.categorical import discrete_vae
from dlib_bvae.models.random_numbers import uniform

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 64)))
KEY = tf.constant([0, 1], tf.int64)
GIVEN = {"step": tf.constant(25, tf.int64), "total": 100}
POSITIONS = np.linspace(-1, 1, 5)
NOISE = 0.5 * (0.5 - 2.0) * np.cos(np.pi / 4) + 0.5 * (0.5 + 2.0)  # as the authors' code has it, after a quarter


@pytest.fixture(scope="module")
def network():
    """Three latents of five categories, an odd number; far from even probabilities."""
    gin.bind_parameter("encoder.num_latent", 3)
    made = discrete_vae((16, 16, 1), 0, num_categories=5, temperature=0.5)
    gin.clear_config()
    made.encoder.posterior.kernel.assign(4.0 * made.encoder.posterior.kernel)
    made.encoder.posterior.bias.assign(np.random.default_rng(0).normal(size=16))
    return made


def logits_of(network, images=IMAGES):
    """float64 (images, 3, 5)."""
    halves = np.concatenate([half.numpy() for half in network.encoder(images)], axis=1).astype(float)
    assert halves.shape[1] == 16
    return halves[:, :15].reshape(-1, 3, 5)


def relaxed(logits, key):
    position = np.minimum(uniform(logits.shape, key, 1e-7, 1.0).numpy().astype(float), 1 - 1e-7)
    return softmax((logits - NOISE * np.log(-np.log(position))) / 0.5, axis=2) @ POSITIONS


def test_a_code_is_the_expected_position_without_variance(network):
    codes, log_variance = (x.numpy() for x in network.encode(IMAGES))
    expected = softmax(logits_of(network), axis=2) @ POSITIONS
    np.testing.assert_allclose(codes, expected, atol=1e-6)
    assert np.ptp(expected, axis=0).min() > 0.05
    assert (log_variance == -np.inf).all()
    assert network.reconstruct(IMAGES).shape == IMAGES.shape
    assert network.functions() == {}


def test_a_batch_decodes_relaxed_samples_with_the_noise_of_its_step(network):
    batch = network.batch(IMAGES, KEY, **GIVEN)
    np.testing.assert_allclose(batch.latent, relaxed(logits_of(network), KEY), atol=1e-5)
    np.testing.assert_array_equal(batch.mean, network.encode(IMAGES)[0])
    assert np.abs(batch.latent - batch.mean).max() > 0.1
    assert float(batch.measured["noise"]) == pytest.approx(NOISE)
    assert float(network.noise_at(tf.constant(100, tf.int64), 100)) == pytest.approx(2.0)
    other, key = IMAGES[::-1], tf.constant([3, 4], tf.int64)
    np.testing.assert_allclose(batch.extras["sample"](other, key), relaxed(logits_of(network, other), key), atol=1e-5)


def test_the_kl_to_uniform_categories_and_its_gradient_agree_with_numpy(network):
    with tf.GradientTape() as tape:
        batch = network.batch(IMAGES, KEY, **GIVEN)
        total = tf.reduce_sum(batch.kl)
    gradient = tape.gradient(total, network.encoder.posterior.bias)
    logits = logits_of(network)
    p = softmax(logits, axis=2)
    each = np.log(5) - entropy(p, axis=2)
    np.testing.assert_allclose(batch.kl, each.sum(axis=1), rtol=1e-4)
    assert each.min() > 0.01
    by_logit = p * (log_softmax(logits, axis=2) + np.log(5) - each[..., None])
    np.testing.assert_allclose(gradient, [*by_logit.sum(axis=0).ravel(), 0.0], rtol=1e-3, atol=1e-5)
    assert float(batch.measured["kl"]) == pytest.approx(each.sum(axis=1).mean(), rel=1e-4)


def test_samples_at_a_low_temperature_have_the_probabilities_of_the_categories(network):
    cold = discrete_vae((16, 16, 1), 0, num_categories=3, temperature=0.01)
    p = np.array([0.6, 0.3, 0.1], np.float32)
    positions = cold.relax(tf.tile(tf.math.log(p)[None, None], [20_000, 1, 1]), tf.constant(1.0), KEY).numpy()
    shares = [(np.abs(positions - position) < 0.01).mean() for position in (-1, 0, 1)]
    np.testing.assert_allclose(shares, p, atol=0.03)


def test_numbers_out_of_range_are_refused():
    discrete_vae((16, 16, 1), 0, num_categories=2, noise_first=0.0, noise_last=0.0)
    with pytest.raises(UserError, match="discrete_vae.num_categories must be an integer >= 2; got 1"):
        discrete_vae((16, 16, 1), 0, num_categories=1)
    with pytest.raises(UserError, match="discrete_vae.temperature must be a finite number > 0"):
        discrete_vae((16, 16, 1), 0, temperature=0.0)
    for name in ("noise_first", "noise_last"):
        with pytest.raises(UserError, match=f"discrete_vae.{name} must be a finite number >= 0"):
            discrete_vae((16, 16, 1), 0, **{name: -1e-9})


def test_gumbel_noise_is_finite_at_the_upper_end_of_its_uniform_numbers(monkeypatch):
    monkeypatch.setattr(categorical, "uniform", lambda shape, *_: tf.ones(shape))
    assert np.isfinite(categorical.gumbel([2], KEY)).all()
