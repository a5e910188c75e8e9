"""Bernoulli and Gaussian likelihoods against float64, tensorflow-probability and the equivalence of σ² and β."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.likelihoods import bernoulli_loss, gaussian_loss, optimal_sigma_loss, sigma_loss, soft_clip
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(4, 8, 8, 3)).astype(np.float32)
LOGITS = RNG.normal(size=IMAGES.shape).astype(np.float32)
MEANS = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
ERRORS = (IMAGES - MEANS) ** 2


def slow(sigma):
    return (0.5 * ERRORS / sigma**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum((1, 2, 3))


@pytest.mark.parametrize("sigma", [0.05, 1.0, 3.0])
def test_gaussian_agrees_with_float64_and_tensorflow_probability(sigma):
    tfd = pytest.importorskip("tensorflow_probability").distributions
    got = gaussian_loss(sigma).negative_log_likelihood(IMAGES, LOGITS)
    np.testing.assert_allclose(got, slow(sigma), rtol=1e-5)
    expected = -tfd.Normal(MEANS.astype(np.float32), sigma).log_prob(IMAGES).numpy().sum((1, 2, 3))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_the_learned_sigma_is_one_weight_that_starts_at_one_and_gets_a_gradient():
    likelihood = sigma_loss()
    assert len(likelihood.trainable_variables) == 1
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(likelihood.negative_log_likelihood(IMAGES, LOGITS))
    sigma = np.exp(np.float64(-6 + np.log1p(np.exp(6.0))))
    np.testing.assert_allclose(loss, slow(sigma).mean(), rtol=1e-5)
    slope = (1 - ERRORS / sigma**2).sum((1, 2, 3)).mean() / (1 + np.exp(-6.0))
    np.testing.assert_allclose(tape.gradient(loss, likelihood.free), slope, rtol=1e-4)


def test_the_optimal_sigma_is_the_root_mean_square_error_and_a_minimum():
    likelihood = optimal_sigma_loss(least=-20.0)
    sigma = float(likelihood.measured(IMAGES, LOGITS)["sigma"])
    assert sigma == pytest.approx(np.sqrt(ERRORS.mean()), rel=1e-5)
    best = slow(sigma).mean()
    assert best < slow(sigma * 1.01).mean()
    assert best < slow(sigma / 1.01).mean()
    np.testing.assert_allclose(likelihood.negative_log_likelihood(IMAGES, LOGITS), slow(sigma), rtol=1e-5)
    assert best == pytest.approx(IMAGES[0].size / 2 * (np.log(2 * np.pi * sigma**2) + 1), rel=1e-5)


def test_no_gradient_is_missing_without_one_through_the_optimal_sigma():
    logits, size = tf.constant(LOGITS), IMAGES[0].size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = tf.reduce_mean(optimal_sigma_loss(least=-30.0).negative_log_likelihood(IMAGES, logits))
        whole = 0.5 * size * tf.math.log(tf.reduce_mean(tf.square(IMAGES - tf.sigmoid(logits))))
    np.testing.assert_allclose(tape.gradient(ours, logits), tape.gradient(whole, logits), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
@pytest.mark.parametrize("likelihood", [gaussian_loss(), sigma_loss(), optimal_sigma_loss()])
def test_gradients_are_finite_at_extreme_logits_and_at_a_perfect_image(likelihood, logit):
    logits = tf.fill([2, 8, 8, 1], logit)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = likelihood.negative_log_likelihood(tf.cast(logits > 0, tf.float32), logits)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, logits)).all()
    assert likelihood.measured(tf.cast(logits > 0, tf.float32), logits)["sigma"] > 0.99 * np.exp(-6)


def test_the_soft_clip_is_a_smooth_maximum():
    values = soft_clip(tf.constant([-100.0, -6.0, 3.0]), -6.0)
    np.testing.assert_allclose(values, [-6.0, -6.0 + np.log(2), 3.0001], atol=1e-3)


def gradients(sigma, beta):
    """Of the loss of one network under a likelihood of fixed σ and a β."""
    network = GaussianVAE((16, 16, 1), 0)
    network.likelihood = gaussian_loss(sigma)
    images = tf.constant(np.random.default_rng(1).uniform(size=(4, 16, 16, 1)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.add_n(list(vae(beta).terms(network.batch(images, tf.constant([0, 1]))).values()))
    return tape.gradient(loss, network.trainable_variables), network.likelihood.measured(images, images)


def test_a_fixed_variance_is_a_beta():
    """Section 4.2 of the [Re] β-VAE report: squared error + 2σ² KL is 2σ² times the Gaussian VAE's loss, but for a constant."""
    sigma = 0.3
    by_sigma, measured = gradients(sigma, beta=1.0)
    beta = float(measured["equivalent_beta"])
    assert beta == pytest.approx(2 * sigma**2)
    by_beta, _ = gradients(np.sqrt(0.5), beta=beta)  # σ² = ½ makes it the plain squared error
    for one, other in zip(by_sigma, by_beta, strict=True):
        np.testing.assert_allclose(beta * one, other, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, -1.0, "1", float("nan")])
def test_a_sigma_that_is_none_is_refused(sigma):
    with pytest.raises(UserError, match="gaussian_loss.sigma must be a finite number > 0"):
        gaussian_loss(sigma)


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


def test_only_the_optimal_variance_ties_the_images_of_a_batch_together():
    kinds = (bernoulli_loss, gaussian_loss, sigma_loss, optimal_sigma_loss)
    assert [kind.separable for kind in kinds] == [True, True, True, False]
    assert [defaults(kind) for kind in kinds[1:]] == [{"sigma": 1.0}, {"least": -6.0}, {"least": -6.0}]
    assert bernoulli_loss().measured(IMAGES, LOGITS) == {}
    np.testing.assert_allclose(bernoulli_loss().mean_image(LOGITS), MEANS, rtol=1e-5)


SMALL = {"images": IMAGES[:, :2, :3, :1], "logits": 2 * LOGITS[:, :2, :3, :1]}


def loss_of(likelihood):
    return lambda images, logits: {"loss": likelihood.negative_log_likelihood(images, logits)}


def gaussian_formula(images, logits, sigma):
    errors = (images - plain.sigmoid(logits)) ** 2
    return {"loss": (0.5 * errors / sigma**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum((1, 2, 3))}


def test_value_and_gradient_of_the_bernoulli_loss_are_those_of_the_formula():
    check(loss_of(bernoulli_loss()), lambda images, logits: {"loss": plain.bernoulli(images, logits)}, **SMALL)


def test_value_and_gradient_of_the_gaussian_loss_are_those_of_the_formula():
    check(loss_of(gaussian_loss(0.37)), lambda images, logits: gaussian_formula(images, logits, 0.37), **SMALL)


def test_value_and_gradient_of_the_learned_sigma_are_those_of_the_formula():
    likelihood = sigma_loss(least=-1.3)

    def loss(images, logits, free):
        likelihood.free = free
        return loss_of(likelihood)(images, logits)

    formula = lambda images, logits, free: gaussian_formula(images, logits, np.exp(-1.3) * (1 + np.exp(free + 1.3)))
    check(loss, formula, **SMALL, free=np.array(-0.6))


def test_value_and_gradient_of_the_optimal_sigma_are_those_of_the_formula_with_that_sigma():
    mean_square = ((SMALL["images"] - plain.sigmoid(SMALL["logits"].astype(float))) ** 2).mean()
    sigma = np.exp(-1.3) * (1 + np.sqrt(mean_square) * np.exp(1.3))
    formula = lambda images, logits: gaussian_formula(images, logits, sigma)
    check(loss_of(optimal_sigma_loss(least=-1.3)), formula, **SMALL)


@pytest.mark.parametrize("likelihood", [bernoulli_loss(), gaussian_loss(0.37)])
def test_the_mean_image_is_the_logistic_function_of_the_logits(likelihood):
    check(lambda x: {"mean": likelihood.mean_image(x)}, lambda x: {"mean": plain.sigmoid(x)}, x=SMALL["logits"])
