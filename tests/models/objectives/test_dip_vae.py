"""DIP-VAE against numpy's covariance."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.dip_vae import dip_vae


@pytest.mark.parametrize("dip_type", ["i", "ii"])
def test_it_agrees_with_numpy(make_batch, dip_type):
    batch = make_batch(16, 4)
    mean, variance = batch.mean.numpy().astype(float), np.exp(batch.log_variance.numpy().astype(float))
    expected = np.cov(mean.T, bias=True) + (np.diag(variance.mean(0)) if dip_type == "ii" else 0)
    method = dip_vae(lambda_od=2.0, lambda_d_factor=5.0, dip_type=dip_type)
    np.testing.assert_allclose(method.covariance(batch), expected, rtol=1e-4, atol=1e-5)
    terms = method.terms(batch)
    diagonal = np.diag(expected)
    assert float(terms["off_diagonal"]) == pytest.approx(2 * ((expected**2).sum() - (diagonal**2).sum()), rel=1e-4)
    assert float(terms["diagonal"]) == pytest.approx(10 * ((diagonal - 1) ** 2).sum(), rel=1e-4)


def test_type_ii_with_zero_means_is_the_mean_variances(make_batch):
    batch = make_batch(mean=tf.zeros([8, 3]))
    expected = np.diag(np.exp(batch.log_variance.numpy()).mean(0))
    np.testing.assert_allclose(dip_vae(dip_type="ii").covariance(batch), expected, rtol=1e-5)


def test_another_type_is_refused():
    with pytest.raises(UserError, match='dip_type must be "i" or "ii"; got \'iii\''):
        dip_vae(dip_type="iii")


def test_its_other_terms_are_the_elbo_s(make_batch):
    batch = make_batch()
    terms = dip_vae().terms(batch)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert float(terms["weighted_kl"]) == pytest.approx(np.mean(batch.kl), rel=1e-5)
    assert len(terms) == 4


def test_its_defaults_are_the_study_s_and_others_are_checked():
    assert defaults(dip_vae) == {"lambda_od": 5.0, "lambda_d_factor": 10.0, "dip_type": "i"}
    dip_vae(lambda_d_factor=0.0)
    with pytest.raises(UserError, match="dip_vae.lambda_d_factor must be a finite number >= 0"):
        dip_vae(lambda_d_factor=-1e-9)


@pytest.mark.parametrize("dip_type", ["i", "ii"])
def test_value_and_gradient_are_those_of_the_formula(make_batch, dip_type):
    def formula(b):
        covariance = np.cov(b.mean.T, bias=True) + (dip_type == "ii") * np.diag(np.exp(b.log_variance).mean(0))
        outside = ~np.eye(3, dtype=bool)
        return {
            "reconstruction": b.reconstruction.mean(),
            "weighted_kl": b.kl.mean(),
            "off_diagonal": 0.6 * (covariance[outside] ** 2).sum(),
            "diagonal": 0.6 * 3.7 * ((np.diag(covariance) - 1) ** 2).sum(),
        }

    check_terms(dip_vae(lambda_od=0.6, lambda_d_factor=3.7, dip_type=dip_type), formula, make_batch(4))
