"""seeding.py: draws depend on (seed, name) alone within the block, and go on after it as if it had not been."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from dlib_bvae.models.seeding import seeded

NUMPY = np.random


@pytest.fixture(autouse=True)
def unseeded():
    """tf_keras as it is when it has just been imported."""
    vars(tf_keras.src.backend._SEED_GENERATOR).pop("generator", None)


def draws():
    """A number of every global generator."""
    return [
        random.random(),
        float(NUMPY.uniform()),
        float(tf.random.uniform([])),
        float(keras.initializers.RandomUniform()([1])[0]),
        float(tf_keras.initializers.RandomUniform()([1])[0]),
    ]


def start(number):
    random.seed(number)
    NUMPY.seed(number)
    tf.random.set_seed(number)


@pytest.mark.parametrize("seed_of_tf_keras", [None, 3])
def test_draws_depend_on_seed_and_name_alone(seed_of_tf_keras):
    if seed_of_tf_keras is not None:
        tf_keras.utils.set_random_seed(seed_of_tf_keras)
    found = []
    for before, seed, name in ((0, 1, "encoder"), (5, 1, "encoder"), (0, 2, "encoder"), (0, 1, "decoder")):
        start(before)
        with seeded(seed, name):
            found.append(draws())
    assert found[0] == found[1]
    assert not set(found[0]) & (set(found[2]) | set(found[3]))


@pytest.mark.parametrize("begin", [start, tf_keras.utils.set_random_seed, keras.utils.set_random_seed])
def test_draws_go_on_after_the_block(begin):
    begin(3)
    expected = [draws(), draws()]
    begin(3)
    got = [draws()]
    with seeded(7, "encoder"):
        tf_keras.utils.set_random_seed(11)
        draws()
    got.append(draws())
    assert got == expected
