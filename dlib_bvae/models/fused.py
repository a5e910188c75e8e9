"""Several networks of one architecture computed as one: fewer and larger operations, each network with its own weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.layers import Conv, Deconv, Dense, Layer, add_bias, shape_of
from dlib_bvae.models.objectives import Batch
from dlib_bvae.models.parts import UserPart
from dlib_bvae.models.vae import Adapt, GaussianVAE

_SEPARATE = ("encode", "decode_logits", "sample", "batch", "batch_of")
_TOLERANCE = 1e-2  # of the largest number: products in TensorFloat-32 differ by 1e-3


class FusedVAE:
    """Networks of one architecture whose encoders and decoders are computed together.

    Between layers activations are (members · batch, …), so the architecture's own code runs unchanged as long as it treats
    every image by itself; this is tried with random images at the beginning. Raises UserError where `networks` cannot be
    fused: they are no plain Gaussian VAEs, have weights outside the layers of models/layers.py, or differ in shapes.
    compiled: whether all is compiled with XLA.
    """

    def __init__(self, networks: Sequence[GaussianVAE], compiled: bool = False):
        for network in networks:
            if any(getattr(type(network), name) is not getattr(GaussianVAE, name) for name in _SEPARATE):
                raise _refused(f"{type(network).__name__} computes its batches in another way")
        self._networks = tuple(networks)
        # A CPU has no gradient of grouped convolutions unless XLA compiles them.
        grouped = compiled or bool(tf.config.list_physical_devices("GPU"))
        self._encoder = _fuse([network.encoder for network in networks], grouped)
        self._decoder = _fuse([network.decoder for network in networks], grouped)
        trial = tf.function(self._trial, autograph=False, jit_compile=compiled or None)
        for apart, together in trial():
            if float(tf.reduce_max(tf.abs(apart - together))) > _TOLERANCE * float(tf.reduce_max(tf.abs(apart))):
                raise _refused(
                    "the architecture does not treat every image by itself, with the weights of its layers alone"
                )

    def batches(
        self,
        observations: Sequence[tf.Tensor],
        keys: Sequence[tf.Tensor],
        adapts: Sequence[Adapt | None],
        given: Sequence[dict[str, Any]],
    ) -> list[Batch]:
        """GaussianVAE.batch of every network; observations: (batch, H, W, C) each, of one batch size."""
        dtype, networks = self._networks[0].compute_dtype, self._networks
        posterior = self._encoder(tf.cast(tf.concat(observations, axis=0), dtype))
        means, log_variances = (tf.split(tf.cast(x, tf.float32), len(networks)) for x in posterior)
        each = zip(networks, means, log_variances, keys, adapts, strict=True)
        sampled = [network.sample(mean, log, key, adapt) for network, mean, log, key, adapt in each]
        latents = tf.concat([sample[2] for sample in sampled], axis=0)
        logits = tf.split(tf.cast(self._decoder(tf.cast(latents, dtype)), tf.float32), len(networks))
        everything = zip(networks, observations, sampled, logits, keys, given, strict=True)
        return [network.batch_of(x, sample, y, key=key, **more) for network, x, sample, y, key, more in everything]

    def _trial(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """What the networks and what this makes of the same random images and latents, in float32."""
        count, first = len(self._networks), self._networks[0]
        images = tf.random.stateless_uniform([2 * count, *first.observation_shape], [0, 0])
        latents = tf.random.stateless_normal([2 * count, first.num_latent], [0, 1])
        encoded = [network.encoder(x) for network, x in zip(self._networks, tf.split(images, count), strict=True)]
        decoded = [network.decoder(z) for network, z in zip(self._networks, tf.split(latents, count), strict=True)]
        apart = [*(tf.concat(parts, axis=0) for parts in zip(*encoded, strict=True)), tf.concat(decoded, axis=0)]
        return list(zip(apart, [*self._encoder(images), self._decoder(latents)], strict=True))


def _refused(reason: str) -> UserError:
    return UserError(f"these networks cannot be fused: {reason}; set ensemble.way = 'loop'")


def _fuse(parts: Sequence[tf.Module], grouped: bool) -> Any:
    """A copy of the first of `parts` whose layers are those of all of them."""
    if any(isinstance(part, UserPart) for part in parts):
        raise _refused(
            f"{parts[0].name} is not built of the layers {', '.join(kind.__name__ for kind in _FUSED)} alone"
        )
    columns = [[module for module in part.submodules if isinstance(module, Layer)] for part in parts]
    shapes = [[(type(layer), layer.kernel.shape) for layer in column] for column in columns]
    if any(other != shapes[0] for other in shapes):
        raise _refused("their layers differ")
    for part, column in zip(parts, columns, strict=True):
        if len(part.variables) != sum(len(layer.variables) for layer in column):
            raise _refused(f"{part.name} has weights outside its layers")
        if any(type(layer) not in _FUSED or layer.gate is not None for layer in column):
            raise _refused(f"{part.name} has a layer that is none of {', '.join(kind.__name__ for kind in _FUSED)}")
    rows = zip(*columns, strict=True)
    return copy.deepcopy(parts[0], {id(row[0]): FusedLayer(row, grouped) for row in rows})


class FusedLayer:
    """The same layer of every member: (members · batch, …) → (members · batch, …).

    grouped: convolve all members by one grouped operation, else each by its own.
    """

    def __init__(self, layers: Sequence[Any], grouped: bool):
        self._layers = tuple(layers)
        kind = type(layers[0])
        self._operation = _FUSED[kind] if grouped or kind is Dense else _apart

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self._operation(self._layers, x)


def _apart(layers: Sequence[Any], x: tf.Tensor) -> tf.Tensor:
    """Each layer on its part of (members · batch, …)."""
    return tf.concat([layer(part) for layer, part in zip(layers, tf.split(x, len(layers)), strict=True)], axis=0)


def _dense(layers: Sequence[Any], x: tf.Tensor) -> tf.Tensor:
    """One batched product: (members · batch, inputs) → (members · batch, width)."""
    kernels = tf.cast(tf.stack([layer.kernel for layer in layers]), x.dtype)
    biases = tf.cast(tf.stack([layer.bias for layer in layers]), x.dtype)
    parts = tf.reshape(x, [len(layers), -1, x.shape[1]])
    y = tf.matmul(parts, kernels, transpose_b=layers[0].transposed) + biases[:, None]
    return tf.reshape(y, [shape_of(x)[0], y.shape[2]])


def _convolution(layers: Sequence[Any], x: tf.Tensor) -> tf.Tensor:
    """One convolution with a group a member: (members · batch, H, W, inputs) → (members · batch, H/stride, W/stride, width)."""
    convolve = lambda y, kernels: tf.nn.conv2d(y, kernels, strides=layers[0].stride, padding="SAME")
    return _grouped(layers, x, convolve)


def _deconvolution(layers: Sequence[Any], x: tf.Tensor) -> tf.Tensor:
    """One transposed convolution with a group a member: (members · batch, H, W, inputs) → (members · batch, 2H, 2W, width)."""

    def convolve(y: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
        batch, height, width, _ = shape_of(y)
        size = [batch, 2 * height, 2 * width, len(layers) * layers[0].width]
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=size, filter=kernels, out_backprop=y, strides=[1, 2, 2, 1], padding="SAME"
        )

    return _grouped(layers, x, convolve)


def _grouped(layers: Sequence[Any], x: tf.Tensor, convolve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Moves members from the batch to the channels, convolves, adds the biases and moves them back."""
    count, (rows, height, width, channels) = len(layers), shape_of(x)
    y = tf.transpose(tf.reshape(x, [count, rows // count, height, width, channels]), [1, 2, 3, 0, 4])
    kernels = tf.cast(tf.concat([layer.kernel for layer in layers], axis=-1), x.dtype)
    y = convolve(tf.reshape(y, [rows // count, height, width, count * channels]), kernels)
    y = add_bias(y, tf.concat([layer.bias for layer in layers], axis=0))
    _, height, width, channels = shape_of(y)
    y = tf.transpose(tf.reshape(y, [rows // count, height, width, count, channels // count]), [3, 0, 1, 2, 4])
    return tf.reshape(y, [rows, height, width, channels // count])


_FUSED: dict[type, Callable[[Sequence[Any], tf.Tensor], tf.Tensor]] = {
    Dense: _dense,
    Conv: _convolution,
    Deconv: _deconvolution,
}
