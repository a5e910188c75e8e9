"""Clipping, loss scaling and averaging against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.training.trainer import Average, LossScale, make_clip

GRADIENTS = [tf.constant([3.0, -0.5]), tf.constant([[4.0]])]


def test_clipping_bounds_the_common_norm_and_each_number():
    clipped = make_clip(norm=1.0, value=0.0)(GRADIENTS)
    norm = np.sqrt(9 + 0.25 + 16)
    for one, other in zip(clipped, GRADIENTS, strict=True):
        np.testing.assert_allclose(one, other / norm, rtol=1e-6)
    by_value = make_clip(norm=0.0, value=1.0)(GRADIENTS)
    np.testing.assert_allclose(by_value[0], [1.0, -0.5])
    np.testing.assert_allclose(by_value[1], [[1.0]])
    assert make_clip(0.0, 0.0)(GRADIENTS) is GRADIENTS
    with pytest.raises(UserError, match="model.clip_norm must be a finite number >= 0"):
        make_clip(-1.0, 0.0)


def test_a_gradient_that_is_not_finite_halves_the_scale_and_changes_nothing():
    scale, variable = LossScale(), tf.Variable(1.0)
    update = lambda gradients: variable.assign_sub(gradients[0])
    first = float(scale.factor)
    assert not bool(scale.apply([tf.constant(np.inf)], update))
    assert (float(variable), float(scale.factor)) == (1.0, first / 2)
    assert bool(scale.apply([scale.factor * 0.25], update))
    assert (float(variable), float(scale.factor)) == (0.75, first / 2)
    scale.good.assign(1_999)
    assert bool(scale.apply([scale.factor * 0.0], update))
    assert (int(scale.good), float(scale.factor)) == (0, first)


def test_the_average_follows_with_a_growing_decay():
    variable = tf.Variable([1.0])
    average = Average([variable], decay=0.5)
    expected = 1.0
    for step, value in enumerate([2.0, 4.0, 0.0, 1.0, 5.0, 2.0, 3.0, 9.0, 7.0]):
        variable.assign([value])
        average.follow(tf.constant(step, tf.int64))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    average.use()
    np.testing.assert_allclose(variable, [expected], rtol=1e-5)


@pytest.mark.parametrize("decay", [-0.1, 1.0, "x"])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(UserError, match="model.average_decay must be a finite number"):
        Average([], decay)
