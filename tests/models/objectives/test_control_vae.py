"""The controller of β against the formulas in float64."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import Batch
from dlib_bvae.models.objectives.control_vae import control_vae


def slow_controller(kls, set_points, kp, ki, low, high):
    integral, before, betas = 0.0, 1.0, []
    for kl, set_point in zip(kls, set_points, strict=True):
        error = set_point - kl
        if before >= low:
            integral += ki * error
        before = kp / (1 + np.exp(error)) + integral + low
        betas.append(min(max(before, low), high))
    return betas


def test_the_controller_agrees_with_float64_through_wind_up_and_both_bounds():
    controller = control_vae(kp=0.01, ki=-0.01, beta_min=1.0, beta_max=3.0)
    kls = np.concatenate([np.full(40, 25.0), np.full(60, 2.0), np.linspace(0, 40, 50)])
    set_points = np.full(len(kls), 18.0)
    expected = slow_controller(kls, set_points, 0.01, -0.01, 1.0, 3.0)
    got = [
        float(controller.control(tf.constant(kl, tf.float32), tf.constant(c, tf.float32)))
        for kl, c in zip(kls, set_points, strict=True)
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert min(got) == 1.0
    assert max(got) == 3.0


def authors_controller(kls, set_point, kp, ki):
    """PIDControl of the authors' code for disentanglement, for β of at least 1: the value before is kept, and starts at 1."""
    integral, before, betas = 0.0, 1.0, []
    for kl in kls:
        error = set_point - kl
        proportional, grown = kp / (1.0 + np.exp(error)), integral + ki * error
        integral = integral if before < 1 else grown
        before = proportional + integral + 1
        betas.append(max(before, 1.0))
    return betas


def test_400_steps_agree_with_the_authors_controller_from_the_first_on():
    kls = 16 + 4 * np.sin(np.arange(400) / 15) + np.random.default_rng(0).normal(size=400)
    controller = control_vae(kp=0.01, ki=-0.005)
    got = [float(controller.control(tf.constant(kl, tf.float32), tf.constant(15.0))) for kl in kls]
    expected = authors_controller(kls, 15.0, 0.01, -0.005)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert max(got) > 1.5
    earlier = control_vae(kp=0.01, ki=-0.005, beta_start=0.0)  # skipped the first step's integral
    first = float(earlier.control(tf.constant(kls[0], tf.float32), tf.constant(15.0)))
    assert abs(first - expected[0]) == pytest.approx(0.005 * (kls[0] - 15), rel=1e-3)


@pytest.mark.parametrize("kl", [0.0, 1e6])
def test_the_controller_survives_extreme_errors(kl):
    beta = control_vae().control(tf.constant(kl), tf.constant(1e4))
    assert 1.0 <= float(beta) <= 100.0


def set_points(method, steps, total=0):
    batches = [Batch(*[None] * 5, step=tf.constant(step, tf.int64), total=total) for step in steps]
    return [float(method.set_point(batch)) for batch in batches]


def test_the_set_point_rises_in_steps_up_to_its_end():
    got = set_points(control_vae(c_max=1.0, c_start=0.5, c_step=0.15, every=10), (0, 9, 10, 25, 1000))
    assert got == pytest.approx([0.5, 0.5, 0.65, 0.8, 1.0])


@pytest.mark.parametrize("total", [400, 40_000, 300_000])
def test_it_rises_over_a_fraction_of_any_training(total):
    method = control_vae(c_max=1.0, c_start=0.5, c_step=0.15, rise=0.5)  # four rises, the last one smaller
    eighth = total // 8
    steps = (0, eighth - 1, eighth, 2 * eighth, 3 * eighth, 4 * eighth - 1, 4 * eighth, total - 1)
    assert set_points(method, steps, total) == pytest.approx([0.5, 0.5, 0.65, 0.8, 0.95, 0.95, 1.0, 1.0])


def test_the_authors_number_of_steps_is_the_fraction_of_theirs():
    steps = [0, 4_999, 5_000, 250_000, 584_999, 585_000, 1_499_999]
    ours, theirs = set_points(control_vae(), steps, 1_500_000), set_points(control_vae(every=5_000), steps)
    assert ours == theirs == pytest.approx([0.5, 0.5, 0.65, 8.0, 17.9, 18.0, 18.0])
    assert set_points(control_vae(), [3_900, 9_999], 10_000) == [18.0, 18.0]
    assert (control_vae().of_total, control_vae(every=5_000).of_total) == (True, False)


@pytest.mark.parametrize("given", [{"c_step": 0.0}, {"c_max": 0.5}])
def test_a_set_point_that_has_nowhere_to_rise_stays(given):
    assert set_points(control_vae(**given), [0, 50, 99], 100) == [0.5] * 3
    assert set_points(control_vae(every=10, **given), [0, 50, 99]) == [0.5] * 3


@pytest.mark.parametrize("before", [1.0, 0.2])  # above and below beta_min, where the integral stands
def test_value_and_gradient_are_those_of_the_formula(make_batch, before):
    batch = make_batch(4, step=tf.constant(20, tf.int64))
    error = 0.5 + 2 * 0.3 - np.mean(batch.kl)
    beta = 0.7 / (1 + np.exp(error)) - (0.37 * error if before == 1.0 else 0.0) + 0.6
    assert 0.6 < beta < 5.0
    check_terms(
        control_vae(c_step=0.3, every=10, kp=0.7, ki=-0.37, beta_min=0.6, beta_max=5.0, beta_start=before),
        lambda b: {"reconstruction": b.reconstruction.mean(), "weighted_kl": beta * b.kl.mean()},
        batch,
    )


def test_no_gradient_goes_through_the_controller(make_batch):
    batch = make_batch(step=tf.constant(5, tf.int64))
    method = control_vae(ki=-0.5)
    with tf.GradientTape() as tape:
        tape.watch(batch.kl)
        weighted = method.terms(batch)["weighted_kl"]
    np.testing.assert_allclose(
        tape.gradient(weighted, batch.kl), np.full(8, float(batch.measured["beta"]) / 8), rtol=1e-6
    )


def test_bounds_the_wrong_way_round_are_refused():
    with pytest.raises(UserError, match="beta_max must be >= beta_min"):
        control_vae(beta_min=2.0, beta_max=1.0)
    with pytest.raises(UserError, match="control_vae.ki must be a finite number <= 0"):
        control_vae(ki=0.1)


def test_the_terms_are_weighted_by_what_the_controller_says(make_batch):
    batch = make_batch(step=tf.constant(20, tf.int64))
    method = control_vae(c_start=0.0, c_step=0.5, every=10, kp=0.5, ki=-0.25, beta_min=0.5)
    terms = method.terms(batch)
    kl, set_point = float(np.mean(batch.kl)), 1.0
    # Before the first step the value is 1, above beta_min, so the integral moves.
    beta = 0.5 / (1 + np.exp(set_point - kl)) - 0.25 * (set_point - kl) + 0.5
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        {"reconstruction": float(np.mean(batch.reconstruction)), "weighted_kl": beta * kl}, rel=1e-5
    )
    assert float(batch.measured["beta"]) == pytest.approx(beta, rel=1e-5)
    assert float(batch.measured["capacity"]) == set_point


def test_its_defaults_are_the_paper_s_for_dsprites():
    found = defaults(control_vae)
    assert (found["c_max"], found["c_start"], found["c_step"], found["every"]) == (18.0, 0.5, 0.15, 0)
    assert found["rise"] == 117 * 5_000 / 1_500_000
    assert (found["kp"], found["ki"], found["beta_min"], found["beta_max"]) == (0.01, -0.001, 1.0, 100.0)


@pytest.mark.parametrize("name", ["beta_start", "c_max", "c_start", "c_step", "kp", "beta_min"])
def test_a_number_below_zero_is_refused(name):
    control_vae(**{name: 0.0})
    with pytest.raises(UserError, match=f"control_vae.{name} must be a finite number >= 0"):
        control_vae(**{name: -1e-9})


def test_equal_bounds_and_a_controller_without_an_integral_are_allowed():
    assert control_vae(beta_min=2.0, beta_max=2.0, ki=0.0, every=1).beta_max == 2.0
    with pytest.raises(UserError, match="control_vae.every must be an integer >= 0"):
        control_vae(every=-1)


def test_the_integral_stands_only_below_the_least_weight_not_at_it():
    controller = control_vae(kp=0.0, ki=-1.0, beta_min=0.0)
    assert float(controller.control(tf.constant(1.0), tf.constant(0.0))) == 1.0
