"""What is done to images before a network sees them: the part of a protocol that changes the number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError

_SLACK = 1e-3


def _tf1_bilinear(images: tf.Tensor, size: int) -> tf.Tensor:
    return tf.raw_ops.ResizeBilinear(images=images, size=[size, size])


def _bilinear(images: tf.Tensor, size: int) -> tf.Tensor:
    return tf.image.resize(images, [size, size], "bilinear")


def _bicubic(images: tf.Tensor, size: int) -> tf.Tensor:
    return tf.clip_by_value(tf.image.resize(images, [size, size], "bicubic", antialias=True), 0.0, 255.0)


# tf1_bilinear: TensorFlow 1's, without half-pixel centres, as in the graph of 2015; bilinear: with them, as in pytorch-fid;
# bicubic: antialiased and clipped, near to clean-fid's.
_RESIZE: dict[str, Callable[[tf.Tensor, int], tf.Tensor]] = {
    "tf1_bilinear": _tf1_bilinear,
    "bilinear": _bilinear,
    "bicubic": _bicubic,
}


def to_network(images: np.ndarray, size: int | None, resize: str, quantise: bool) -> tf.Tensor:
    """Images float (n, H, W, 1 or 3) in [0, 1] → float32 (n, size, size, 3), values 0 … 255.

    Grey images are repeated to three channels. quantise: rounded to whole values first, as a saved picture is. size None:
    not resized. Raises UserError for NaN, another range or another shape.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise UserError(f"images must be (n, H, W, 1 or 3); got {images.shape}")
    if not np.isfinite(images).all():
        raise UserError("an image holds NaN or infinite values; look at what the model gives")
    if images.size and not -_SLACK <= images.min() <= images.max() <= 1 + _SLACK:
        raise UserError(f"images must be in [0, 1]; these reach from {images.min():.4g} to {images.max():.4g}")
    values = tf.constant(np.clip(images, 0, 1) * np.float32(255))
    if quantise:
        values = tf.round(values)
    if images.shape[-1] == 1:
        values = tf.repeat(values, 3, axis=-1)
    if size is None or images.shape[1:3] == (size, size):
        return values
    return _RESIZE[resize](values, size)
