"""The binary matrices of the NORB data sets: int32 magic, int32 number of dimensions, dimensions, elements."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.formats.errors import damaged, reading

_MAGIC: dict[int, np.dtype] = {507333717: np.dtype("u1"), 507333716: np.dtype("<i4")}
_BLOCK_BYTES = 2**24


def read_matrix(path: Path, dtype: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The rows of the gzipped matrix of `shape` (n, …), in blocks. gzip's CRC-32 is compared before the last block.

    Raises UserError for another dtype or shape, or any damage.
    """
    with reading(path, "a gzipped NORB matrix"), gzip.open(path) as file:
        magic, dimensions = np.frombuffer(file.read(8), "<i4")
        # The header has at least three dimensions, whatever their number.
        sizes = np.frombuffer(file.read(4 * max(3, len(shape))), "<i4")[: len(shape)]
        element, found = np.dtype(dtype), _MAGIC.get(int(magic))
        if found != element or dimensions != len(shape) or tuple(sizes.tolist()) != shape:
            got = f"{found or 'another type'} {tuple(sizes.tolist())} in {dimensions} dimensions"
            raise damaged(path, f"it is {got} instead of {element} {shape}")
        row_bytes = element.itemsize * math.prod(shape[1:])
        step = max(1, _BLOCK_BYTES // row_bytes)
        for start in range(0, shape[0], step):
            rows = min(step, shape[0] - start)
            content = file.read(rows * row_bytes)
            if len(content) != rows * row_bytes:
                raise damaged(path, "it ends too early")
            if start + rows == shape[0] and file.read(1):
                raise damaged(path, "more bytes follow its elements")
            yield np.frombuffer(content, element).reshape(rows, *shape[1:])
