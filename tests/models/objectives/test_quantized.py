"""The losses of codebooks by hand; the distances themselves are the networks' (test_autoencoders.py)."""

import math

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.quantized import factor_qvae, qlae, vq_vae

DISTANCES = {"quantization": tf.constant([0.5, 1.5] * 4), "commitment": tf.constant([2.0, 4.0] * 4)}


@pytest.mark.parametrize("kind", [qlae, vq_vae, factor_qvae])
def test_the_distances_are_weighted_as_if_the_reconstruction_were_a_mean_over_pixels(kind, make_batch):
    batch = make_batch(extras=DISTANCES)
    method = kind(lambda_quantize=0.5, lambda_commit=0.25)
    method.build(3, DummyData(), 0)
    found = {name: float(value) for name, value in method.terms(batch).items()}
    assert found["reconstruction"] == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert found["quantization"] == pytest.approx(256 * 0.5 * 1.0)
    assert found["commitment"] == pytest.approx(256 * 0.25 * 3.0)
    assert len(found) == (4 if kind is factor_qvae else 3)


def test_factor_qvae_adds_the_weighted_total_correlation(make_batch):
    batch = make_batch(extras=DISTANCES)
    method = factor_qvae(gamma=6.0, width=8, depth=1)
    method.build(3, DummyData(), 0)
    term = float(method.terms(batch)["weighted_total_correlation"])
    logits = method.discriminator(batch.latent).numpy()
    assert term == pytest.approx(6.0 * (logits[:, 0] - logits[:, 1]).mean(), rel=1e-4)
    assert not math.isclose(term, 0.0)


def test_their_defaults_are_the_papers():
    assert defaults(qlae) == {"lambda_quantize": 0.01, "lambda_commit": 0.01}
    assert defaults(vq_vae) == {"lambda_quantize": 1.0, "lambda_commit": 0.25}
    discriminator = {"discriminator_learning_rate": 1e-4, "width": 1000, "depth": 6, "initializer": "he_uniform"}
    assert defaults(factor_qvae) == {"gamma": 10.0, "lambda_quantize": 0.01, "lambda_commit": 0.01, **discriminator}


@pytest.mark.parametrize("kind", [qlae, vq_vae, factor_qvae])
@pytest.mark.parametrize("name", ["lambda_quantize", "lambda_commit"])
def test_a_weight_below_zero_is_refused(kind, name):
    kind(**{name: 0.0})
    with pytest.raises(UserError, match=f"{kind.__name__}.{name} must be a finite number >= 0"):
        kind(**{name: -1e-9})


@pytest.mark.parametrize("kind", [qlae, vq_vae, factor_qvae])
def test_value_and_gradient_are_those_of_the_formula(kind, make_batch):
    sizes = {"gamma": 3.7, "width": 8, "depth": 1} if kind is factor_qvae else {}
    method = kind(lambda_quantize=0.37, lambda_commit=0.6, **sizes)
    method.build(3, DummyData(), 0)

    def formula(b):
        terms = {
            "reconstruction": b.reconstruction.mean(),
            "quantization": 16 * 16 * 0.37 * b.quantization.mean(),
            "commitment": 16 * 16 * 0.6 * b.commitment.mean(),
        }
        if kind is not factor_qvae:
            return terms
        (hidden,), output = method.discriminator.hidden, method.discriminator.output
        kernels = [layer.kernel.numpy().T if layer.transposed else layer.kernel.numpy() for layer in (hidden, output)]
        activation = b.latent @ kernels[0]
        logits = np.where(activation > 0, activation, 0.2 * activation) @ kernels[1]
        return {**terms, "weighted_total_correlation": 3.7 * (logits[:, 0] - logits[:, 1]).mean()}

    extras = {"quantization": tf.constant([0.5, 1.5, 0.1, 0.2]), "commitment": tf.constant([2.0, 4.0, 0.3, 0.7])}
    check_terms(method, formula, make_batch(4, extras=extras))
