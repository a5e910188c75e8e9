"""The annealed capacity against the formula."""

import numpy as np
import pytest
import tensorflow as tf
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.annealed_vae import annealed_vae


@pytest.mark.parametrize(("step", "capacity"), [(0, 0.0), (25, 5.0), (50, 10.0), (100, 20.0), (10**6, 20.0)])
def test_the_capacity_rises_and_stays(make_batch, step, capacity):
    batch = make_batch(step=tf.constant(step, tf.int64))
    terms = annealed_vae(c_max=20.0, gamma=3.0, iteration_threshold=100).terms(batch)
    assert float(batch.measured["capacity"]) == pytest.approx(capacity)
    assert float(terms["capacity_penalty"]) == pytest.approx(3.0 * abs(np.mean(batch.kl) - capacity), rel=1e-5)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert terms.keys() == {"reconstruction", "capacity_penalty"}


def test_its_defaults_are_the_study_s():
    assert defaults(annealed_vae) == {"c_max": 25.0, "gamma": 1000.0, "iteration_threshold": 100_000}


@pytest.mark.parametrize("name", ["c_max", "gamma"])
def test_a_number_below_zero_is_refused(name):
    annealed_vae(**{name: 0.0})
    with pytest.raises(UserError, match=f"annealed_vae.{name} must be a finite number >= 0"):
        annealed_vae(**{name: -1e-9})


def test_a_capacity_that_rises_over_no_step_is_refused():
    annealed_vae(iteration_threshold=1)
    with pytest.raises(UserError, match="annealed_vae.iteration_threshold must be an integer >= 1"):
        annealed_vae(iteration_threshold=0)
