"""The two terms of the β-VAE by hand."""

import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.objectives.base import linear_weight
from dlib_bvae.models.objectives.vae import vae


@pytest.mark.parametrize(("beta", "weighted"), [(0.0, 0.0), (0.25, 0.75), (1.0, 3.0), (4.0, 12.0)])
def test_the_loss_is_reconstruction_plus_beta_kl(beta, weighted):
    batch = Batch(None, None, None, tf.constant([1.0, 3.0]), tf.constant([0.5, 5.5]))
    terms = vae(beta=beta).terms(batch)
    assert {name: float(value) for name, value in terms.items()} == {"reconstruction": 2.0, "weighted_kl": weighted}
    assert batch.measured == {}


def test_a_beta_that_changes_is_that_of_the_step_and_is_logged():
    batch = Batch(None, None, None, tf.constant([1.0]), tf.constant([3.0]), step=tf.constant(3, tf.int64))
    terms = vae(beta=linear_weight(last=4.0, steps=8)).terms(batch)
    assert float(terms["weighted_kl"]) == 1.5 * 3.0
    assert float(batch.measured["beta"]) == 1.5


def test_its_default_is_the_plain_vae():
    assert defaults(vae) == {"beta": 1.0}


@pytest.mark.parametrize("beta", [-1, float("nan"), float("inf"), "4", True])
def test_a_beta_that_is_no_weight_is_refused(beta):
    with pytest.raises(UserError, match="vae.beta must be a finite number >= 0"):
        vae(beta=beta)


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    formula = lambda b: {"reconstruction": b.reconstruction.mean(), "weighted_kl": 3.7 * b.kl.mean()}
    check_terms(vae(beta=3.7), formula, make_batch(4))
    check_terms(vae(beta=linear_weight(last=7.4, steps=8)), formula, make_batch(4, step=tf.constant(4, tf.int64)))
