"""Arrays inside .npz files, read in order and block by block: never held whole, never unpickled."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from dlib_bvae.datasets.formats.errors import damaged, reading

_BLOCK_BYTES = 2**24


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
