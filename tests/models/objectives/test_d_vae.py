"""The terms of discrete latents by hand; KL and relaxed samples are the network's (test_categorical_discrete.py)."""

import numpy as np
import pytest
import tensorflow as tf
from support.methods import defaults

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.d_vae import d_vae, factor_d_vae
from dlib_bvae.models.objectives.factor_vae import permute_latents


def factored(**settings):
    method = factor_d_vae(**{"width": 8, "depth": 2, **settings})
    method.build(3, DummyData(), 0)
    return method


def test_the_loss_is_the_elbo_and_of_the_second_the_total_correlation_in_addition(make_batch):
    batch, method = make_batch(), factored(gamma=6.0)
    terms = {name: float(value) for name, value in d_vae().terms(batch).items()}
    elbo = {"reconstruction": np.mean(batch.reconstruction), "kl": np.mean(batch.kl)}
    assert terms == pytest.approx(elbo, rel=1e-5)
    logits = method.discriminator(batch.latent).numpy()
    term = 6.0 * (logits[:, 0] - logits[:, 1]).mean()
    found = {name: float(value) for name, value in method.terms(batch).items()}
    assert found == pytest.approx({**elbo, "weighted_total_correlation": term}, rel=1e-4)
    assert abs(term) > 1e-3


def test_the_gradient_of_a_latent_is_that_of_the_discriminator_s_logits(make_batch):
    method, batch = factored(gamma=6.0), make_batch()
    with tf.GradientTape() as tape:
        tape.watch(batch.latent)
        loss = tf.add_n(list(method.terms(batch).values()))
    found = tape.gradient(loss, batch.latent).numpy()
    layers = [*method.discriminator.hidden, method.discriminator.output]
    kernels = [layer.kernel.numpy().T if layer.transposed else layer.kernel.numpy() for layer in layers]
    x, slopes = batch.latent.numpy(), []
    for kernel in kernels[:-1]:
        x = x @ kernel
        slopes.append(np.where(x > 0, 1.0, 0.2))
        x = x * slopes[-1]
    upstream = np.tile(kernels[-1][:, 0] - kernels[-1][:, 1], (8, 1)) * 6.0 / 8
    for kernel, slope in zip(kernels[-2::-1], slopes[::-1], strict=True):
        upstream = (upstream * slope) @ kernel.T
    np.testing.assert_allclose(found, upstream, rtol=1e-4, atol=1e-6)


def test_the_discriminator_sees_relaxed_samples_of_the_second_batch(make_batch):
    asked = []

    def sample(observations, key):
        asked.append((observations, key))
        return tf.random.stateless_normal([8, 3], key)

    batch = make_batch(extras={"sample": sample}, second=tf.zeros([8, 16, 16, 1]))
    method = factored(discriminator_learning_rate=1e-2)
    permuted = permute_latents(tf.random.stateless_normal([8, 3], stream(batch.key, 1)), stream(batch.key, 2))
    logits = method.discriminator(tf.concat([batch.latent, permuted], axis=0)).numpy().astype(float)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    method.update(batch)
    expected = -0.5 * (log_p[:8, 0].mean() + log_p[8:, 1].mean())
    assert float(batch.measured["discriminator_loss"]) == pytest.approx(expected, rel=1e-4)
    ((observations, key),) = asked
    assert observations is batch.second
    np.testing.assert_array_equal(key, stream(batch.key, 1))


def test_defaults_and_what_they_ask_for():
    assert defaults(d_vae) == {}
    sizes = {"width": 1000, "depth": 6, "initializer": "he_uniform"}
    assert defaults(factor_d_vae) == {"gamma": 10.0, "discriminator_learning_rate": 1e-4, **sizes}
    assert (d_vae.separable, factor_d_vae.separable) == (True, False)
    assert (d_vae.wants.independent, factor_d_vae.wants.independent) == (False, True)
    with pytest.raises(UserError, match="factor_d_vae.gamma must be a finite number >= 0"):
        factor_d_vae(gamma=-1e-9)
