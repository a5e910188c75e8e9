"""The terms of discrete latents by hand; KL and relaxed samples are the network's (test_categorical_discrete.py)."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults
from support.plain import discriminator_logits

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.d_vae import d_vae, factor_d_vae
from dlib_bvae.models.objectives.factor_vae import permute_latents


def factored(**settings):
    method = factor_d_vae(**{"width": 8, "depth": 2, **settings})
    method.build(3, DummyData(), 0)
    return method


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    elbo = lambda b: {"reconstruction": b.reconstruction.mean(), "kl": b.kl.mean()}
    check_terms(d_vae(), elbo, make_batch(4))
    method = factored(gamma=3.7)

    def formula(b):
        logits = discriminator_logits(method, b.latent)
        return {**elbo(b), "weighted_total_correlation": 3.7 * (logits[:, 0] - logits[:, 1]).mean()}

    check_terms(method, formula, make_batch(4))


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
