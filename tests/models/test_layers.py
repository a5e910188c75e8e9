"""Layers against TensorFlow's own operations."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.models.layers import one_channel_deconv


@pytest.mark.parametrize(("batch", "height", "width", "inputs"), [(2, 4, 6, 3), (1, 1, 1, 2), (3, 8, 8, 32)])
def test_the_one_channel_deconv_is_the_transposed_convolution_with_its_gradients(batch, height, width, inputs):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(batch, height, width, inputs)), tf.float32)
    kernel = tf.constant(rng.normal(size=(4, 4, 1, inputs)), tf.float32)
    upstream = tf.constant(rng.normal(size=(batch, 2 * height, 2 * width, 1)), tf.float32)
    plain = lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, upstream.shape, strides=2, padding="SAME")
    results = []
    for deconv in (plain, one_channel_deconv):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = deconv(x, kernel)
        results.append([y, *tape.gradient(y, [x, kernel], output_gradients=upstream)])
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_it_takes_a_batch_of_unknown_size():
    kernel = tf.ones([4, 4, 1, 2])
    function = tf.function(
        one_channel_deconv, input_signature=[tf.TensorSpec([None, 4, 4, 2]), tf.TensorSpec([4, 4, 1, 2])]
    )
    x = tf.ones([3, 4, 4, 2])
    np.testing.assert_allclose(function(x, kernel), one_channel_deconv(x, kernel))
