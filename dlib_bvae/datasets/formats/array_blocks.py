"""Arrays of .npz files and of the NORB data sets' matrices, read block by block: never held whole, never unpickled."""

from __future__ import annotations

import contextlib
import gzip
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from dlib_bvae.datasets.formats import damaged, reading

_BLOCK_BYTES = 2**24
# What a NORB matrix begins with, and the type of its elements.
_MAGIC: dict[int, np.dtype] = {507333717: np.dtype("u1"), 507333716: np.dtype("<i4")}


def read_rows(
    path: Path, key: str, dtype: str, num_rows: int, row_shape: tuple[int, ...], first: int = 0
) -> Iterator[np.ndarray]:
    """The array `key` of the .npz file from row `first`, in blocks (n, *row_shape) of `dtype`, stored or compressed.

    The array may have its rows in several dimensions (4, 3, …, *row_shape). The zip's CRC-32 of the whole array is
    checked with the last block. Raises UserError for any damage, another shape or another dtype.
    """
    row_bytes = math.prod(row_shape) * np.dtype(dtype).itemsize
    with reading(path, "an .npz file"), _open_array(path, key, dtype, num_rows, row_shape) as file:
        for size in _sizes(first * row_bytes, _BLOCK_BYTES):
            _exactly(path, file, size)
        for rows in _sizes(num_rows - first, max(1, _BLOCK_BYTES // row_bytes)):
            content = _exactly(path, file, rows * row_bytes)
            first += rows
            # Before the last block is given, reading on lets zipfile compare the CRC.
            if first == num_rows and file.read(1):
                raise damaged(path, f"more bytes follow its array {key!r}")
            yield np.frombuffer(content, dtype).reshape(rows, *row_shape)


@contextlib.contextmanager
def _open_array(path: Path, key: str, dtype: str, num_rows: int, row_shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """The bytes of the array `key`, from its first element."""
    with zipfile.ZipFile(path) as archive:
        if f"{key}.npy" not in archive.namelist():
            raise damaged(path, f"it has no array {key!r}")
        with archive.open(f"{key}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, found = read[version](file)
            split = len(shape) - len(row_shape)
            right = split >= 1 and shape[split:] == row_shape and math.prod(shape[:split]) == num_rows
            if not right or fortran or found != np.dtype(dtype):
                expected = f"{np.dtype(dtype)} {(num_rows, *row_shape)}"
                order = ", in Fortran order," if fortran else ""
                raise damaged(path, f"its array {key!r} is {found} {shape}{order} instead of {expected}")
            yield file


def _exactly(path: Path, file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise damaged(path, "it ends too early")
    return content


def _sizes(total: int, step: int) -> Iterator[int]:
    """`total` in parts of at most `step`."""
    for start in range(0, total, step):
        yield min(step, total - start)


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
