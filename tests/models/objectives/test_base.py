"""What every objective has: hooks, what it wants, streams of random numbers, the images that count."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.objectives.base import Batch, Objective, Wants, linear_weight, shown_images, stream


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
