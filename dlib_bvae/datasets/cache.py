"""Files that this package writes once and reads again: their folder, lock and checksum, and rows in memory-mapped .npy files.

A cache file <name>.npy holds rows of bytes; <name>.json describes it (shape, sha256, …), <name>.lock is held while it is written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import Progress

from dlib_bvae.artifacts import file_lock
from dlib_bvae.artifacts.permissions import damage_is_said
from dlib_bvae.errors import UserError, is_disk_full

CACHE_VARIABLE = "DLIB_BVAE_CACHE_DIR"
_BLOCK = 1 << 22
_LONG = 1 << 28
_CHECKED_ROWS = 64


def cache_dir() -> Path:
    """The folder for rendered and converted data sets: $DLIB_BVAE_CACHE_DIR, or ~/.cache/dlib_bvae."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "dlib_bvae").expanduser()


@contextlib.contextmanager
def locked(path: Path, purpose: str, variable: str, num_bytes: int | None = None) -> Iterator[None]:
    """Holds <path>.lock, in a folder that is made if needed; other processes wait.

    A full or write-protected disk becomes a UserError that says what it was for (`purpose`, "write x.npy"), the room it
    takes (`num_bytes`) and that there is, and which environment variable names another folder.
    """

    def refusal(error: OSError) -> UserError:
        room, advice = "", "see who may use it"
        if is_disk_full(error):
            advice = "free some space"
            if num_bytes is not None and "needed" not in str(error):
                room = f"it needs {_mebibytes(num_bytes)}, and {_mebibytes(_free(path.parent))} are free; "
        return UserError(
            f"cannot {purpose} into {path.parent}: {error.strerror or error}; {room}{advice} or set {variable} to another "
            "folder"
        )

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("wb")
    except OSError as error:
        raise refusal(error) from error
    with lock:
        file_lock.lock(lock.fileno(), math.inf)
        try:
            yield
        except OSError as error:
            if not is_disk_full(error) and error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise refusal(error) from error


def once(path: Path, purpose: str, variable: str, num_bytes: int, write: Callable[[BinaryIO], None]) -> None:
    """Makes the file `path` by `write`, where it is not there: one process, while others wait; see `locked`.

    num_bytes: how large it will be, 0 where that is not known and little. A file that is there needs a folder that can be
    read, no more. What killed processes left in the folder is removed.
    """
    if path.exists():
        return
    with locked(path, purpose, variable, num_bytes or None):
        if path.exists():
            return
        _remove_parts(path.parent)
        check_room(path.parent, num_bytes)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def check_room(folder: Path, num_bytes: int) -> None:
    """Raises OSError, as a full disk does, where `folder` has no room for `num_bytes`: it says what is needed and free."""
    if (free := _free(folder)) < num_bytes:
        room = f"{_mebibytes(num_bytes)} needed, {_mebibytes(free)} free"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({room})", str(folder))


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _mebibytes(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:,.1f} MiB" if num_bytes < 10 * 2**20 else f"{num_bytes / 2**20:,.0f} MiB"


def _remove_parts(folder: Path) -> None:
    """Removes the parts that no process is writing and none goes on with: those of killed ones."""
    for part in folder.glob("*.part"):
        if part.with_suffix(".progress").exists():  # of a conversion, which is continued
            continue
        with (
            contextlib.suppress(OSError),
            part.with_suffix(".lock").open("ab") as lock,
        ):  # BlockingIOError: it is written
            file_lock.lock(lock.fileno())
            part.unlink(missing_ok=True)


# checksums -----------------------------------------------------------------------------------------------------------


def sha256_of(path: Path, shown: bool = False) -> str:
    """The checksum of a file, in hexadecimal digits; shown: with a progress bar where it takes long."""
    return digest_of(path, hashlib.sha256(), shown)


def digest_of(path: Path, digest: hashlib._Hash, shown: bool) -> str:
    """The file's bytes put into `digest`, of hashlib: its hexadecimal digits."""
    size = path.stat().st_size
    with (
        path.open("rb") as file,
        Progress(console=Console(stderr=True), transient=True, disable=not shown or size < _LONG) as progress,
    ):
        task = progress.add_task(f"checksum of {path.name}", total=size)
        while block := file.read(_BLOCK):
            digest.update(block)
            progress.update(task, advance=len(block))
    return digest.hexdigest()


def content_sha256(paths: Sequence[Path]) -> str:
    """sha256 of one file, or of the checksums of several in their order.

    Remembered in the cache folder under the files' places, sizes and times of change (nanoseconds), so that a large file
    is read once; touch a file that was changed with both kept. Raises OSError for a file that cannot be read.
    """
    remembered = cache_dir() / "checksums" / listing_of(paths)
    with contextlib.suppress(OSError):
        text = remembered.read_text(encoding="utf-8")
        if len(text) == 64:
            return text
    digests = [sha256_of(path) for path in paths]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        remembered.parent.mkdir(parents=True, exist_ok=True)
        part = remembered.with_suffix(".part")  # one for all processes: they write the same, and none is left by a kill
        part.write_text(digest, encoding="utf-8")
        os.replace(part, remembered)
    return digest


def listing_of(paths: Sequence[Path]) -> str:
    """64 hexadecimal digits that change with the files' places, sizes and times of change."""
    stats = [(str(path.resolve()), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


# rows ----------------------------------------------------------------------------------------------------------------


def open_or_write(
    path: Path,
    shape: tuple[int, int],
    blocks: Callable[[], Iterator[np.ndarray]],
    row: Callable[[int], np.ndarray] | None = None,
    *,
    checked: int = _CHECKED_ROWS,
    tolerance: float = 0.0,
) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`; writes it from `blocks` when it is not there.

    blocks: gives the rows in order, in uint8 arrays. row: makes one row, to check `checked` of the file at every opening;
    without it the whole file is compared with its checksum (for small files). tolerance: the share of a row's bytes that
    may differ, for images rendered in floating point, whose last bit depends on the machine.
    One process writes, others wait. Raises UserError for a damaged file or a full disk.
    """
    if not path.exists():
        _write_locked(path, shape, blocks)
    rows = open_rows(path, shape)
    if row is None:
        verify(path)
        return rows
    for index in np.random.default_rng(0).integers(shape[0], size=checked):
        if np.mean(rows[index] != row(int(index))) > tolerance:
            raise _damaged(path, f"row {index} is not what belongs there")
    return rows


def verify(path: Path) -> None:
    """Compares the whole file with the checksum made when it was written. Raises UserError when they differ."""
    if sha256_of(path, shown=True) != description(path)["sha256"]:
        raise _damaged(path, "its checksum differs")


def description(path: Path) -> dict[str, Any]:
    """The description that was written with `path`: shape, sha256, … Raises UserError when that is damaged."""
    damaged = _damaged(path, "its description is missing or damaged")
    with damage_is_said(lambda _: damaged, OSError, ValueError, KeyError, TypeError, RecursionError):
        found = json.loads(_description(path).read_text(encoding="utf-8"))
        if isinstance(found["sha256"], str):
            return found
    raise damaged


def _write_locked(path: Path, shape: tuple[int, int], blocks: Callable[[], Iterator[np.ndarray]]) -> None:
    def write(file: BinaryIO) -> None:
        _write(file, shape, blocks())
        _describe(Path(file.name), path, shape)

    once(path, f"write {path.name}", CACHE_VARIABLE, math.prod(shape), write)


def _write(file: BinaryIO, shape: tuple[int, int], blocks: Iterator[np.ndarray]) -> None:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("writing (once)", total=shape[0])
        write_header(file, shape)
        for block in blocks:
            file.write(block.tobytes())
            progress.update(task, advance=len(block))
    file.flush()
    os.fsync(file.fileno())  # before its checksum is read


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Begins a .npy file of uint8 `shape`."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def finish(part: Path, path: Path, shape: tuple[int, ...], **more: Any) -> None:
    """Describes the whole file `part` (shape, sha256 and `more`) next to `path`, then gives it that name."""
    _describe(part, path, shape, **more)
    os.replace(part, path)


def _describe(part: Path, path: Path, shape: tuple[int, ...], **more: Any) -> None:
    description = {"shape": shape, "sha256": sha256_of(part, shown=True), **more}
    _description(path).write_text(json.dumps(description) + "\n", encoding="utf-8")


def mapped(path: Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped. Raises OSError where it cannot be read, ValueError where it is damaged."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except (
        Exception
    ) as error:  # numpy fails on bad headers in more ways than are documented: TokenError, OverflowError, …
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from error


def open_rows(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`. Raises UserError when it is damaged."""
    with damage_is_said(lambda _: _damaged(path, "it is truncated or no .npy file"), OSError, ValueError):
        rows = mapped(path)
    if rows.shape != shape or rows.dtype != np.uint8:
        raise _damaged(path, f"it holds {rows.dtype} {rows.shape} instead of uint8 {shape}")
    return rows


def _description(path: Path) -> Path:
    return path.with_suffix(".json")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"the cache file {path} is damaged: {what}; delete it, it will be written again")
