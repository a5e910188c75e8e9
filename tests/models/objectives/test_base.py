"""What every objective has: hooks, wants, streams of random numbers, images that count, parts of a training, a test."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.images import DRAWS
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import METHODS
from dlib_bvae.models.objectives.base import (
    Batch,
    Objective,
    Span,
    Wants,
    cyclical_weight,
    linear_weight,
    shown_images,
    stream,
)


@pytest.mark.parametrize(
    ("wants", "supervision"),
    [
        (Wants(), "none"),
        (Wants(independent=True), "none"),
        (Wants(labelled=5), "labels"),
        (Wants(partners=-1), "pairs"),
        (Wants(partners=2, labelled=5), "pairs"),
    ],
)
def test_supervision_follows_from_what_is_wanted(wants, supervision):
    class Mine(Objective):
        pass

    Mine.wants = wants
    assert wants.supervision == Mine("mine").supervision == supervision


def test_an_objective_of_itself_changes_nothing():
    method = Objective("mine")
    mean, log_variance = method.adapt(1, 2)
    assert (mean, log_variance, method.separable, method.latents) == (1, 2, False, ("gaussian",))
    assert method.build(1, DummyData(), 0) is None
    assert method.update(None) is None
    with pytest.raises(NotImplementedError):
        method.terms(None)


def test_a_fixed_weight_is_itself_and_is_not_logged_and_another_is_that_of_the_step():
    method, batch = Objective("mine"), Batch(*[None] * 5, step=tf.constant(1, tf.int64))
    method.fixed, method.rising = 3.0, linear_weight(last=1.0, steps=4)
    assert method.weight_of("fixed", batch) == 3.0
    assert float(method.weight_of("rising", batch)) == 0.25
    assert {name: float(value) for name, value in batch.measured.items()} == {"rising": 0.25}


def test_streams_of_one_batch_are_apart_and_follow_from_its_key():
    keys = [stream(tf.constant([0, step], tf.int64), number).numpy().tolist() for step in (0, 1) for number in (1, 2)]
    assert len({tuple(key) for key in keys}) == 4
    assert stream(tf.constant([0, 1], tf.int64), 2).numpy().tolist() == keys[3]


def test_images_that_training_never_shows_do_not_count():
    assert shown_images(DummyData()) == 512

    class Half(DummyData):
        def training_weights(self):
            return np.where(np.arange(512) < 200, 0.0, 3.0)

    assert shown_images(Half()) == 312

    class Drawn(DummyData):
        drawn = True

    assert shown_images(Drawn()) == DRAWS - 512  # the sample that is kept for evaluation


@pytest.mark.parametrize(("name", "module"), METHODS.items())
def test_the_test_of_every_objective_has_its_terms_in_numpy(name, module):
    text = Path(__file__).with_name(f"test_{module}.py").read_text(encoding="utf-8")
    assert "check_terms(" in text
    assert name in text


@pytest.mark.parametrize(("total", "length"), [(10, 4.0), (1_000, 400.0)])
def test_a_span_is_a_fraction_of_the_training_or_a_number_of_steps(total, length):
    by_part, by_steps = Span("mine", 0.4, "steps", 0), Span("mine", 0.4, "steps", 5)
    assert (by_part.of_total, by_steps.of_total) == (True, False)
    assert (by_part.length(total), by_steps.length(total), by_steps.length(0)) == (length, 5.0, 5.0)
    at = lambda step: Batch(*[None] * 5, step=tf.constant(step, tf.int64), total=total)
    done = [float(by_part.done(at(int(part * length)))) for part in (0, 0.5, 1, 2)]
    assert done == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert [float(by_steps.done(at(step))) for step in (0, 1, 5, 9)] == pytest.approx([0.0, 0.2, 1.0, 1.0])


def test_a_fraction_of_an_unknown_number_of_steps_is_none():
    with pytest.raises(AssertionError, match="does not say how many steps"):
        Span("mine", 0.4, "steps", 0).length(0)


@pytest.mark.parametrize(
    ("rise", "steps", "said"),
    [
        (0.0, 0, "mine.rise must be a finite number > 0"),
        (1.01, 0, "mine.rise must be a finite number <= 1"),
        (0.5, -1, "mine.steps must be an integer >= 0"),
        (0.5, 2.5, "mine.steps must be an integer >= 0"),
    ],
)
def test_a_span_that_is_none_is_refused(rise, steps, said):
    Span("mine", 1.0, "steps", 0)
    with pytest.raises(UserError, match=said):
        Span("mine", rise, "steps", steps)


def test_an_objective_depends_on_the_number_of_steps_where_one_of_its_weights_or_spans_does():
    method = Objective("mine")
    found = [method.of_total]
    for value in (linear_weight(), cyclical_weight(steps=8), cyclical_weight(), Span("mine", 0.5, "steps", 0)):
        method.mine = value
        found.append(method.of_total)
    assert found == [False, False, False, True, True]


def test_a_weight_of_the_number_of_steps_is_given_it():
    method = Objective("mine")
    method.rising = cyclical_weight(last=3.0, cycles=2)
    batch = Batch(*[None] * 5, step=tf.constant(25, tf.int64), total=200)
    assert float(method.weight_of("rising", batch)) == 1.5
