"""Noise: TensorFlow's own numbers without XLA, and the same with it."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.models.random_numbers import normal, uniform

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
