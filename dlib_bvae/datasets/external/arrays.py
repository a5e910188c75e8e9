"""An array in a .npy, .npz or HDF5 file, read row by row: memory-mapped where the file allows it, never unpickled."""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from dlib_bvae.artifacts.permissions import permission_is_said
from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, content_sha256, listing_of, once
from dlib_bvae.errors import UserError, unknown

HDF5 = (".h5", ".hdf5")
SUFFIXES = (".npy", ".npz", *HDF5)
_BLOCK = 2**22  # bytes
_SMALL = 2**26  # bytes, which any array may take
_LARGEST_RATIO = 500  # of an array's bytes to those in the file; dSprites, nearly all zeros, is packed 115 times
_LARGEST_CHUNK = 2**28  # bytes of an HDF5 file's array, which are read as one
# Called with an array's shape and type before it is read or unpacked; raises UserError.
Check: TypeAlias = Callable[[tuple[int, ...], np.dtype], None]


class NoArray(UserError):
    """A file has no array of the dimensions that were asked for."""


class Hdf5Rows:
    """A data set of an HDF5 file, of which rows are read by index: rows[indices] → array (n, …).

    refusal: what makes the UserError for a part that is damaged, which shows when it is read.
    """

    def __init__(self, dataset: Any, refusal: Callable[[Exception], UserError]):
        self._dataset, self._refusal = dataset, refusal
        self.shape, self.dtype, self.ndim = dataset.shape, dataset.dtype, len(dataset.shape)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        wanted, places = np.unique(indices, return_inverse=True)  # HDF5 reads ascending rows only
        if len(wanted) and wanted[-1] - wanted[0] + 1 == len(wanted):
            return self._read(slice(wanted[0], wanted[-1] + 1))[places]
        return self._read(wanted)[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._read(()), dtype)

    def _read(self, which: Any) -> np.ndarray:
        try:
            return self._dataset[which]
        except (OSError, RuntimeError) as error:  # a chunk that cannot be unpacked, or lies beyond the end of the file
            raise self._refusal(error) from error


def open_array(
    path: Path, key: str | None, dimensions: Sequence[int], parameter: str, check: Check = lambda shape, dtype: None
) -> np.ndarray | Hdf5Rows:
    """The array `key` of the file, (n, …): a memory map, or rows of an HDF5 file. h5py is imported for that only.

    key: None for the only array of `dimensions` dimensions. check: raises UserError for a shape or type that is not wanted,
    before anything is read. A compressed member of a .npz file is unpacked into the cache folder once; the CRC-32 of a stored
    one is compared once. Raises UserError, which names `parameter`, for a file or key that is not there or holds no numbers,
    for damage, for an array of more than 64 MiB that is more than 500 times its bytes in the file, and for an array of an HDF5
    file that lies in other files.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{parameter} must be a {', '.join(SUFFIXES)} file; got {str(path)!r}")
    with permission_is_said():
        is_there = path.is_file()
    if not is_there:
        raise UserError(f"{parameter}: there is no file {str(path)!r} (looked from {Path.cwd()})")

    def checked(shape: tuple[int, ...], dtype: np.dtype) -> None:
        if dtype.kind not in "biuf":
            raise UserError(f"{parameter}: {str(path)!r} holds {dtype}; expected numbers")
        check(shape, dtype)

    def refusal(error: Exception) -> UserError:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return UserError(f"{parameter}: {str(path)!r} cannot be read: {reason}")

    try:
        return _opened(path, key, dimensions, checked, refusal)
    except UserError:
        raise
    # parsers fail on bad bytes in more ways than are documented: zlib.error, struct.error, …
    except Exception as error:
        raise refusal(error) from error


def _opened(
    path: Path, key: str | None, dimensions: Sequence[int], check: Check, refusal: Callable[[Exception], UserError]
) -> np.ndarray | Hdf5Rows:
    if path.suffix == ".npy":
        if key is not None:
            raise UserError(f"{str(path)!r} holds one array without a name; leave the key {key!r} out")
        mapped = np.lib.format.open_memmap(path, mode="r")  # np.load opens archives of that name too
        check(mapped.shape, mapped.dtype)
        return mapped
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            shapes = {name.removesuffix(".npy"): _header(archive, name)[0] for name in archive.namelist()}
        return _member(path, f"{_chosen(path, key, shapes, dimensions)}.npy", check)
    return _hdf5(path, key, dimensions, check, refusal)


def _hdf5(
    path: Path, key: str | None, dimensions: Sequence[int], check: Check, refusal: Callable[[Exception], UserError]
) -> Hdf5Rows:
    try:
        import h5py
    except ImportError as error:
        raise UserError(f"reading {path.name} needs the package h5py; install it by pip install h5py") from error
    file = h5py.File(path, "r")
    shapes: dict[str, tuple] = {}
    file.visititems(
        lambda name, item: shapes.update({name: item.shape or ()}) if isinstance(item, h5py.Dataset) else None
    )
    dataset = file[name := _chosen(path, key, shapes, dimensions)]
    if dataset.external or dataset.is_virtual:
        raise UserError(f"{name} of {str(path)!r} lies in other files, which are not read; copy it into one file")
    check(dataset.shape, dataset.dtype)
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if chunk > _LARGEST_CHUNK:
        raise UserError(
            f"{name} of {str(path)!r} has chunks of {chunk / 2**20:,.0f} MiB, each of which is read as a whole; write it in "
            f"chunks of at most {_LARGEST_CHUNK // 2**20} MiB"
        )
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    _check_ratio(path, name, size, dataset.id.get_storage_size())
    return Hdf5Rows(dataset, refusal)


def _check_ratio(path: Path, name: str, size: int, stored: int) -> None:
    if size > _SMALL and size > _LARGEST_RATIO * stored:
        raise UserError(
            f"{name} of {str(path)!r} has {size / 2**20:,.0f} MiB, of which the file holds {stored:,} bytes: more than "
            f"{_LARGEST_RATIO} times less, so it is nearly empty; if it is meant so, save it uncompressed"
        )


def _chosen(path: Path, key: str | None, shapes: dict[str, tuple], dimensions: Sequence[int]) -> str:
    if key is not None:
        if key not in shapes:
            raise unknown(f"array in {path.name}", key, shapes)
        return key
    fitting = [name for name, shape in shapes.items() if len(shape) in dimensions]
    if len(fitting) != 1:
        asked = " or ".join(str(number) for number in dimensions)
        raise (UserError if fitting else NoArray)(
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


def _member(path: Path, member: str, check: Check) -> np.ndarray:
    """A member of a .npz file, memory-mapped in its place, or in the cache folder where it is compressed."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        shape, fortran, dtype, header = _header(archive, member)
    if dtype.hasobject:
        raise UserError(f"{member} of {str(path)!r} holds pickled objects, which are never loaded; expected numbers")
    check(shape, dtype)
    if (size := header + math.prod(shape) * dtype.itemsize) != info.file_size:
        raise UserError(f"{member} of {str(path)!r} is damaged: it has {info.file_size:,} bytes instead of {size:,}")
    if info.compress_type != zipfile.ZIP_STORED:
        _check_ratio(path, member.removesuffix(".npy"), size, info.compress_size)
        return np.load(_unpacked(path, member, size), mmap_mode="r", allow_pickle=False)
    _check_crc(path, member)
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)  # the archive's header of the member: 30 bytes, its name, an extra field
        lengths = struct.unpack("<HH", file.read(4))
    start = info.header_offset + 30 + sum(lengths) + header
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _check_crc(path: Path, member: str) -> None:
    """Reads a stored member once, so that zipfile compares its CRC-32; that it was right is remembered as checksums are."""
    digest = hashlib.sha256(f"{listing_of([path])} {member}".encode()).hexdigest()
    remembered = cache_dir() / "checksums" / f"{digest}.crc32"
    if remembered.exists():
        return
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        while file.read(_BLOCK):
            pass
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.touch()


def _unpacked(path: Path, member: str, size: int) -> Path:
    """The compressed member as a .npy file in the cache folder, unpacked by one process while others wait."""
    name = member
    if not re.fullmatch(r"[a-z0-9_.-]{1,100}", member):  # no file name everywhere, or the same as another's somewhere
        digest = hashlib.sha256(member.encode()).hexdigest()[:10]
        name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', member.removesuffix('.npy'))[:80]}-{digest}.npy"
    target = cache_dir() / "unpacked" / f"{content_sha256([path])[:16]}-{name}"

    def unpack(unpacked: BinaryIO) -> None:
        with zipfile.ZipFile(path) as archive, archive.open(member) as source:
            shutil.copyfileobj(source, unpacked, _BLOCK)  # the archive's checksum is compared on the way

    once(target, f"unpack {member} of {path.name}", CACHE_VARIABLE, size, unpack)
    return target
