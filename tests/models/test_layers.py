"""Layers against TensorFlow's own operations and, with their gradients, against plain numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.models.layers import (
    Conv,
    Deconv,
    Dense,
    add_bias,
    initial_weights,
    one_channel_deconv,
    posterior_of,
    shape_of,
)


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


@pytest.mark.parametrize(("inputs", "width"), [(6, 4), (4, 4), (4, 6)])
def test_a_dense_layer_is_a_product_whose_kernel_lies_with_its_longer_side_down(inputs, width):
    layer = Dense("dense", inputs, width, 2.0, 3)
    layer.bias.assign(np.arange(width))
    assert layer.kernel.shape == ((width, inputs) if width > inputs else (inputs, width))
    x = np.random.default_rng(0).normal(size=(5, inputs)).astype(np.float32)
    weights = initial_weights((inputs, width), inputs, 2.0, 3, "dense").numpy()
    np.testing.assert_allclose(layer(tf.constant(x)), x @ weights + np.arange(width), rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_variance_of_their_gain_and_differ_by_seed_and_name():
    weights = initial_weights((400, 300), 400, 2.0, 0, "a").numpy()
    assert weights.var() == pytest.approx(2.0 / 400, rel=0.02)
    assert np.abs(weights).max() <= np.sqrt(3 * 2.0 / 400)
    assert abs(weights.mean()) < 1e-3
    for other in (initial_weights((400, 300), 400, 2.0, 1, "a"), initial_weights((400, 300), 400, 2.0, 0, "b")):
        assert abs(np.corrcoef(weights.ravel(), other.numpy().ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(weights, initial_weights((400, 300), 400, 2.0, 2**31, "a"))


@pytest.mark.parametrize(("size", "stride"), [(4, 2), (3, 1), (5, 1)])
def test_a_convolution_is_tensorflow_s(size, stride):
    layer = Conv("conv", 2, 3, 2.0, 0, size, stride)
    layer.bias.assign([1.0, 2.0, 3.0])
    x = tf.random.stateless_normal([2, 8, 6, 2], [0, 1])
    expected = tf.nn.conv2d(x, layer.kernel, strides=stride, padding="SAME") + [1.0, 2.0, 3.0]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    assert layer.kernel.numpy().std() == pytest.approx(np.sqrt(2.0 / (size * size * 2)), rel=0.15)


def test_a_convolution_halves_by_default():
    layer = Conv("conv", 2, 3, 2.0, 0)
    assert (layer.kernel.shape, layer(tf.zeros([1, 8, 6, 2])).shape) == ((4, 4, 2, 3), (1, 4, 3, 3))


@pytest.mark.parametrize("width", [1, 3])
def test_a_transposed_convolution_doubles_and_is_tensorflow_s(width):
    layer = Deconv("deconv", 8, width, 2.0, 0)
    layer.bias.assign(np.arange(1.0, width + 1))
    x = tf.random.stateless_normal([2, 4, 3, 8], [0, 1])
    expected = tf.nn.conv2d_transpose(x, layer.kernel, [2, 8, 6, width], strides=2, padding="SAME") + layer.bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    assert layer.kernel.numpy().std() == pytest.approx(np.sqrt(2.0 / (4 * 8)), rel=0.15)


def test_a_gate_scales_what_a_layer_gives():
    layer = Dense("dense", 3, 1, 1.0, 0)
    x = tf.ones([2, 3])
    plain = layer(x)
    layer.gate = lambda y: 3.0 * y
    np.testing.assert_allclose(layer(x), 3.0 * plain)


def test_a_posterior_is_flattened_passes_relus_and_is_split_into_two():
    hidden, output = Dense("hidden", 12, 5, 2.0, 0), Dense("output", 5, 4, 1.0, 0)
    x = tf.random.stateless_normal([2, 2, 3, 2], [0, 1])
    both = output(tf.nn.relu(hidden(tf.reshape(x, [2, 12]))))
    mean, log_variance = posterior_of(x, [hidden], output)
    np.testing.assert_allclose(mean, both[:, :2], rtol=1e-6)
    np.testing.assert_allclose(log_variance, both[:, 2:], rtol=1e-6)


def test_known_sizes_are_numbers():
    assert shape_of(tf.zeros([2, 3])) == [2, 3]
    found = []
    tf.function(lambda x: found.append(shape_of(x)), input_signature=[tf.TensorSpec([None, 3])])(tf.zeros([2, 3]))
    assert found[0][1] == 3
    assert tf.is_tensor(found[0][0])


def check_layer(layer, x, reference):
    """A layer with random weights and biases is `reference` of (x, kernel, bias), and so are its gradients."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=layer.kernel.shape), rng.normal(size=layer.bias.shape)

    def apply(x, kernel, bias):
        layer.kernel, layer.bias = kernel, bias
        return {"y": layer(x)}

    check(
        apply, lambda x, kernel, bias: {"y": reference(x, kernel, bias)}, x=rng.normal(size=x), kernel=kernel, bias=bias
    )


@pytest.mark.parametrize(("inputs", "width"), [(5, 3), (3, 5)])
def test_value_and_gradient_of_a_dense_layer_are_those_of_plain_numpy(inputs, width):
    product = lambda x, kernel, bias: x @ (kernel if inputs > width else kernel.T) + bias
    check_layer(Dense("dense", inputs, width, 2.0, 0), (4, inputs), product)


@pytest.mark.parametrize(("size", "stride"), [(4, 2), (2, 2), (3, 1), (5, 1)])
def test_value_and_gradient_of_a_convolution_are_those_of_plain_numpy(size, stride):
    layer = Conv("conv", 2, 3, 2.0, 0, size, stride)
    check_layer(layer, (2, 4, 6, 2), lambda x, kernel, bias: plain.conv(x, kernel, bias, stride))


@pytest.mark.parametrize("width", [1, 2])
def test_value_and_gradient_of_a_transposed_convolution_are_those_of_plain_numpy(width):
    check_layer(Deconv("deconv", 3, width, 2.0, 0), (2, 2, 3, 3), plain.deconv)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 32, 33])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_the_gradient_of_a_bias_is_a_sum_over_all_positions(width, dtype):
    """TensorFlow's own for bias_add ends at 512 in bfloat16 on a CPU."""
    bias = tf.Variable(tf.zeros([width]))
    with tf.GradientTape() as tape:
        y = add_bias(tf.zeros([4, 32, 32, width], dtype), bias)
        loss = tf.reduce_sum(tf.cast(y, tf.float32))
    assert y.dtype == dtype
    np.testing.assert_array_equal(tape.gradient(loss, bias), np.full(width, 4096.0))
