"""Both capacities against the formula; the Gaussian and categorical KL themselves are the network's (test_categorical.py)."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.joint_vae import joint_vae


@pytest.mark.parametrize(
    ("step", "capacity", "categorical"),
    [(0, 0.0, 0.0), (25, 2.0, 0.5), (75, 6.0, 1.2), (100, 8.0, 1.2), (10**6, 8.0, 1.2)],
)
def test_the_capacities_rise_and_the_categorical_one_stops_at_its_largest_kl(make_batch, step, capacity, categorical):
    extras = {"categorical_kl": tf.constant([0.3] * 8), "largest_categorical_kl": tf.constant(1.2)}
    batch = make_batch(step=tf.constant(step, tf.int64), extras=extras)
    method = joint_vae(c_max=8.0, gamma=3.0, categorical_c_max=2.0, categorical_gamma=5.0, iteration_threshold=100)
    found = {name: float(value) for name, value in method.terms(batch).items()}
    assert found == pytest.approx(
        {
            "reconstruction": float(np.mean(batch.reconstruction)),
            "capacity_penalty": 3.0 * abs(float(np.mean(batch.kl)) - capacity),
            "categorical_capacity_penalty": 5.0 * abs(0.3 - categorical),
        },
        rel=1e-5,
        abs=1e-6,
    )
    assert float(batch.measured["capacity"]) == pytest.approx(capacity)
    assert float(batch.measured["categorical_capacity"]) == pytest.approx(categorical)


@pytest.mark.parametrize(("step", "largest"), [(11, 1.2), (40, 0.7)])  # below all bounds, and above the categorical one
def test_value_and_gradient_are_those_of_the_formula(make_batch, step, largest):
    extras = {"categorical_kl": tf.constant([0.3, 0.9, 0.1, 1.1]), "largest_categorical_kl": tf.constant(largest)}
    batch = make_batch(4, step=tf.constant(step, tf.int64), total=200, extras=extras)

    def formula(b):
        part = step / 110
        categorical = min(2.3 * part, b.largest_categorical_kl)
        return {
            "reconstruction": b.reconstruction.mean(),
            "capacity_penalty": 3.7 * abs(b.kl.mean() - 8.5 * part),
            "categorical_capacity_penalty": 0.6 * abs(b.categorical_kl.mean() - categorical),
        }

    method = joint_vae(c_max=8.5, gamma=3.7, categorical_c_max=2.3, categorical_gamma=0.6, rise=0.55)
    check_terms(method, formula, batch)


@pytest.mark.parametrize("total", [1_000, 300_000])
def test_by_default_the_capacities_are_reached_after_the_same_part_of_any_training(make_batch, total):
    extras = {"categorical_kl": tf.zeros(8), "largest_categorical_kl": tf.constant(9.0)}
    for part, expected in ((0, 0.0), (0.135, 2.5), (0.27, 5.0), (0.99, 5.0)):
        batch = make_batch(step=tf.constant(int(part * total), tf.int64), total=total, extras=extras)
        joint_vae().terms(batch)
        assert float(batch.measured["capacity"]) == pytest.approx(expected, abs=0.02)
        assert float(batch.measured["categorical_capacity"]) == pytest.approx(expected, abs=0.02)
    assert (joint_vae().of_total, joint_vae(iteration_threshold=25_000).of_total) == (True, False)


def test_its_defaults_are_the_paper_s_for_mnist():
    weights = {"c_max": 5.0, "gamma": 30.0, "categorical_c_max": 5.0, "categorical_gamma": 30.0}
    assert defaults(joint_vae) == {**weights, "iteration_threshold": 0, "rise": 0.27}
    assert joint_vae().span.length(93_800) == pytest.approx(25_000, rel=0.02)


@pytest.mark.parametrize("name", ["c_max", "gamma", "categorical_c_max", "categorical_gamma"])
def test_a_number_below_zero_is_refused(name):
    joint_vae(**{name: 0.0})
    with pytest.raises(UserError, match=f"joint_vae.{name} must be a finite number >= 0"):
        joint_vae(**{name: -1e-9})
