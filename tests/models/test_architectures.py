"""Architectures: parameter counts by hand, shapes, seeds."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.architectures import burgess_decoder, burgess_encoder, higgins_decoder, higgins_encoder

BURGESS_ENCODER = (16 * 1 + 1) * 32 + 2 * (16 * 32 + 1) * 32 + (2048 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 20
BURGESS_DECODER = (10 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 2048 + 2 * (16 * 32 + 1) * 32 + (16 * 32 + 1)
HIGGINS_ENCODER = (4096 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * 20
HIGGINS_DECODER = (10 + 1) * 1200 + 2 * (1200 + 1) * 1200 + (1200 + 1) * 4096


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (burgess_encoder, BURGESS_ENCODER),
        (burgess_decoder, BURGESS_DECODER),
        (higgins_encoder, HIGGINS_ENCODER),
        (higgins_decoder, HIGGINS_DECODER),
    ],
)
def test_parameter_counts(build, parameters):
    network = build((64, 64, 1), 10, 0)
    assert sum(int(tf.size(v)) for v in network.trainable_variables) == parameters


@pytest.mark.parametrize(
    ("encoder", "decoder"), [(burgess_encoder, burgess_decoder), (higgins_encoder, higgins_decoder)]
)
@pytest.mark.parametrize("shape", [(16, 16, 1), (32, 16, 3)])
def test_shapes_go_there_and_back(encoder, decoder, shape):
    mean, log_variance = encoder(shape, 4, 0)(tf.zeros([2, *shape]))
    assert mean.shape == log_variance.shape == (2, 4)
    assert decoder(shape, 4, 0)(mean).shape == (2, *shape)


def test_a_seed_fixes_the_weights_and_another_changes_them():
    weights = [burgess_encoder((16, 16, 1), 4, seed).dense[0].kernel.numpy() for seed in (3, 3, 4)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_initial_activations_keep_their_scale():
    encoder = higgins_encoder((64, 64, 1), 10, 0)
    mean, _ = encoder(tf.random.stateless_normal([64, 64, 64, 1], [0, 1]))
    assert 0.3 < float(tf.math.reduce_std(mean)) < 3.0


def test_a_size_that_cannot_be_halved_three_times_is_refused():
    with pytest.raises(UserError, match="divisible by 8; got 20 × 16"):
        burgess_encoder((20, 16, 1), 4, 0)
