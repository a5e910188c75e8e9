"""Optimisers and schedules against the textbook formulas in numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.training.optimizers import adagrad, adam, adamw, constant, cosine, sgd, step_decay, warm_up

GRADIENTS = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.1]], np.float32)


def steps(optimizer, variable):
    for step, gradient in enumerate(GRADIENTS):
        optimizer.apply([tf.constant(gradient)], tf.constant(0.5), tf.constant(step, tf.int64))
    return variable.numpy()


def test_adam_is_adam():
    variable = tf.Variable([1.0, 2.0])
    got = steps(adam([variable], learning_rate=0.1), variable)
    w, m, v = np.array([1.0, 2.0]), 0.0, 0.0
    for t, g in enumerate(GRADIENTS.astype(np.float64), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.05 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(got, w, rtol=1e-5)


def test_adagrad_is_adagrad():
    variable = tf.Variable([1.0, 2.0])
    got = steps(adagrad([variable], learning_rate=0.1), variable)
    w, total = np.array([1.0, 2.0]), 0.0
    for g in GRADIENTS.astype(np.float64):
        total = total + g**2
        w = w - 0.05 * g / (np.sqrt(total) + 1e-10)
    np.testing.assert_allclose(got, w, rtol=1e-5)


@pytest.mark.parametrize("rate", [0, -1e-3, float("nan"), "fast"])
def test_a_learning_rate_that_is_none_is_refused(rate):
    with pytest.raises(UserError, match="adam.learning_rate must be a finite number > 0"):
        adam([tf.Variable([1.0])], learning_rate=rate)


def test_the_rate_is_divided_by_five_for_the_last_quarter():
    schedule = step_decay()
    factors = [float(schedule(tf.constant(step, tf.int64), 100)) for step in (0, 74, 75, 99)]
    assert factors == pytest.approx([1.0, 1.0, 0.2, 0.2])
    assert float(constant()(tf.constant(99, tf.int64), 100)) == 1.0


@pytest.mark.parametrize(("name", "decay"), [("kernel", 0.5), ("bias", 0.0), ("codebook", 0.0)])
def test_adamw_is_adam_and_a_shrinking_of_the_kernels_alone(name, decay):
    variable = tf.Variable([1.0, 2.0], name=name)
    got = steps(adamw([variable], learning_rate=0.1, weight_decay=0.5), variable)
    w, m, v = np.array([1.0, 2.0]), 0.0, 0.0
    for t, g in enumerate(GRADIENTS.astype(np.float64), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.05 * decay * w - 0.05 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(got, w, rtol=1e-5)


def test_sgd_is_sgd_with_momentum():
    variable = tf.Variable([1.0, 2.0])
    got = steps(sgd([variable], learning_rate=0.1, momentum=0.7), variable)
    w, velocity = np.array([1.0, 2.0]), 0.0
    for g in GRADIENTS.astype(np.float64):
        velocity = 0.7 * velocity + g
        w = w - 0.05 * velocity
    np.testing.assert_allclose(got, w, rtol=1e-5)


def test_a_cosine_falls_from_one_to_its_end():
    schedule = cosine(final=0.1)
    factors = [float(schedule(tf.constant(step, tf.int64), 100)) for step in (0, 50, 100)]
    assert factors == pytest.approx([1.0, 0.55, 0.1])


def test_a_warm_up_rises_to_the_schedule_that_follows():
    schedule = warm_up(steps=10, then=step_decay())
    factors = [float(schedule(tf.constant(step, tf.int64), 100)) for step in (0, 4, 9, 50, 80)]
    assert factors == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.2])
    assert float(warm_up(steps=10)(tf.constant(99, tf.int64), 100)) == 1.0


def test_defaults():
    found = {
        kind.__name__: {k: v for k, v in defaults(kind).items() if k != "variables"}
        for kind in (adam, adamw, sgd, adagrad)
    }
    moments = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert found["adam"] == {"learning_rate": 1e-4, **moments}
    assert found["adamw"] == {"learning_rate": 1e-3, "weight_decay": 0.01, **moments}
    assert found["sgd"] == {"learning_rate": 1e-4, "momentum": 0.9}
    assert found["adagrad"] == {"learning_rate": 1e-2, "epsilon": 1e-10}
    assert (defaults(step_decay), defaults(cosine)) == ({"factor": 0.2, "start": 0.75}, {"final": 0.0})
    assert defaults(warm_up) == {"steps": 1_000, "then": None}


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        (adam, "beta1", [0.0, 1.0], [-0.1, 1.1]),
        (adam, "beta2", [0.0, 1.0], [-0.1, 1.1]),
        (adam, "epsilon", [1e-12], [0.0]),
        (adamw, "weight_decay", [0.0, 5.0], [-0.1]),
        (sgd, "momentum", [0.0, 1.0], [-0.1, 1.1]),
        (adagrad, "epsilon", [1e-12], [0.0]),
        (step_decay, "factor", [1e-9, 1.0], [0.0, 1.1]),
        (step_decay, "start", [0.0, 1.0], [-0.1, 1.1]),
        (cosine, "final", [0.0, 1.0], [-0.1, 1.1]),
        (warm_up, "steps", [1], [0]),
    ],
)
def test_bounds(kind, name, good, bad):
    given = ([tf.Variable([1.0])],) if "variables" in defaults(kind) else ()
    for value in good:
        kind(*given, **{name: value})
    for value in bad:
        with pytest.raises(UserError, match=name):
            kind(*given, **{name: value})


def test_what_follows_a_warm_up_is_a_schedule():
    with pytest.raises(UserError, match="warm_up.then must be a schedule such as @cosine"):
        warm_up(then=3)


def test_a_cosine_is_half_a_wave():
    found = [float(cosine(0.2)(tf.constant(step, tf.int64), 8)) for step in (0, 2, 8)]
    assert found == pytest.approx([1.0, 0.2 + 0.8 * 0.5 * (1 + np.cos(np.pi / 4)), 0.2])
