"""EfficientNet-Lite0 (Tan & Le 2019, the variant without squeeze-and-excitation) on plain TensorFlow ops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

_EPSILON = 1e-3
# Repeats and stride of the seven stages; everything else follows from the weights' shapes.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
_STRIDES = tuple(stride if first == 0 else 1 for repeats, stride in _STAGES for first in range(repeats))


class EfficientNetLite0(tf.Module):
    """Images float32 (n, 224, 224, 3), values 0 … 255 → features (n, 1280): the pooled output of the last convolution.

    weights: arrays by the names of the package efficientnet-lite-pytorch. Raises KeyError when one is missing.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        super().__init__("efficientnet_lite0")
        self._stem = _Unit(weights, "_conv_stem", "_bn0", stride=2)
        self._blocks = [_Block(weights, f"_blocks.{i}.", stride) for i, stride in enumerate(_STRIDES)]
        self._head = _Unit(weights, "_conv_head", "_bn1")
        self.logits = (tf.constant(weights["_fc.weight"].T), tf.constant(weights["_fc.bias"]))

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        x = self._stem((images - 127.0) / 128.0)
        for block in self._blocks:
            x = block(x)
        return tf.reduce_mean(self._head(x), axis=(1, 2))

    def classify(self, images: tf.Tensor) -> tf.Tensor:
        """Images → logits (n, 1000) of ImageNet's classes."""
        kernel, bias = self.logits
        return tf.matmul(self(images), kernel) + bias


class _Unit:
    """A convolution with its batch normalisation folded in, and ReLU6 unless `linear`."""

    def __init__(self, weights: Mapping[str, np.ndarray], conv: str, norm: str, stride: int = 1, linear: bool = False):
        kernel = weights[f"{conv}.weight"]
        scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
        folded = (kernel * scale[:, None, None, None]).astype(np.float32)
        self.depthwise = kernel.shape[1] == 1
        self.kernel = tf.constant(folded.transpose((2, 3, 0, 1) if self.depthwise else (2, 3, 1, 0)))
        self.bias = tf.constant(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale, tf.float32)
        self.stride, self.linear = stride, linear

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        if self.depthwise:
            y = tf.nn.depthwise_conv2d(x, self.kernel, [1, self.stride, self.stride, 1], "SAME")
        else:
            y = tf.nn.conv2d(x, self.kernel, self.stride, "SAME")
        y = tf.nn.bias_add(y, self.bias)
        return y if self.linear else tf.nn.relu6(y)


class _Block:
    """Expansion (in all but the first), depthwise convolution, projection; a shortcut where shapes allow it."""

    def __init__(self, weights: Mapping[str, np.ndarray], at: str, stride: int):
        units = [_Unit(weights, f"{at}_depthwise_conv", f"{at}_bn1", stride)]
        if f"{at}_expand_conv.weight" in weights:
            units.insert(0, _Unit(weights, f"{at}_expand_conv", f"{at}_bn0"))
        units.append(_Unit(weights, f"{at}_project_conv", f"{at}_bn2", linear=True))
        self._units, self._stride = units, stride

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        y = x
        for unit in self._units:
            y = unit(y)
        return x + y if self._stride == 1 and x.shape[-1] == y.shape[-1] else y
