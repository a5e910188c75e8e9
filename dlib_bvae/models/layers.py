"""Dense, convolution and transposed convolution on plain TensorFlow ops, with initial weights fixed by a seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError

INITIALIZERS = ("he_uniform", "glorot_uniform")


def spread(layer: str, initializer: str, gain: float, seen: int, ends: tuple[int, int]) -> tuple[int, float]:
    """What an initialiser divides by, and its gain, as initial_weights takes them; weights of gain 0 start at 0 in any case.

    "he_uniform": variance gain / seen, the inputs that an output sees. "glorot_uniform": variance 2 / (sum of `ends`, inputs
    and outputs times the kernel's taps), whatever the gain (Glorot & Bengio 2010; what tf.layers of TensorFlow 1 start from).
    Raises UserError for another initialiser.
    """
    if initializer not in INITIALIZERS:
        raise UserError(
            f"the initializer of {layer} must be one of {', '.join(INITIALIZERS)}; got {initializer!r}; set that of its network"
        )
    return (seen, gain) if initializer == "he_uniform" else (sum(ends), 2.0 if gain else 0.0)


def initial_weights(shape: tuple[int, ...], fan_in: int, gain: float, seed: int, name: str) -> tf.Tensor:
    """Uniform float32 weights of variance gain / fan_in (He et al. 2015: gain 2 before a ReLU); one stream a name."""
    limit = math.sqrt(3.0 * gain / fan_in)
    key = tf.constant([seed & 0x7FFFFFFF, zlib.crc32(name.encode()) & 0x7FFFFFFF], tf.int32)
    return tf.random.stateless_uniform(shape, key, -limit, limit)


class Layer(tf.Module):
    """A kernel and a bias, kept in float32 and cast to the dtype of the input where they are used.

    In its subclasses, gain is 2 before a ReLU, 1 before a tanh or a linear output; initializer: see spread. gate: where a
    network puts one, what the layer's result goes through.
    """

    gate: Callable[[tf.Tensor], tf.Tensor] | None = None

    def __init__(self, name: str, kernel: tf.Tensor, width: int):
        super().__init__(name)
        self.kernel = tf.Variable(kernel, name="kernel")
        self.bias = tf.Variable(tf.zeros([width]), name="bias")

    def finish(self, y: tf.Tensor) -> tf.Tensor:
        """Adds the bias; (batch, …, width) → the same."""
        y = add_bias(y, self.bias)
        return y if self.gate is None else self.gate(y)


def add_bias(y: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A bias float32 (width,) added to every position of y (…, width), in the dtype of y."""
    # A CPU sums the gradient of bias_add over one channel ten times slower than that of a plain sum, and in bfloat16 it stops at
    # 512, as it adds the terms one by one in that type.
    plain = y.shape[-1] == 1 or y.dtype == tf.bfloat16
    bias = tf.cast(bias, y.dtype)
    return y + bias if plain else tf.nn.bias_add(y, bias)


class Dense(Layer):
    """(batch, inputs) → (batch, width).

    The kernel is kept with its longer side down: (inputs, width), or (width, inputs) where width is the larger. Rows of 4096
    numbers lie in the same sets of a CPU's cache, and the three products of a training step take 1.2 times as long with them.
    """

    def __init__(self, name: str, inputs: int, width: int, gain: float, seed: int, initializer: str = "he_uniform"):
        kernel = initial_weights((inputs, width), *spread(name, initializer, gain, inputs, (inputs, width)), seed, name)
        self.transposed = width > inputs
        super().__init__(name, tf.transpose(kernel) if self.transposed else kernel, width)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.finish(tf.matmul(x, tf.cast(self.kernel, x.dtype), transpose_b=self.transposed))


class Conv(Layer):
    """`size` × `size` convolution: (batch, H, W, inputs) → (batch, H/stride, W/stride, width)."""

    def __init__(
        self,
        name: str,
        inputs: int,
        width: int,
        gain: float,
        seed: int,
        size: int = 4,
        stride: int = 2,
        initializer: str = "he_uniform",
    ):
        ends = size * size * inputs, size * size * width
        scale = spread(name, initializer, gain, ends[0], ends)
        super().__init__(name, initial_weights((size, size, inputs, width), *scale, seed, name), width)
        self.stride = stride

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.finish(tf.nn.conv2d(x, tf.cast(self.kernel, x.dtype), strides=self.stride, padding="SAME"))


class Deconv(Layer):
    """4×4 transposed convolution of stride 2: (batch, H, W, inputs) → (batch, 2H, 2W, width)."""

    def __init__(self, name: str, inputs: int, width: int, gain: float, seed: int, initializer: str = "he_uniform"):
        # Every output pixel sees a quarter of the kernel's 16 taps, which Glorot's rule does not know of.
        scale = spread(name, initializer, gain, 4 * inputs, (16 * inputs, 16 * width))
        super().__init__(name, initial_weights((4, 4, width, inputs), *scale, seed, name), width)
        self.width = width

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        batch, height, width, _ = shape_of(x)
        kernel = tf.cast(self.kernel, x.dtype)
        if self.width == 1 and not tf.config.list_physical_devices("GPU"):
            y = one_channel_deconv(x, kernel)
        else:
            y = tf.nn.conv2d_transpose(x, kernel, [batch, 2 * height, 2 * width, self.width], strides=2, padding="SAME")
        return self.finish(y)


@tf.custom_gradient
def one_channel_deconv(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """tf.nn.conv2d_transpose of stride 2 for one output channel: (batch, H, W, inputs), (4, 4, 1, inputs) → (batch, 2H, 2W, 1).

    A CPU's transposed convolution computes many channels and throws them away; a plain one for the four pixels between each
    four inputs, put in their places, takes a third of its time. The gradients are the plain convolution's.
    """
    batch, height, width, inputs = shape_of(x)
    # Pixels 2i - 1 and 2i see the inputs i - 1 and i only: the second two taps of the first, the first two of the second.
    taps = tf.reverse(tf.reshape(kernel, [2, 2, 2, 2, inputs]), [0, 2])
    corners = tf.reshape(tf.transpose(taps, [0, 2, 4, 1, 3]), [2, 2, inputs, 4])
    quads = tf.nn.conv2d(x, corners, strides=1, padding=[[0, 0], [1, 1], [1, 1], [0, 0]])
    rows = tf.transpose(tf.reshape(quads, [batch, height + 1, width + 1, 2, 2]), [0, 1, 3, 2, 4])
    image = tf.reshape(rows, [batch, 2 * height + 2, 2 * width + 2, 1])[:, 1:-1, 1:-1]

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.nn.conv2d(upstream, kernel, strides=2, padding="SAME"),
            tf.raw_ops.Conv2DBackpropFilter(
                input=upstream, filter_sizes=kernel.shape, out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"
            ),
        )

    return image, gradient


def shape_of(x: tf.Tensor) -> list[Any]:
    """The shape with Python numbers where they are known, so that a fixed batch compiles with fixed shapes."""
    dynamic = tf.shape(x)
    return [dynamic[i] if size is None else size for i, size in enumerate(x.shape)]


def posterior_of(x: tf.Tensor, hidden: Sequence[Dense], output: Dense) -> tuple[tf.Tensor, tf.Tensor]:
    """Flattens, applies the hidden ReLU layers and splits the output's result into mean and log variance."""
    x = tf.reshape(x, [shape_of(x)[0], math.prod(x.shape[1:])])
    for layer in hidden:
        x = tf.nn.relu(layer(x))
    mean, log_variance = tf.split(output(x), 2, axis=1)
    return mean, log_variance
