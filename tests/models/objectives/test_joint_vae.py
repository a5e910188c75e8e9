"""Both capacities against the formula; the Gaussian and categorical KL themselves are the network's (test_categorical.py)."""

import numpy as np
import pytest
import tensorflow as tf
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


def test_its_defaults_are_the_paper_s_for_mnist():
    weights = {"c_max": 5.0, "gamma": 30.0, "categorical_c_max": 5.0, "categorical_gamma": 30.0}
    assert defaults(joint_vae) == {**weights, "iteration_threshold": 25_000}


@pytest.mark.parametrize("name", ["c_max", "gamma", "categorical_c_max", "categorical_gamma"])
def test_a_number_below_zero_is_refused(name):
    joint_vae(**{name: 0.0})
    with pytest.raises(UserError, match=f"joint_vae.{name} must be a finite number >= 0"):
        joint_vae(**{name: -1e-9})


def test_capacities_that_rise_over_no_step_are_refused():
    joint_vae(iteration_threshold=1)
    with pytest.raises(UserError, match="joint_vae.iteration_threshold must be an integer >= 1"):
        joint_vae(iteration_threshold=0)
