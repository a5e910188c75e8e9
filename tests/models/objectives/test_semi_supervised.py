"""The supervised term against numpy."""

import numpy as np
import pytest
import tensorflow as tf

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
