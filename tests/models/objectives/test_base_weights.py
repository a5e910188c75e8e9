"""Weights that change: against the formulas in numpy, inside a graph, and from gin."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import WEIGHTS
from dlib_bvae.models.objectives.base import cyclical_weight, linear_weight, logistic_weight
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.stages.train import REGISTRIES
from dlib_bvae.training.settings import TrainingSettings


def values(weight, steps):
    function = tf.function(weight, input_signature=[tf.TensorSpec([], tf.int64)])
    return [float(function(tf.constant(step, tf.int64))) for step in steps]


def test_a_line_starts_rises_and_stays():
    weight = linear_weight(last=4.0, first=1.0, steps=10, start=5)
    assert values(weight, [0, 5, 6, 10, 15, 10**9]) == pytest.approx([1.0, 1.0, 1.3, 2.5, 4.0, 4.0])
    assert values(linear_weight(last=0.0, first=2.0, steps=4), [0, 1, 4, 5]) == pytest.approx([2.0, 1.5, 0.0, 0.0])


def test_a_logistic_function_is_half_way_at_its_middle():
    steps = np.array([0, 90, 100, 110, 200])
    expected = 3.0 / (1.0 + np.exp(-(steps - 100) / 20.0))
    assert values(logistic_weight(last=3.0, middle=100, width=20.0), steps) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("steps", "cycles", "rise"), [(40, 4, 0.5), (7, 3, 0.3), (12, 1, 1.0), (12, 3, 0.0)])
def test_cycles_are_those_of_the_paper(steps, cycles, rise):
    weight = cyclical_weight(last=2.0, first=0.5, steps=steps, cycles=cycles, rise=rise)
    places = np.arange(steps)
    part = places * cycles % steps / steps
    expected = 0.5 + 1.5 * (np.minimum(part / rise, 1.0) if rise else np.ones(steps))
    assert values(weight, places) == pytest.approx(expected, rel=1e-6)
    assert values(weight, [steps, steps + 1]) == [2.0, 2.0]


@pytest.mark.parametrize("total", [40, 4_000])
def test_cycles_are_spread_over_the_training_unless_it_is_said_how_many_steps_they_take(total):
    over_all, over_steps = cyclical_weight(last=3.0), cyclical_weight(last=3.0, steps=40)
    eighth = total // 8
    found = [
        float(over_all(tf.constant(step, tf.int64), total)) for step in (0, eighth // 5, eighth, 2 * eighth, total - 1)
    ]
    assert found == pytest.approx([0.0, 0.6, 3.0, 0.0, 3.0])
    assert (over_all.of_total, over_steps.of_total) == (True, False)
    assert float(over_steps(tf.constant(1, tf.int64), total)) == pytest.approx(0.6)


def test_gin_gives_a_schedule_to_a_weight():
    files = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin", "gin/models/cyclical_beta.gin"]
    with configuration(files, ["cyclical_weight.last = 2.5"], REGISTRIES):
        objective = TrainingSettings().model
    assert isinstance(objective, vae)
    assert isinstance(objective.beta, WEIGHTS.get("cyclical_weight"))
    assert objective.beta.last == 2.5


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: vae(beta=linear_weight), r"vae.beta must be a number or a schedule with its parentheses"),
        (lambda: vae(beta="linear"), "vae.beta must be a finite number >= 0; got 'linear'"),
        (lambda: linear_weight(last=-1.0), "linear_weight.last must be a finite number >= 0"),
        (lambda: linear_weight(steps=0), "linear_weight.steps must be an integer >= 1"),
        (lambda: logistic_weight(width=0.0), "logistic_weight.width must be a finite number > 0"),
        (lambda: cyclical_weight(rise=1.5), "cyclical_weight.rise must be a finite number >= 0 and <= 1"),
        (lambda: cyclical_weight(steps=3, cycles=4), "cyclical_weight.steps must be an integer >= 4"),
    ],
)
def test_what_is_no_weight_is_refused(make, told):
    with pytest.raises(UserError, match=told):
        make()
