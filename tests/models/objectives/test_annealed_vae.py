"""The annealed capacity against the formula."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.annealed_vae import annealed_vae


@pytest.mark.parametrize("given", [{"iteration_threshold": 100}, {"rise": 0.25}])
@pytest.mark.parametrize(("step", "capacity"), [(0, 0.0), (25, 5.0), (50, 10.0), (100, 20.0), (399, 20.0)])
def test_the_capacity_rises_and_stays(make_batch, step, capacity, given):
    batch = make_batch(step=tf.constant(step, tf.int64), total=400)
    terms = annealed_vae(c_max=20.0, gamma=3.0, **given).terms(batch)
    assert float(batch.measured["capacity"]) == pytest.approx(capacity)
    assert float(terms["capacity_penalty"]) == pytest.approx(3.0 * abs(np.mean(batch.kl) - capacity), rel=1e-5)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    assert terms.keys() == {"reconstruction", "capacity_penalty"}


@pytest.mark.parametrize(("step", "capacity"), [(7, 0.6), (70, 6.0)])  # below and above the KL
def test_value_and_gradient_are_those_of_the_formula(make_batch, step, capacity):
    batch = make_batch(4, step=tf.constant(step, tf.int64), total=300)
    assert (np.mean(batch.kl) > capacity) == (step == 7)
    check_terms(
        annealed_vae(c_max=7.2, gamma=3.7, rise=0.28),
        lambda b: {"reconstruction": b.reconstruction.mean(), "capacity_penalty": 3.7 * abs(b.kl.mean() - capacity)},
        batch,
    )


@pytest.mark.parametrize("total", [3_000, 20_000, 300_000])
def test_by_default_the_capacity_is_reached_after_a_third_of_any_training(make_batch, total):
    found = []
    for step in (0, total // 6, total // 3, total - 1):
        batch = make_batch(step=tf.constant(step, tf.int64), total=total)
        annealed_vae().terms(batch)
        found.append(float(batch.measured["capacity"]))
    assert found == pytest.approx([0.0, 12.5, 25.0, 25.0], rel=1e-3)


def test_a_number_of_steps_does_not_depend_on_the_training(make_batch):
    assert (annealed_vae().of_total, annealed_vae(iteration_threshold=100_000).of_total) == (True, False)
    found = []
    for total in (0, 20_000, 300_000):
        batch = make_batch(step=tf.constant(20_000, tf.int64), total=total)
        annealed_vae(iteration_threshold=100_000).terms(batch)
        found.append(float(batch.measured["capacity"]))
    assert found == [5.0] * 3


def test_its_defaults_are_the_study_s():
    assert defaults(annealed_vae) == {"c_max": 25.0, "gamma": 1000.0, "iteration_threshold": 0, "rise": 1 / 3}
    assert annealed_vae().span.length(300_000) == 100_000


@pytest.mark.parametrize("name", ["c_max", "gamma"])
def test_a_number_below_zero_is_refused(name):
    annealed_vae(**{name: 0.0})
    with pytest.raises(UserError, match=f"annealed_vae.{name} must be a finite number >= 0"):
        annealed_vae(**{name: -1e-9})
