"""Images → features: what is done to images before a network sees them, and features a batch at a time into a file.

Resizing and rounding are the part of a protocol that changes the number. No side is ever held as images.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from dlib_bvae.artifacts.permissions import damage_is_said
from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, check_room, mapped, once
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality.distances import Moments

BATCH = 64
_SLACK = 1e-3
_LONGEST_NAME = 60  # characters of a data set's name in a file's


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

    Grey images are repeated to three channels. quantise: rounded to integers first, as a saved picture is. size None:
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


@dataclass(frozen=True)
class Protocol:
    """What, apart from the images, decides the features: all of it stands in every result."""

    extractor: str
    weights: str
    size: int | None
    resize: str
    quantise: bool

    @classmethod
    def of(cls, extractor: Extractor, resize: str, quantise: bool) -> Protocol:
        """The protocol of `extractor` with these choices."""
        return cls(extractor.name, extractor.weights, extractor.size, resize, quantise)


def features_of(images: np.ndarray, extractor: Extractor, protocol: Protocol) -> np.ndarray:
    """Images in [0, 1], (n, H, W, 1 or 3) → features float32 (n, num_features); the errors of write_features."""
    features = extractor(to_network(images, protocol.size, protocol.resize, protocol.quantise))
    if features.shape != (len(images), extractor.num_features):
        raise UserError(
            f"the extractor {extractor.name} gave features {features.shape} for {len(images)} images; "
            f"expected ({len(images)}, {extractor.num_features})"
        )
    if not np.isfinite(features).all():
        raise UserError(f"the extractor {extractor.name} gave NaN or infinite features")
    return features


def write_features(
    path: Path, count: int, extractor: Extractor, protocol: Protocol, batches: Iterable[np.ndarray]
) -> np.ndarray:
    """Features float32 (count, num_features) of `batches` of images in [0, 1], as the memory-mapped file `path`.

    Raises UserError for images that no picture can be, and for features that are NaN or infinite; OSError, before the first
    is computed, where there is no room for them.
    """
    check_room(path.parent, _size(count, extractor))
    with path.open("wb") as file:
        _write(file, count, extractor, protocol, batches)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _write(file: BinaryIO, count: int, extractor: Extractor, protocol: Protocol, batches: Iterable[np.ndarray]) -> None:
    """Not through a memory map, under which a full disk would kill the process."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, extractor.num_features)}
    np.lib.format.write_array_header_1_0(file, header)
    for images in batches:
        file.write(features_of(images, extractor, protocol).astype("<f4", copy=False).tobytes())


def _size(count: int, extractor: Extractor) -> int:
    return 4 * count * extractor.num_features


def reference_features(data: ImageData, rows: np.ndarray, extractor: Extractor, protocol: Protocol) -> np.ndarray:
    """Features of `data`'s images at `rows`, computed once for every data set, protocol and choice of rows.

    They are kept in the cache directory, in a file whose name is a digest of all three.
    """
    key = json.dumps([data.name, str(data.fingerprint), asdict(protocol)], sort_keys=True).encode() + rows.tobytes()
    safe = re.sub(r"[/\\:]", "_", data.name)[:_LONGEST_NAME]
    path = cache_dir() / "features" / f"{safe}-{extractor.name}-{hashlib.sha256(key).hexdigest()[:16]}.npy"

    def write(file: BinaryIO) -> None:
        _write(file, len(rows), extractor, protocol, in_batches(rows, data.observations_at))

    once(path, "keep features", CACHE_VARIABLE, _size(len(rows), extractor), write)
    return _kept(path, (len(rows), extractor.num_features))


def _kept(path: Path, shape: tuple[int, int]) -> np.ndarray:
    damaged = UserError(f"{path} is damaged; delete it, and it is computed again")
    with damage_is_said(lambda _: damaged, ValueError, OSError):
        features = mapped(path)
    if features.shape != shape or features.dtype != np.float32:
        raise UserError(f"{path} holds {features.dtype} {features.shape} instead of float32 {shape}; delete it")
    return features


def in_batches(rows: np.ndarray, call: Callable[[np.ndarray], np.ndarray]) -> Iterable[np.ndarray]:
    """call(rows), a batch of rows at a time."""
    return (call(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH))


def moments_of(features: np.ndarray) -> Moments:
    """Mean and covariance of features (n, d), read a stretch at a time."""
    moments = Moments(features.shape[1])
    for start in range(0, len(features), 1024):
        moments.add(features[start : start + 1024])
    return moments
