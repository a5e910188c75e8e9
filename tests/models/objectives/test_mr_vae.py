"""Every image's KL with its own β, by hand."""

import tensorflow as tf
from support.gradients import check_terms

from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.objectives.mr_vae import mr_vae


def test_every_kl_is_weighted_by_the_beta_of_its_image():
    extras = {"beta": tf.constant([0.5, 4.0])}
    batch = Batch(None, None, None, tf.constant([1.0, 3.0]), tf.constant([3.0, 5.0]), extras=extras)
    terms = mr_vae().terms(batch)
    assert {name: float(value) for name, value in terms.items()} == {"reconstruction": 2.0, "weighted_kl": 10.75}


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    formula = lambda b: {"reconstruction": b.reconstruction.mean(), "weighted_kl": (b.beta * b.kl).mean()}
    check_terms(mr_vae(), formula, make_batch(4, extras={"beta": tf.constant([0.3, 0.7, 3.7, 6.1])}))
