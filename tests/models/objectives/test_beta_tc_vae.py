"""The decomposed KL: weights by hand, estimates against slow loops and a Gaussian whose total correlation is known."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import Batch
from dlib_bvae.models.objectives.beta_tc_vae import aggregate_log_density, beta_tc_vae, stratified_weights


@pytest.mark.parametrize(("count", "images"), [(2, 2), (4, 4), (5, 20), (64, 737_280)])
def test_stratified_weights_have_one_over_n_on_the_diagonal_and_rows_that_sum_to_one(count, images):
    weights = stratified_weights(count, images)
    np.testing.assert_allclose(np.diag(weights), 1 / images)
    np.testing.assert_allclose(weights.sum(1), 1.0)
    assert (weights >= 0).all()
    others = weights[~np.eye(count, dtype=bool)].reshape(count, -1)
    assert [len(np.unique(row.round(12))) <= 2 for row in others] == [True] * count
    np.testing.assert_allclose(others.min(1), (images - count + 1) / (images * (count - 1)))


def test_stratified_weights_of_a_batch_that_is_too_large_are_refused():
    with pytest.raises(UserError, match="a batch of 2 … 8 images"):
        stratified_weights(9, 8)


def slow_log_density(z, mean, log_variance, images, estimator):
    count, latents = z.shape
    weights = np.full((count, count), 1 / (count * images))
    if estimator == "stratified":
        weights = np.full((count, count), 1 / (count - 1))
        for i in range(count):
            weights[i, i], weights[i, (i + 1) % count] = 1 / images, (1 / (count - 1) - 1 / images)
    joint, marginals = np.zeros(count), np.zeros(count)
    for i in range(count):
        densities = np.zeros((count, latents))
        for j in range(count):
            for d in range(latents):
                variance = np.exp(log_variance[j, d])
                densities[j, d] = np.exp(-((z[i, d] - mean[j, d]) ** 2) / (2 * variance)) / np.sqrt(
                    2 * np.pi * variance
                )
        joint[i] = np.log((weights[i] * densities.prod(1)).sum())
        marginals[i] = np.log((weights[i][:, None] * densities).sum(0)).sum()
    return joint, marginals


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_it_agrees_with_slow_loops(make_batch, estimator):
    batch = make_batch(7, 3)
    method = beta_tc_vae(beta=4.0, estimator=estimator)
    method.build(3, DummyData(), 0)
    z, mean, log_variance = (x.numpy().astype(float) for x in (batch.latent, batch.mean, batch.log_variance))
    joint, marginals = slow_log_density(z, mean, log_variance, 512, estimator)
    terms = method.terms(batch)
    constant = np.log(512) if estimator == "weighted" else 0.0
    logged = {name: float(value) for name, value in batch.measured.items()}
    expected = (joint - marginals).mean() - 2 * constant
    assert logged["minibatch_total_correlation"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert float(terms["weighted_total_correlation"]) == pytest.approx(3 * (joint - marginals).mean(), rel=1e-4)
    posterior = -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance + np.log(2 * np.pi)).sum(1)
    prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(1)
    information, dimensions = (posterior - joint).mean() - constant, (marginals - prior).mean() + 3 * constant
    assert logged["minibatch_index_code_information"] == pytest.approx(information, rel=1e-4)
    assert logged["minibatch_dimension_wise_kl"] == pytest.approx(dimensions, rel=1e-4)
    assert sum(logged.values()) == pytest.approx((posterior - prior).mean(), rel=1e-4)


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_value_and_gradient_are_those_of_the_formula(make_batch, estimator):
    method = beta_tc_vae(beta=3.7, estimator=estimator)
    method.build(3, DummyData(), 0)

    def formula(b):
        joint, marginals = slow_log_density(b.latent, b.mean, b.log_variance, 512, estimator)
        elbo = {"reconstruction": b.reconstruction.mean(), "weighted_kl": b.kl.mean()}
        return {**elbo, "weighted_total_correlation": 2.7 * (joint - marginals).mean()}

    check_terms(method, formula, make_batch(4))


def test_what_is_logged_has_no_constant_and_the_bias_that_is_said_of_it():
    """10 independent latents, 64 images of dSprites: 122 nats are a constant, and 10 more the few images."""
    logged, trained = [], []
    for seed in range(10):
        rng, variance = np.random.default_rng(seed), 0.05
        mean = np.sqrt(1 - variance) * rng.normal(size=(64, 10))
        latent = mean + np.sqrt(variance) * rng.normal(size=mean.shape)
        numbers = (tf.constant(each, tf.float32) for each in (mean, np.full_like(mean, np.log(variance)), latent))
        batch, method = Batch(*numbers, tf.zeros(64), tf.zeros(64)), beta_tc_vae(beta=2.0)
        method.num_images = 737_280
        trained.append(float(method.terms(batch)["weighted_total_correlation"]))
        logged.append(float(batch.measured["minibatch_total_correlation"]))
        assert float(batch.measured["minibatch_index_code_information"]) <= np.log(64) + 1e-3
    assert np.mean(logged) == pytest.approx(10, abs=0.7)
    assert np.array(trained) - logged == pytest.approx(np.full(10, 9 * np.log(737_280)), abs=1e-3)
    assert 9 * np.log(737_280) == pytest.approx(121.6, abs=0.05)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_a_gaussian_has_its_total_correlation(correlation, estimator):
    """The whole set as the batch: the weighted estimator is the plain mixture then, but for a constant."""
    rng = np.random.default_rng(0)
    count, inner = 2000, 0.15
    covariance = np.array([[1.0, correlation], [correlation, 1.0]]) - inner * np.eye(2) * (1 - correlation)
    mean = rng.multivariate_normal([0, 0], covariance, size=count).astype(np.float32)
    variance = np.full_like(mean, inner * (1 - correlation))
    latent = (mean + np.sqrt(variance) * rng.standard_normal(mean.shape)).astype(np.float32)
    joint, marginals = aggregate_log_density(
        tf.constant(latent), tf.constant(mean), tf.constant(np.log(variance)), count, estimator
    )
    constant = np.log(count) if estimator == "weighted" else 0.0  # (latents − 1) · log of the weights' sum
    got = float(tf.reduce_mean(joint - marginals)) - constant
    assert got == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.08)


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
@pytest.mark.parametrize(("mean", "log_variance"), [(1e3, 0.0), (0.0, -30.0), (0.0, 30.0), (1e3, -10.0)])
def test_gradients_are_finite_at_extreme_posteriors(make_batch, estimator, mean, log_variance):
    batch = make_batch(6, 3)
    means, logs = tf.constant(batch.mean * mean), batch.log_variance + log_variance
    method = beta_tc_vae(estimator=estimator)
    method.build(3, DummyData(), 0)
    with tf.GradientTape() as tape:
        tape.watch([means, logs])
        latent = means + tf.exp(0.5 * logs)
        joint, marginals = aggregate_log_density(latent, means, logs, 512, estimator)
        loss = tf.reduce_mean(joint - marginals)
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, [means, logs]))


def test_its_other_terms_are_the_elbo_s(make_batch):
    batch = make_batch(4, 3)
    method = beta_tc_vae()
    method.build(3, DummyData(), 0)
    terms = method.terms(batch)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert float(terms["weighted_kl"]) == pytest.approx(np.mean(batch.kl), rel=1e-5)
    assert len(terms) == 3


def test_its_defaults_are_the_study_s_and_others_are_checked():
    assert defaults(beta_tc_vae) == {"beta": 6.0, "estimator": "weighted"}
    with pytest.raises(UserError, match="beta_tc_vae.estimator must be one of weighted, stratified; got 'exact'"):
        beta_tc_vae(estimator="exact")
    with pytest.raises(UserError, match="a batch of 2 … 8 images"):
        stratified_weights(1, 8)
