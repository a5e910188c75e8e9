"""Tripod's two penalties, their gradients and weights against slow numpy, as the authors' code computes them."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import norm
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.tripod import (
    deviations,
    draw_directions,
    hessian_penalty,
    multi_information,
    tripod,
)

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(7, 3)) * [0.2, 0.5, 1.0]  # before they are rounded
GRID = np.round(CODES * 4) / 4
KEY = tf.constant([0, 1], tf.int64)


def slow_information(codes, spread):
    """The densities of all latents and of each by kernels, as log densities of normal distributions: float64 (batch,)."""
    count, latents = codes.shape
    factor = (4 / (latents + 2)) ** (1 / (latents + 4)) * count ** (-1 / (latents + 4))
    place, middle = codes[:, None], codes[None]
    together = logsumexp(norm.logpdf(place, middle, factor * spread).sum(axis=2), axis=1) - np.log(count)
    single = logsumexp(norm.logpdf(place, middle, spread), axis=1) - np.log(count)
    return together - single.sum(axis=1)


def numeric(function, x, step=1e-5):
    """The gradient of a scalar function by central differences in float64."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        change = np.zeros_like(x)
        change[place] = step
        found[place] = (function(x + change) - function(x - change)) / (2 * step)
    return found


def gradient_of(function, x):
    """Value and gradient of a function of a float32 tensor."""
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return value, tape.gradient(value, x)


def test_the_multi_information_and_its_gradients_agree_with_numpy():
    spread = CODES.std(axis=0)
    np.testing.assert_allclose(deviations(tf.constant(CODES, tf.float32)), spread, rtol=1e-5)
    found = multi_information(tf.constant(GRID, tf.float32), tf.constant(spread, tf.float32))
    np.testing.assert_allclose(found, slow_information(GRID, spread), rtol=1e-4, atol=1e-5)
    mean = lambda codes: tf.reduce_mean(multi_information(codes, deviations(codes)))
    slow = lambda codes: slow_information(codes, codes.std(axis=0)).mean()
    value, gradient = gradient_of(mean, CODES)
    assert float(value) == pytest.approx(slow(CODES), rel=1e-4)
    np.testing.assert_allclose(gradient, numeric(slow, CODES), rtol=2e-3, atol=1e-4)
    assert np.abs(gradient).max() > 0.05


def test_the_multi_information_has_no_scale_and_is_larger_where_latents_depend_on_each_other():
    mean = lambda codes: float(tf.reduce_mean(multi_information(codes, deviations(codes))))
    codes = RNG.normal(size=(64, 2))
    apart = mean(tf.constant(codes, tf.float32))
    assert mean(tf.constant(codes * [1e-2, 30.0], tf.float32)) == pytest.approx(apart, abs=1e-3)
    together = mean(tf.constant(np.stack([codes[:, 0], codes[:, 0] + 0.1 * codes[:, 1]], axis=1), tf.float32))
    assert together > apart + 0.5


def test_a_constant_latent_has_finite_gradients_and_one_image_is_refused():
    codes = np.concatenate([GRID, np.ones((7, 1))], axis=1)
    mean = lambda codes: tf.reduce_mean(multi_information(codes, deviations(codes)))
    value, gradient = gradient_of(mean, codes)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert float(deviations(tf.constant(codes, tf.float32))[3]) == pytest.approx(1e-6)
    with pytest.raises(UserError, match="tripod needs a batch of at least 2 images; got 1"):
        deviations(tf.zeros([1, 3]))


def quadratic(forms):
    """zᵀ A z of each of several matrices, one unit each: codes (n, latents) → (n, units)."""
    return lambda codes: tf.einsum("ni,uij,nj->nu", codes, tf.cast(forms, tf.float32), codes)


def slow_penalty(forms, directions):
    """Of quadratic units, whose second difference in the direction v is vᵀ H v, H = A + Aᵀ."""
    second = np.einsum("bvi,uij,bvj->bvu", directions, forms + forms.transpose(0, 2, 1), directions)
    signs, gaussian = (part.var(axis=1).mean() for part in np.split(second, 2, axis=1))
    return signs / (gaussian + 1e-10)


def test_the_hessian_penalty_and_its_gradient_agree_with_numpy():
    forms, directions = RNG.normal(size=(4, 3, 3)), RNG.normal(size=(7, 6, 3)) * CODES.std(axis=0)
    fast = lambda forms: hessian_penalty(
        lambda z: [quadratic(forms)(z)], tf.constant(GRID, tf.float32), tf.constant(directions, tf.float32), 0.1
    )
    value, gradient = gradient_of(fast, forms)
    assert float(value) == pytest.approx(slow_penalty(forms, directions), rel=1e-3)
    slow = numeric(lambda forms: slow_penalty(forms, directions), forms)
    np.testing.assert_allclose(gradient, slow, rtol=3e-2, atol=3e-3)
    assert np.abs(slow).max() > 0.05


def test_of_many_directions_it_is_the_share_of_the_hessian_outside_its_diagonal_summed_over_layers():
    full, diagonal = RNG.normal(size=(2, 3, 3)), np.stack([np.diag([1.0, -2.0, 3.0])] * 2)
    directions = draw_directions(tf.TensorShape([2, 3]), 4_000, KEY)
    hidden = lambda z: [quadratic(full)(z), tf.reshape(quadratic(diagonal)(z), [-1, 2, 1])]
    hessians = full + full.transpose(0, 2, 1)
    share = 1 - (np.einsum("uii->ui", hessians) ** 2).sum() / (hessians**2).sum()
    found = hessian_penalty(hidden, tf.zeros([2, 3]), directions, 0.1)
    assert float(found) == pytest.approx(share, rel=0.1)
    assert 0.2 < share < 0.9


def test_an_image_without_a_kink_of_the_decoder_within_reach_changes_nothing():
    directions = draw_directions(tf.TensorShape([2, 3]), 50, KEY)
    hidden = lambda codes: [tf.nn.relu(tf.reduce_sum(codes, axis=1, keepdims=True))]
    found = hessian_penalty(hidden, tf.constant([[9.0] * 3, [0.0] * 3]), directions, 0.1)
    alone = hessian_penalty(hidden, tf.zeros([1, 3]), directions[1:], 0.1)
    assert float(found) == pytest.approx(float(alone), rel=1e-4)
    assert 0.1 < alone < 2


def test_directions_are_signs_then_normal_numbers_of_each_image_and_follow_from_the_key():
    drawn, again, other = (draw_directions(tf.TensorShape([500, 3]), 2, key).numpy() for key in (KEY, KEY, KEY + 1))
    assert drawn.shape == (500, 4, 3)
    assert set(drawn[:, :2].ravel()) == {-1.0, 1.0}
    assert abs(drawn[:, :2].mean()) < 0.06
    assert drawn[:, 2:].std() == pytest.approx(1.0, abs=0.05)
    assert (drawn[0] != drawn[1]).any()
    np.testing.assert_array_equal(drawn, again)
    assert (drawn != other).any()


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    # Steps of three deviations, as single precision has few digits of small second differences.
    method = tripod(lambda_information=0.37, lambda_hessian=0.23, epsilon=3.0)
    method.build(3, DummyData(), 0)
    forms, drawn = RNG.normal(size=(4, 3, 3)), draw_directions(tf.TensorShape([7, 3]), 2, KEY).numpy()

    def formula(b):
        spread = b.continuous.std(axis=0)
        information, hessian = slow_information(b.latent, spread).mean(), slow_penalty(forms, spread * drawn)
        weighted = {"multi_information": 256 * 0.37 * information, "hessian_penalty": 256 * 0.23 * hessian}
        return {"reconstruction": b.reconstruction.mean(), **{f"weighted_{name}": x for name, x in weighted.items()}}

    extras = {"continuous": tf.constant(CODES, tf.float32), "hidden": lambda z: [quadratic(forms)(z)]}
    check_terms(method, formula, make_batch(7, key=KEY, latent=tf.constant(GRID, tf.float32), extras=extras))


@pytest.mark.parametrize(
    "left_out", [(), ("lambda_information",), ("lambda_hessian",), ("lambda_information", "lambda_hessian")]
)
def test_the_terms_are_weighted_as_if_the_reconstruction_were_a_mean_over_pixels(left_out, make_batch):
    asked = []
    hidden = lambda z: asked.append(z) or [quadratic(np.ones((2, 3, 3)))(z)]
    extras = {"continuous": tf.constant(CODES, tf.float32), "hidden": hidden}
    batch = make_batch(7, 3, latent=tf.constant(GRID, tf.float32), extras=extras)
    method = tripod(**{"lambda_information": 0.5, "lambda_hessian": 0.25, **dict.fromkeys(left_out, 0.0)})
    method.build(3, DummyData(), 0)
    found = {name: float(value) for name, value in method.terms(batch).items()}
    spread = CODES.std(axis=0)
    directions = spread * draw_directions(tf.TensorShape([7, 3]), 2, batch.key).numpy()
    expected = {"reconstruction": np.mean(batch.reconstruction)}
    if "lambda_information" not in left_out:
        expected["weighted_multi_information"] = 256 * 0.5 * slow_information(GRID, spread).mean()
        assert float(batch.measured["multi_information"]) == pytest.approx(
            slow_information(GRID, spread).mean(), rel=1e-3
        )
    if "lambda_hessian" not in left_out:
        expected["weighted_hessian_penalty"] = 256 * 0.25 * slow_penalty(np.ones((2, 3, 3)), directions)
    assert found == pytest.approx(expected, rel=1e-2)
    assert len(asked) == ("lambda_hessian" not in left_out)
    assert set(batch.measured) == {name.removeprefix("weighted_") for name in found} - {"reconstruction"}


def test_its_defaults_are_the_authors_for_shapes3d_and_numbers_out_of_range_are_refused():
    weights = {"lambda_information": 1e-4, "lambda_hessian": 1e-2}
    assert defaults(tripod) == {**weights, "epsilon": 0.1, "directions": 2}
    for name in weights:
        with pytest.raises(UserError, match=f"tripod.{name} must be a finite number >= 0"):
            tripod(**{name: -1e-9})
    with pytest.raises(UserError, match="tripod.epsilon must be a finite number > 0"):
        tripod(epsilon=0.0)
    with pytest.raises(UserError, match="tripod.directions must be an integer >= 2; got 1"):
        tripod(directions=1)
    assert math.isclose(tripod(lambda_hessian=0.0).information, 1e-4)
