"""One process at a time in a run directory."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dlib_bvae.artifacts import file_lock
from dlib_bvae.artifacts.record import writing
from dlib_bvae.errors import UserError

_HOLDER = 2**20  # bytes that are read of a lock file
_LOCKS = Path("/proc/locks")

_held: dict[Path, int] = {}  # run directory → descriptor of its lock file, for the locks of this process
_reading: list[int] = []  # descriptors of the lock files that read_lock holds


class InUse(UserError):
    """Another process works in the run directory."""


@contextlib.contextmanager
def run_lock(directory: Path, flag: str = "--model_dir", wait: float = 0.0) -> Iterator[None]:
    """Keeps other processes out of `directory` (made when it is not there) until the block ends or this process dies.

    A block inside a block on the same directory changes nothing; inside read_lock on it, it is refused. The file .lock
    stays, empty after an orderly end; only the lock on it counts.
    flag: what chooses the directory, for messages. wait: seconds to wait for another process to leave.

    Raises InUse when another process holds the lock, UserError when `directory` cannot be written.
    """
    key = directory.resolve()
    if key in _held:
        yield
        return
    descriptor = _acquire(directory, flag, wait)
    _held[key] = descriptor
    try:
        yield
    finally:
        if _held.pop(key, None) is not None:  # None in a child that was forked inside the block
            os.ftruncate(descriptor, 0)
            file_lock.close(descriptor)


@contextlib.contextmanager
def read_lock(directory: Path, flag: str = "--model_dir", wait: float = 0.0) -> Iterator[None]:
    """Keeps processes that write out of `directory` until the block ends; any number may read. Writes nothing.

    Where there is no lock file, or none that this user may read or this file system can lock, the block runs without a
    lock: a directory that is read-only for its reader. A block inside run_lock on the same directory changes nothing.
    flag, wait: as of run_lock.

    Raises InUse when another process holds run_lock on it.
    """
    if directory.resolve() in _held:
        yield
        return
    descriptor = _acquire_for_reading(directory, flag, wait)
    if descriptor is None:
        yield
        return
    _reading.append(descriptor)
    try:
        yield
    finally:
        if descriptor in _reading:  # not so in a child that was forked inside the block
            _reading.remove(descriptor)
            file_lock.close(descriptor)


def locks_here() -> frozenset[tuple[int, int]] | None:
    """(process, inode) of every file lock held on this machine; None where the system does not tell."""
    try:
        lines = [line.split() for line in _LOCKS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    # "1: FLOCK ADVISORY WRITE 18772 fe:00:5450097 0 EOF"; one that waits has "->" in second place
    return frozenset((int(line[4]), int(line[5].rsplit(":", 1)[1])) for line in lines if line[1] == "FLOCK")


def in_use(directory: Path, locks: frozenset[tuple[int, int]] | None) -> bool | None:
    """Whether a process works in `directory`; None when one may, on another machine or of another user. Takes no lock.

    locks: what locks_here() said.
    """
    try:
        with open(directory / ".lock", "rb") as file:
            inode, text = os.fstat(file.fileno()).st_ino, file.read(_HOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:  # another user's
        return None
    if not text:
        return False
    try:
        holder = json.loads(text)
        pid, host = int(holder["pid"]), holder.get("host", socket.gethostname())
    except (ValueError, KeyError, TypeError, AttributeError):  # it is being written
        return None
    if locks is None or host != socket.gethostname():
        return None
    return (pid, inode) in locks


def _acquire(directory: Path, flag: str, wait: float) -> int:
    path = directory / ".lock"
    with writing(path if os.path.lexists(path) else directory, f"choose another {flag}"):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with _closed_if_refused(descriptor, directory, flag):
        file_lock.lock(descriptor, wait)
        # Path.name: the directory of the command is noise in the message
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "started": now}
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
    return descriptor


def _acquire_for_reading(directory: Path, flag: str, wait: float) -> int | None:
    """The descriptor of the lock file with a shared lock on it; None where it cannot be had."""
    try:
        descriptor = os.open(directory / ".lock", os.O_RDONLY)
    except OSError:
        return None
    with _closed_if_refused(descriptor, directory, flag):
        try:
            file_lock.lock(descriptor, wait, shared=True)
        except BlockingIOError:
            raise
        except OSError:  # a file system that has no locks, or none for a file that is open for reading
            os.close(descriptor)
            return None
    return descriptor


@contextlib.contextmanager
def _closed_if_refused(descriptor: int, directory: Path, flag: str) -> Iterator[None]:
    """Closes the lock file when the block raises; a lock of another process becomes InUse."""
    try:
        yield
    except BlockingIOError:
        holder_text = _describe_holder(descriptor)
        os.close(descriptor)
        raise InUse(f"{directory} is in use by {holder_text}; wait for it or choose another {flag}") from None
    except BaseException:
        os.close(descriptor)
        raise


def _describe_holder(descriptor: int) -> str:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        holder = json.loads(os.read(descriptor, _HOLDER))
        return f"process {holder['pid']} (started {holder['started']}, command {holder['command']})"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not written its name yet
        return "another process"


def _forget_in_child() -> None:
    """A forked child must not keep its parent's lock alive; closing its copy does not release the parent's."""
    for descriptor in (*_held.values(), *_reading):
        os.close(descriptor)
    _held.clear()
    _reading.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget_in_child)
