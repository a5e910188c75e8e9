"""MMD against slow loops, and what it is for."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.mmd import SCALES, info_vae, squared_mmd, wae_mmd


def slow_mmd(x, y, scales=(0.1, 0.2, 0.5, 1, 2, 5, 10)):
    n, latents = x.shape
    scales = 2 * latents * np.array(scales)
    kernel = lambda a, b: (scales / (scales + ((a - b) ** 2).sum())).sum()
    within = sum(kernel(z[i], z[j]) for z in (x, y) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within - 2 * sum(kernel(a, b) for a in x for b in y) / n**2


def test_it_agrees_with_slow_loops():
    x, y = np.random.default_rng(0).normal(size=(2, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(squared_mmd(tf.constant(x), tf.constant(y + 1)), slow_mmd(x, y + 1), rtol=1e-4)


def test_it_is_about_zero_for_the_same_distribution_and_large_for_another():
    x, y = tf.random.stateless_normal([2, 500, 3], [0, 1])
    assert abs(float(squared_mmd(x, y))) < 0.02
    assert float(squared_mmd(x, 2.0 + y)) > 1.0


def test_the_terms_are_weighted_as_the_papers_do(make_batch):
    batch = make_batch()
    prior = tf.random.stateless_normal([8, 3], stream(batch.key, 1)).numpy()
    mmd = slow_mmd(batch.latent.numpy(), prior)
    terms = info_vae(alpha=0.25, lambda_=10.0).terms(batch)
    assert float(terms["weighted_kl"]) == pytest.approx(0.75 * np.mean(batch.kl), rel=1e-5)
    assert float(terms["weighted_mmd"]) == pytest.approx(9.25 * mmd, rel=1e-3)
    assert float(wae_mmd(lambda_=3.0).terms(batch)["weighted_mmd"]) == pytest.approx(3 * mmd, rel=1e-3)


def test_gradients_are_finite_at_equal_and_at_extreme_codes():
    y = tf.random.stateless_normal([4, 2], [0, 1])
    for x in (tf.zeros([4, 2]), tf.constant([[1e15, 0.0]] * 4), y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = squared_mmd(x, y)
        assert np.isfinite(tape.gradient(loss, x)).all()


def test_weights_that_are_none_are_refused():
    with pytest.raises(UserError, match=r"alpha \+ lambda_ > 1"):
        info_vae(alpha=0.5, lambda_=0.5)
    with pytest.raises(UserError, match="at least 2 images"):
        squared_mmd(tf.zeros([1, 2]), tf.zeros([1, 2]))


def test_the_other_terms_and_defaults(make_batch):
    batch = make_batch()
    for method, count in ((info_vae(), 3), (wae_mmd(), 2)):
        terms = method.terms(batch)
        assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
        assert len(terms) == count
        assert float(terms["weighted_mmd"]) == pytest.approx(method.weight * float(batch.measured["mmd"]), rel=1e-5)
    assert SCALES == (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    assert defaults(info_vae) == {"alpha": 0.0, "lambda_": 1000.0, "scales": SCALES}
    assert defaults(wae_mmd) == {"lambda_": 1000.0, "scales": SCALES}


def test_the_bounds_of_the_weights():
    assert info_vae(alpha=1.0, lambda_=0.5).weight == 0.5
    with pytest.raises(UserError, match="info_vae.alpha must be a finite number <= 1"):
        info_vae(alpha=1.0001)
    wae_mmd(lambda_=0.0)
    with pytest.raises(UserError, match="wae_mmd.lambda_ must be a finite number >= 0"):
        wae_mmd(lambda_=-1e-9)
    assert np.isfinite(squared_mmd(tf.zeros([2, 2]), tf.ones([2, 2])))
    for method in (info_vae, wae_mmd):
        for scales, said in (([], "a list of at least one number"), (2.0, "a list of"), ([1.0, 0.0], "> 0")):
            with pytest.raises(UserError, match=rf"{method.__name__}\.scales must be .*{said}"):
                method(scales=scales)


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    batch = make_batch(4)
    prior = tf.random.stateless_normal([4, 3], stream(batch.key, 1)).numpy().astype(float)
    elbo = lambda b: {"reconstruction": b.reconstruction.mean(), "weighted_kl": 0.7 * b.kl.mean()}
    weighted = lambda b, weight, scales: {"weighted_mmd": weight * slow_mmd(b.latent, prior, scales)}
    for scales in (SCALES, [0.3, 4.0]):
        formula = lambda b, scales=scales: {**elbo(b), **weighted(b, 3.0, scales)}
        check_terms(info_vae(alpha=0.3, lambda_=3.7, scales=scales), formula, batch)
        formula = lambda b, scales=scales: {"reconstruction": b.reconstruction.mean(), **weighted(b, 3.7, scales)}
        check_terms(wae_mmd(lambda_=3.7, scales=scales), formula, batch)
