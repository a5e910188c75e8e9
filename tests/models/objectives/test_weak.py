"""Averaged posteriors of pairs against slow loops."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check, check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.weak import ada_gvae, ada_ml_vae


def slow(mean, variance, kind):
    half, latents = len(mean) // 2, mean.shape[1]
    mean, variance = mean.copy(), variance.copy()
    for i in range(half):
        j = half + i
        kl = [
            0.5 * (variance[i, d] / variance[j, d] + (mean[j, d] - mean[i, d]) ** 2 / variance[j, d] - 1)
            + 0.5 * np.log(variance[j, d] / variance[i, d])
            for d in range(latents)
        ]
        for d in range(latents):
            if kl[d] < (min(kl) + max(kl)) / 2:
                (m1, m2), (v1, v2) = mean[[i, j], d], variance[[i, j], d]
                if kind is ada_gvae:
                    m, v = (m1 + m2) / 2, (v1 + v2) / 2
                else:
                    v = 2 * v1 * v2 / (v1 + v2)
                    m = (m1 / v1 + m2 / v2) * v / 2
                mean[[i, j], d], variance[[i, j], d] = m, v
    return mean, variance


@pytest.mark.parametrize("kind", [ada_gvae, ada_ml_vae])
def test_shared_latents_are_averaged_as_slow_loops_do(make_batch, kind):
    batch = make_batch(12, 5)
    mean, log_variance = kind().adapt(batch.mean, batch.log_variance)
    expected = slow(batch.mean.numpy().astype(float), np.exp(batch.log_variance.numpy().astype(float)), kind)
    np.testing.assert_allclose(mean, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.exp(log_variance), expected[1], rtol=1e-4)
    assert (mean.numpy() == batch.mean.numpy()).any()
    assert (mean.numpy() != batch.mean.numpy()).any()


@pytest.mark.parametrize("kind", [ada_gvae, ada_ml_vae])
def test_gradients_are_finite_at_extreme_variances(kind):
    mean = tf.constant([[1.0, 2.0, 3.0], [1.5, 0.0, -3.0]])
    log_variance = tf.constant([[60.0, -60.0, 0.0], [60.0, -60.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        adapted = kind().adapt(mean, log_variance)
        loss = tf.reduce_sum(adapted[0]) + tf.reduce_sum(adapted[1])
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, [mean, log_variance]))


@pytest.mark.parametrize("changed", [0, -2, 1.5])
def test_a_number_of_changes_that_is_none_is_refused(changed):
    with pytest.raises(UserError, match="ada_gvae.changed must be an integer >= 1"):
        ada_gvae(changed=changed)


@pytest.mark.parametrize("kind", [ada_gvae, ada_ml_vae])
def test_the_terms_are_the_beta_vae_s(kind, make_batch):
    batch = make_batch()
    terms = {name: float(value) for name, value in kind(beta=3.0).terms(batch).items()}
    expected = {"reconstruction": np.mean(batch.reconstruction), "weighted_kl": 3 * np.mean(batch.kl)}
    assert terms == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [ada_gvae, ada_ml_vae])
def test_what_they_want_by_default_and_as_given(kind):
    assert defaults(kind) == {"beta": 1.0, "changed": 1}
    assert (kind.wants.partners, kind().wants.partners, kind(changed=-1).wants.partners) == (1, 1, -1)
    assert kind(changed=3).supervision == "pairs"


def test_a_batch_that_is_not_of_pairs_is_refused(make_batch):
    batch = make_batch(5, 3)
    with pytest.raises(UserError, match="pairs make a batch of an even number of images; got 5"):
        ada_gvae().adapt(batch.mean, batch.log_variance)


@pytest.mark.parametrize("kind", [ada_gvae, ada_ml_vae])
def test_value_and_gradient_are_those_of_the_formula(kind, make_batch):
    formula = lambda b: {"reconstruction": b.reconstruction.mean(), "weighted_kl": 3.7 * b.kl.mean()}
    batch = make_batch(4)
    check_terms(kind(beta=3.7), formula, batch)

    def averaged(mean, log_variance):
        found = slow(mean, np.exp(log_variance), kind)
        return {"mean": found[0], "log_variance": np.log(found[1])}

    adapt = lambda mean, log_variance: dict(
        zip(("mean", "log_variance"), kind().adapt(mean, log_variance), strict=True)
    )
    check(adapt, averaged, mean=batch.mean, log_variance=batch.log_variance)
