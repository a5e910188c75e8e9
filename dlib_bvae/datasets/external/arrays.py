"""An array in a .npy, .npz or HDF5 file, read row by row: memory-mapped where the file allows it, never unpickled."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, content_sha256, locked
from dlib_bvae.errors import UserError, unknown

HDF5 = (".h5", ".hdf5")
SUFFIXES = (".npy", ".npz", *HDF5)


class Hdf5Rows:
    """A data set of an HDF5 file, of which rows are read by index: rows[indices] → array (n, …)."""

    def __init__(self, dataset: Any):
        self._dataset = dataset
        self.shape, self.dtype, self.ndim = dataset.shape, dataset.dtype, len(dataset.shape)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        wanted, places = np.unique(indices, return_inverse=True)  # HDF5 reads ascending rows only
        if len(wanted) and wanted[-1] - wanted[0] + 1 == len(wanted):
            return self._dataset[wanted[0] : wanted[-1] + 1][places]
        return self._dataset[wanted][places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._dataset[()], dtype)


def open_array(path: Path, key: str | None, dimensions: Sequence[int], parameter: str) -> np.ndarray | Hdf5Rows:
    """The array `key` of the file, (n, …): a memory map, or rows of an HDF5 file. h5py is imported for that only.

    key: None for the only array of `dimensions` dimensions. A compressed member of a .npz file is unpacked into the cache
    folder once. Raises UserError, which names `parameter`, for a file or key that is not there or holds no numbers.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{parameter} must be a {', '.join(SUFFIXES)} file; got {str(path)!r}")
    if not path.is_file():
        raise UserError(f"{parameter}: there is no file {str(path)!r} (looked from {Path.cwd()})")
    try:
        found = _opened(path, key, dimensions)
    except UserError:
        raise
    except (
        Exception
    ) as error:  # parsers fail on bad bytes in more ways than are documented: zlib.error, struct.error, …
        raise UserError(f"{parameter}: {str(path)!r} cannot be read: {error}") from error
    if found.dtype.kind not in "biuf":
        raise UserError(f"{parameter}: {str(path)!r} holds {found.dtype}; expected numbers")
    return found


def _opened(path: Path, key: str | None, dimensions: Sequence[int]) -> np.ndarray | Hdf5Rows:
    if path.suffix == ".npy":
        if key is not None:
            raise UserError(f"{str(path)!r} holds one array without a name; leave the key {key!r} out")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            shapes = {name.removesuffix(".npy"): _header(archive, name)[0] for name in archive.namelist()}
        return _member(path, f"{_chosen(path, key, shapes, dimensions)}.npy")
    try:
        import h5py
    except ImportError as error:
        raise UserError(f"reading {path.name} needs the package h5py; install it by pip install h5py") from error
    file = h5py.File(path, "r")
    shapes = {}
    file.visititems(lambda name, item: shapes.update({name: item.shape}) if isinstance(item, h5py.Dataset) else None)
    return Hdf5Rows(file[_chosen(path, key, shapes, dimensions)])


def _chosen(path: Path, key: str | None, shapes: dict[str, tuple], dimensions: Sequence[int]) -> str:
    if key is not None:
        if key not in shapes:
            raise unknown(f"array in {path.name}", key, shapes)
        return key
    fitting = [name for name, shape in shapes.items() if len(shape) in dimensions]
    if len(fitting) != 1:
        asked = " or ".join(str(number) for number in dimensions)
        raise UserError(
            f"{str(path)!r} has {len(fitting)} arrays of {asked} dimensions, so say which by its key; it holds "
            + ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        )
    return fitting[0]


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, Fortran order, dtype and length in bytes of a member's .npy header."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        return shape, fortran, dtype, file.tell()


def _member(path: Path, member: str) -> np.ndarray:
    """A member of a .npz file, memory-mapped in its place, or in the cache folder where it is compressed."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        shape, fortran, dtype, header = _header(archive, member)
    if dtype.hasobject:
        raise UserError(f"{member} of {str(path)!r} holds pickled objects, which are never loaded; expected numbers")
    if info.compress_type != zipfile.ZIP_STORED:
        return np.load(_unpacked(path, member), mmap_mode="r", allow_pickle=False)
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)  # the archive's header of the member: 30 bytes, its name, an extra field
        lengths = struct.unpack("<HH", file.read(4))
    start = info.header_offset + 30 + sum(lengths) + header
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _unpacked(path: Path, member: str) -> Path:
    """The compressed member as a .npy file in the cache folder, unpacked by one process while others wait."""
    name = member
    if not re.fullmatch(r"[a-z0-9_.-]{1,100}", member):  # no file name everywhere, or the same as another's somewhere
        digest = hashlib.sha256(member.encode()).hexdigest()[:10]
        name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', member.removesuffix('.npy'))[:80]}-{digest}.npy"
    target = cache_dir() / "unpacked" / f"{content_sha256([path])[:16]}-{name}"
    part = target.with_suffix(".part")
    with locked(target, f"unpack {member} of {path.name}", CACHE_VARIABLE), zipfile.ZipFile(path) as archive:
        if not target.exists():
            try:
                with archive.open(member) as source, part.open("wb") as unpacked:
                    shutil.copyfileobj(source, unpacked, 1 << 22)  # the archive's checksum is compared on the way
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
    return target
