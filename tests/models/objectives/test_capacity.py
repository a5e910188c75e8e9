"""Annealed and controlled KL against the formulas."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.annealed_vae import annealed_vae
from dlib_bvae.models.objectives.control_vae import control_vae


@pytest.mark.parametrize(("step", "capacity"), [(0, 0.0), (25, 5.0), (50, 10.0), (100, 20.0), (10**6, 20.0)])
def test_the_capacity_rises_and_stays(make_batch, step, capacity):
    batch = make_batch(step=tf.constant(step, tf.int64))
    terms = annealed_vae(c_max=20.0, gamma=3.0, iteration_threshold=100).terms(batch)
    assert float(batch.measured["capacity"]) == pytest.approx(capacity)
    assert float(terms["capacity_penalty"]) == pytest.approx(3.0 * abs(np.mean(batch.kl) - capacity), rel=1e-5)


def slow_controller(kls, set_points, kp, ki, low, high):
    integral, before, betas = 0.0, 0.0, []
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


@pytest.mark.parametrize("kl", [0.0, 1e6])
def test_the_controller_survives_extreme_errors(kl):
    beta = control_vae().control(tf.constant(kl), tf.constant(1e4))
    assert 1.0 <= float(beta) <= 100.0


def test_the_set_point_rises_in_steps_up_to_its_end():
    method = control_vae(c_max=1.0, c_start=0.5, c_step=0.15, every=10)
    got = [float(method.set_point(tf.constant(step, tf.int64))) for step in (0, 9, 10, 25, 1000)]
    assert got == pytest.approx([0.5, 0.5, 0.65, 0.8, 1.0])


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
