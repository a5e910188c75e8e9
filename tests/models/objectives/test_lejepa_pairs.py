"""Alignment and SIGReg against numpy, in value and gradient."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import trapezoid
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.datasets.images import ALL_FACTORS
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.lejepa_pairs import alignment, lejepa_pairs, sigreg
from dlib_bvae.models.random_numbers import normal

RNG = np.random.default_rng(0)
CODES = RNG.normal(0.3, [0.5, 1.0, 2.0], size=(12, 3))
DIRECTIONS = RNG.normal(size=(5, 3))
PLACES = np.linspace(-3, 3, 33)  # of both halves of the integral


def slow_sigreg(codes, directions):
    """The statistic from its definition, over the whole integral, and its gradient by the codes."""
    value, gradient = 0.0, np.zeros_like(codes)
    law = np.exp(-(PLACES**2) / 2)
    weights = np.full(33, PLACES[1] - PLACES[0]) * law
    weights[[0, -1]] /= 2
    for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        for place, target, weight in zip(PLACES, law, weights, strict=True):
            angle = place * (codes @ direction)
            error = np.exp(1j * angle).mean() - target
            value += len(codes) * weight * abs(error) ** 2
            slope = 2 * weight * place * (error.imag * np.cos(angle) - error.real * np.sin(angle))
            gradient += slope[:, None] * direction
    return value / len(directions), gradient / len(directions)


def with_gradient(function):
    codes = tf.constant(CODES, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        value = function(codes)
    return float(value), tape.gradient(value, codes).numpy()


def test_sigreg_and_its_gradient_are_those_of_the_definition():
    value, gradient = with_gradient(lambda codes: sigreg(codes, tf.constant(DIRECTIONS, tf.float32)))
    expected, slopes = slow_sigreg(CODES, DIRECTIONS)
    assert value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-5)


def test_alignment_and_its_gradient_are_those_of_loops():
    value, gradient = with_gradient(alignment)
    expected, slopes = 0.0, np.zeros_like(CODES)
    for one in range(6):
        middle = (CODES[one] + CODES[6 + one]) / 2
        for row in (one, 6 + one):
            expected += ((CODES[row] - middle) ** 2).sum() / 36
            slopes[row] = (CODES[row] - middle) / 18
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5)


def test_normal_codes_have_about_one_whatever_their_number_and_others_more():
    # Of n normal codes the mean is the integral of (1 − exp(−t²)) exp(−t²/2), 1.05.
    normal_codes = np.random.default_rng(1).normal(size=(40, 256, 2))
    directions = normal([64, 2], tf.constant([0, 5]))
    found = lambda codes: np.mean([float(sigreg(tf.constant(each, tf.float32), directions)) for each in codes])
    assert found(normal_codes) == pytest.approx(1.05, abs=0.15)
    assert found(normal_codes[:, :64]) == pytest.approx(1.05, abs=0.15)
    assert found(2 * normal_codes) > 10
    assert found(np.sign(normal_codes)) > 5
    # All codes equal: 256 times the integral of (1 − exp(−t²/2))² exp(−t²/2).
    law = np.exp(-(PLACES**2) / 2)
    assert found(0 * normal_codes[:1]) == pytest.approx(256 * trapezoid((1 - law) ** 2 * law, PLACES), rel=1e-5)


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    batch = make_batch(4, 3)
    directions = normal([5, 3], stream(batch.key, 1)).numpy()

    def reference(b):
        apart = np.mean((b.mean[:2] - b.mean[2:]) ** 2) / 4
        return {"weighted_alignment": 0.4 * apart, "weighted_sigreg": 0.6 * slow_sigreg(b.mean, directions)[0]}

    check_terms(lejepa_pairs(lambda_=0.6, slices=5), reference, batch)
    lejepa_pairs(lambda_=0.0, slices=5).terms(batch)
    mean = batch.mean.numpy().astype(float)
    expected = {"alignment": np.mean((mean[:2] - mean[2:]) ** 2) / 4, "sigreg": slow_sigreg(mean, directions)[0]}
    assert {name: float(x) for name, x in batch.measured.items()} == pytest.approx(expected, rel=1e-4)


def test_directions_are_drawn_from_the_batch_s_key(make_batch):
    found = [lejepa_pairs(slices=2).terms(make_batch(8, 3, key=tf.constant([0, k], tf.int64))) for k in (1, 1, 2)]
    first, again, other = (float(terms["weighted_sigreg"]) for terms in found)
    assert first == again != other


def test_its_defaults_and_what_it_wants():
    assert defaults(lejepa_pairs) == {"lambda_": 0.01, "slices": 256, "changed": ALL_FACTORS}
    assert (lejepa_pairs.wants.partners, lejepa_pairs(changed=1).wants.partners) == (ALL_FACTORS, 1)
    assert lejepa_pairs(changed=-1).supervision == "pairs"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lambda_": 1.5}, r"lejepa_pairs.lambda_ must be a finite number"),
        ({"slices": 0}, "lejepa_pairs.slices must be an integer >= 1"),
        ({"changed": 0}, "lejepa_pairs.changed must be an integer >= 1"),
    ],
)
def test_parameters_out_of_range_are_refused(given, said):
    with pytest.raises(UserError, match=said):
        lejepa_pairs(**given)


def test_a_batch_that_is_not_of_pairs_is_refused(make_batch):
    with pytest.raises(UserError, match="pairs make a batch of an even number of images; got 5"):
        lejepa_pairs().terms(make_batch(5, 3))
