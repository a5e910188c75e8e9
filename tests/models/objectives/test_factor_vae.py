"""FactorVAE: the terms, the permutation, one step of the discriminator by hand, and a dependence that it finds."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults
from support.plain import discriminator_logits

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.factor_vae import factor_vae, permute_latents


def build(**settings):
    method = factor_vae(**{"width": 8, "depth": 2, **settings})
    method.build(3, DummyData(), 0)
    return method


def test_the_discriminator_has_the_paper_s_size():
    method = factor_vae()
    method.build(10, DummyData(), 0)
    count = sum(int(tf.size(v)) for v in method.trainable_variables)
    assert count == (10 + 1) * 1000 + 5 * (1000 + 1) * 1000 + (1000 + 1) * 2


def test_the_terms_agree_with_numpy(make_batch):
    method, batch = build(gamma=7.0), make_batch()
    logits = discriminator_logits(method, batch.latent.numpy())
    terms = method.terms(batch)
    expected = 7 * (logits[:, 0] - logits[:, 1]).mean()
    assert float(terms["weighted_total_correlation"]) == pytest.approx(expected, rel=1e-4)
    assert float(terms["weighted_kl"]) == pytest.approx(np.mean(batch.kl), rel=1e-5)


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    method = build(gamma=3.7)

    def formula(b):
        logits = discriminator_logits(method, b.latent)
        elbo = {"reconstruction": b.reconstruction.mean(), "weighted_kl": b.kl.mean()}
        return {**elbo, "weighted_total_correlation": 3.7 * (logits[:, 0] - logits[:, 1]).mean()}

    check_terms(method, formula, make_batch(4))


def test_every_latent_is_permuted_by_itself_and_reproducibly():
    codes = tf.constant(np.arange(64.0).reshape(16, 4), tf.float32)
    permuted, again, other = (permute_latents(codes, tf.constant([0, key])).numpy() for key in (1, 1, 2))
    np.testing.assert_array_equal(np.sort(permuted, axis=0), codes)
    np.testing.assert_array_equal(permuted, again)
    assert (permuted != other).any()
    orders = permuted // 4
    assert all((orders[:, 0] != orders[:, i]).any() for i in (1, 2, 3))


def test_one_update_lowers_the_loss_by_hand_and_leaves_the_network_alone(make_batch):
    other = make_batch(seed=1)
    encode = lambda images: (other.mean, other.log_variance)
    batch = make_batch(second=tf.zeros([8, 16, 16, 1]), encode=encode)
    method = build(discriminator_learning_rate=1e-2)
    noise = tf.random.stateless_normal([8, 3], stream(batch.key, 1))
    codes = permute_latents(other.mean + tf.exp(0.5 * other.log_variance) * noise, stream(batch.key, 2)).numpy()
    logits = discriminator_logits(method, np.concatenate([batch.latent, codes]))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    method.update(batch)
    loss = float(batch.measured["discriminator_loss"])
    assert loss == pytest.approx(-0.5 * (log_p[:8, 0].mean() + log_p[8:, 1].mean()), rel=1e-4)
    method.update(batch)
    assert float(batch.measured["discriminator_loss"]) < loss


def test_it_finds_the_total_correlation_of_a_gaussian(make_batch):
    """0.83 nats at correlation 0.9; the discriminator of a short training comes near from below."""
    method = factor_vae(width=32, depth=2, discriminator_learning_rate=1e-2)
    method.build(2, DummyData(), 0)

    @tf.function(autograph=False)
    def step(number):
        def draw(key):
            u = tf.random.stateless_normal([128, 2], [key, number])
            return tf.stack([u[:, 0], 0.9 * u[:, 0] + np.sqrt(1 - 0.81) * u[:, 1]], axis=1)

        given = {"mean": draw(1), "log_variance": tf.fill([128, 2], -20.0), "latent": draw(0), "second": tf.zeros([1])}
        encode = lambda _: (given["mean"], given["log_variance"])
        key = tf.stack([tf.constant(5, tf.int64), tf.cast(number, tf.int64)])
        batch = make_batch(128, 2, key=key, step=tf.cast(number, tf.int64), encode=encode, **given)
        method.terms(batch)
        method.update(batch)
        return batch.measured["total_correlation"]

    estimates = [float(step(tf.constant(number))) for number in range(200)]
    assert 0.55 < np.mean(estimates[-50:]) < 1.1
    assert abs(estimates[0]) < 0.5


def test_gradients_are_finite_at_extreme_codes(make_batch):
    method = build()
    latent = tf.constant([[1e4, -1e4, 0.0]] * 8)
    with tf.GradientTape() as tape:
        tape.watch(latent)
        loss = method.terms(make_batch(latent=latent))["weighted_total_correlation"]
    assert np.isfinite(tape.gradient(loss, latent)).all()
    batch = make_batch(latent=latent, second=tf.zeros([1]), encode=lambda _: (-latent, tf.zeros([8, 3])))
    method.update(batch)
    assert np.isfinite(float(batch.measured["discriminator_loss"]))
    assert all(np.isfinite(v).all() for v in method.trainable_variables)


def test_an_update_is_a_step_of_adam_with_the_paper_s_betas_and_the_accuracy_is_a_share(make_batch):
    other = make_batch(seed=1)
    batch = make_batch(
        second=tf.zeros([1]), encode=lambda _: (other.mean, other.log_variance), step=tf.constant(1, tf.int64)
    )
    method = build(discriminator_learning_rate=1e-3)
    noise = tf.random.stateless_normal([8, 3], stream(batch.key, 1))
    permuted = permute_latents(other.mean + tf.exp(0.5 * other.log_variance) * noise, stream(batch.key, 2))
    codes, labels = tf.concat([batch.latent, permuted], axis=0), tf.constant([0] * 8 + [1] * 8)
    kernel = method.discriminator.output.kernel
    with tf.GradientTape() as tape:
        logits = method.discriminator(codes)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    gradient, before = tape.gradient(loss, kernel).numpy().astype(float), kernel.numpy().astype(float)
    method.update(batch)
    first, second = 0.5 * gradient, 0.1 * gradient**2  # the second step, after one whose gradients were 0
    expected = before - 1e-3 * first / (1 - 0.5**2) / (np.sqrt(second / (1 - 0.9**2)) + 1e-8)
    np.testing.assert_allclose(kernel, expected, rtol=1e-5, atol=1e-7)
    right = (logits.numpy().argmax(1) == labels.numpy()).mean()
    assert float(batch.measured["discriminator_accuracy"]) == pytest.approx(right)


def test_its_defaults_and_bounds():
    sizes = {"width": 1000, "depth": 6, "initializer": "he_uniform"}
    assert defaults(factor_vae) == {"gamma": 10.0, "discriminator_learning_rate": 1e-4, **sizes}
    factor_vae(width=1, depth=1)
    for name in ("width", "depth"):
        with pytest.raises(UserError, match=f"factor_vae.{name} must be an integer >= 1"):
            factor_vae(**{name: 0})


def test_a_leaky_unit_lets_a_fifth_through_and_the_seed_makes_the_weights(make_batch):
    method = build(depth=1)
    method.discriminator.hidden[0].kernel.assign(-tf.ones_like(method.discriminator.hidden[0].kernel))
    method.discriminator.output.kernel.assign(tf.ones_like(method.discriminator.output.kernel))
    np.testing.assert_allclose(method.discriminator(tf.ones([1, 3])), [[-4.8, -4.8]], rtol=1e-5)  # 8 units of −3 · 0.2
    kernels = []
    for seed in (0, 0, 1):
        other = factor_vae(width=8, depth=2)
        other.build(3, DummyData(), seed)
        kernels.append(other.discriminator.output.kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()
