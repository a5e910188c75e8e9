"""The order of images: epochs over those that have a weight, draws in proportion to unequal ones."""

import numpy as np
import pytest
import tensorflow as tf
from support.drawn_spots import Spots

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.images import DRAWS
from dlib_bvae.errors import UserError
from dlib_bvae.training.plan import Plan, make_order


class Weighted(DummyData):
    def __init__(self, weights):
        self.weights = weights

    def training_weights(self):
        return self.weights


def rows(weights, steps, batch=64, seed=0, first=0):
    order = tf.function(make_order(Weighted(weights), batch, seed), input_signature=[tf.TensorSpec([], tf.int64)])
    return np.concatenate([order(tf.constant(step, tf.int64)).numpy() for step in range(first, first + steps)])


def test_equal_weights_walk_the_images_that_have_one():
    weights = np.zeros(512)
    weights[100:228] = 3.0
    shown = rows(weights, 4)
    assert (np.bincount(shown, minlength=512) == 2 * (weights > 0)).all()


def test_unequal_weights_are_met_in_proportion():
    weights = np.zeros(512)
    weights[[0, 17, 511]] = [1.0, 2.0, 5.0]
    counts = np.bincount(rows(weights, 200, seed=3), minlength=512)
    expected = 200 * 64 * weights / 8
    assert counts[weights == 0].sum() == 0
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(200 * 64) / 2)


def test_draws_follow_from_seed_and_step():
    weights = np.arange(512.0)
    np.testing.assert_array_equal(rows(weights, 3)[128:], rows(weights, 1, first=2))
    assert (rows(weights, 1) != rows(weights, 1, seed=1)).any()


@pytest.mark.parametrize("weights", [np.zeros(512), np.ones(511), -np.ones(512), np.full(512, np.nan)])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(UserError, match="training weights of dummy_data must be 512 finite numbers"):
        make_order(Weighted(weights), 4, 0)


def test_the_draws_of_a_seed_and_step_never_change():
    assert rows(np.arange(1.0, 513.0), 1, batch=6, seed=3, first=100).tolist() == [397, 294, 500, 407, 313, 310]


def test_a_batch_that_no_computer_holds_is_refused():
    large = DummyData()
    large.observation_shape = (256, 256, 3)
    Plan(large, 2**12, 0)
    with pytest.raises(
        UserError, match=r"model.batch_size = 65536: images of 256 × 256 × 3 would take 48 GiB of memory"
    ):
        Plan(large, 2**16, 0)


def test_a_set_that_draws_its_images_has_new_ones_at_every_step(tmp_path):
    data = Spots(images=50, cache_dir=tmp_path)
    order = lambda seed: make_order(data, 16, seed)
    steps = range(200)
    rows = np.concatenate([order(seed)(tf.constant(step, tf.int64)) for seed in (0, 1) for step in steps])
    assert len(np.unique(rows)) == len(rows)
    assert rows.min() >= 50
    assert rows.max() < DRAWS
    assert abs(rows.mean() / DRAWS - 0.5) < 0.02
    np.testing.assert_array_equal(order(0)(tf.constant(7, tf.int64)), rows[7 * 16 : 8 * 16])
