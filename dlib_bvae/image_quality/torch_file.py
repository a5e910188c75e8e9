"""Weights in PyTorch's files of before version 1.6, read without PyTorch and without running what is pickled in them."""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {"FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"), "LongStorage": np.dtype("<i8")}


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
