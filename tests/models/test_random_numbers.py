"""Noise: TensorFlow's own numbers without XLA, and the same with it."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.models.random_numbers import count_replicas, normal, share, uniform

KEY = tf.constant([3, 123_456_789], tf.int64)


@pytest.mark.parametrize("shape", [(64, 10), (7, 3), (1,)])
def test_they_are_the_numbers_of_tensorflow(shape):
    np.testing.assert_array_equal(uniform(shape, KEY), tf.random.stateless_uniform(shape, KEY))
    expected = tf.random.stateless_uniform(shape, KEY, -1.0, 2.0)
    np.testing.assert_allclose(uniform(shape, KEY, -1.0, 2.0), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(normal(shape, KEY), tf.random.stateless_normal(shape, KEY), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("draw", [uniform, normal])
def test_they_are_the_same_with_xla(draw):
    plain = tf.function(lambda key: draw([33, 5], key))(KEY)
    compiled = tf.function(lambda key: draw([33, 5], key), jit_compile=True)(KEY)
    np.testing.assert_allclose(plain, compiled, rtol=1e-4, atol=1e-5)


def test_normal_numbers_are_normal():
    numbers = np.concatenate([normal([10_001], tf.constant([0, step])).numpy() for step in range(10)])
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02
    assert abs((np.abs(numbers) < 1).mean() - 0.6827) < 0.01
    assert np.abs(numbers).max() < 6


def test_alone_a_batch_is_not_shared():
    rows = tf.reshape(tf.range(6), [3, 2])
    assert count_replicas() == 1
    assert share(rows) is rows


@pytest.mark.parametrize("replica", [0, 2])
def test_a_replica_has_its_rows_of_what_is_drawn_for_the_whole_batch(replica, monkeypatch):
    whole = normal([6, 2], KEY), uniform([6, 2], KEY)
    context = SimpleNamespace(num_replicas_in_sync=3, replica_id_in_sync_group=replica)
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    assert count_replicas() == 3
    np.testing.assert_array_equal(share(tf.reshape(tf.range(12), [6, 2])), np.arange(12).reshape(3, 2, 2)[replica])
    for expected, got in zip(whole, (normal([2, 2], KEY), uniform([2, 2], KEY)), strict=True):
        np.testing.assert_array_equal(got, expected[2 * replica : 2 * replica + 2])


def test_between_replicas_there_is_one_batch(monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: None)
    assert count_replicas() == 1


def test_an_odd_number_of_normals_is_the_beginning_of_one_more():
    np.testing.assert_array_equal(normal([5], KEY), normal([6], KEY)[:5])
    assert abs(float(normal([1], KEY)[0])) < 6
