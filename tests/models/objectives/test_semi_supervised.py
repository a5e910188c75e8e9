"""The supervised term against numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.semi_supervised import s2_vae


@pytest.mark.parametrize("supervision", ["xent", "l2"])
def test_the_supervised_term_agrees_with_numpy(make_batch, supervision):
    factors = DummyData().factors_at(np.arange(0, 512, 64))
    means = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    encode = lambda _: (tf.constant(means), None)
    batch = make_batch(second=tf.zeros([8, 16, 16, 1]), factors=tf.constant(factors), encode=encode)
    method = s2_vae(gamma_sup=3.0, supervision=supervision)
    method.build(6, DummyData(), 0)
    target, predicted = factors / np.array([1, 3, 7, 7]), means[:, :4].astype(float)
    if supervision == "xent":
        p = 1 / (1 + np.exp(-predicted))
        errors = -target * np.log(p) - (1 - target) * np.log(1 - p)
    else:
        errors = (predicted - target) ** 2
    assert float(method.terms(batch)["supervised"]) == pytest.approx(3 * errors.sum(1).mean(), rel=1e-5)


def test_fewer_latents_than_factors_are_refused():
    with pytest.raises(UserError, match="a latent for each of 4 factors; encoder.num_latent is 3"):
        s2_vae().build(3, DummyData(), 0)


def test_its_defaults_its_other_terms_and_what_it_wants(make_batch):
    assert defaults(s2_vae) == {"beta": 4.0, "gamma_sup": 10.0, "num_labelled": 100, "supervision": "xent"}
    assert s2_vae.wants == s2_vae().wants
    assert s2_vae(num_labelled=7).wants.labelled == 7
    batch = make_batch(second=0, factors=tf.zeros([8, 4], tf.int64), encode=lambda _: (tf.zeros([8, 4]), None))
    method = s2_vae(beta=3.0)
    method.build(4, DummyData(), 0)  # as many latents as factors
    terms = method.terms(batch)
    assert float(terms["weighted_kl"]) == pytest.approx(3 * np.mean(batch.kl), rel=1e-5)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert float(terms["supervised"]) == pytest.approx(10 * 4 * np.log(2), rel=1e-5)


def test_a_factor_of_one_value_has_the_target_zero(make_batch):
    data = DummyData()
    data.factor_sizes = (2, 1)
    method = s2_vae(supervision="l2", gamma_sup=1.0)
    method.build(2, data, 0)
    np.testing.assert_array_equal(method.most, [1.0, 1.0])


def test_what_is_no_number_of_labels_and_no_loss_is_refused():
    s2_vae(num_labelled=1)
    with pytest.raises(UserError, match="s2_vae.num_labelled must be an integer >= 1"):
        s2_vae(num_labelled=0)
    with pytest.raises(UserError, match="s2_vae.supervision must be one of xent, l2; got 'l1'"):
        s2_vae(supervision="l1")


@pytest.mark.parametrize("supervision", ["xent", "l2"])
def test_value_and_gradient_are_those_of_the_formula(make_batch, supervision):
    factors = DummyData().factors_at(np.arange(0, 512, 128)) + [[0, 1, 2, 0], [1, 0, 3, 1], [0, 2, 1, 3], [0, 1, 0, 4]]
    method = s2_vae(beta=0.6, gamma_sup=3.7, supervision=supervision)
    method.build(5, DummyData(), 0)

    def formula(b):
        target, predicted = factors / np.array([1, 3, 7, 7]), b.second_mean[:, :4]
        p = 1 / (1 + np.exp(-predicted))
        entropy = -target * np.log(p) - (1 - target) * np.log(1 - p)
        errors = entropy if supervision == "xent" else (predicted - target) ** 2
        elbo = {"reconstruction": b.reconstruction.mean(), "weighted_kl": 0.6 * b.kl.mean()}
        return {**elbo, "supervised": 3.7 * errors.sum(1).mean()}

    batch = lambda second_mean: make_batch(4, 5, encode=lambda _: (second_mean, None), factors=tf.constant(factors))
    check_terms(method, formula, batch, second_mean=np.random.default_rng(1).normal(size=(4, 5)))
