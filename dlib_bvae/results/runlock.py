"""One process at a time in a run directory."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dlib_bvae.errors import UserError

_held: dict[Path, int] = {}  # run directory → descriptor of its lock file, for the locks of this process


@contextlib.contextmanager
def run_lock(directory: Path, flag: str = "--model_dir") -> Iterator[None]:
    """Keeps other processes out of `directory` (made when it is not there) until the block ends or this process dies.

    A block inside a block on the same directory changes nothing. The file .lock stays; only the lock on it counts.
    flag: what chooses the directory, for messages.

    Raises UserError when another process holds the lock, or when `directory` cannot be written.
    """
    key = directory.resolve()
    if key in _held:
        yield
        return
    descriptor = _acquire(directory, flag)
    _held[key] = descriptor
    try:
        yield
    finally:
        if _held.pop(key, None) is not None:  # None in a child that was forked inside the block
            os.close(descriptor)


def _acquire(directory: Path, flag: str) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UserError(f"cannot write in {directory} ({error.strerror}); choose another {flag}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Path.name: the directory of the command is noise in the message
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        holder = {"pid": os.getpid(), "command": command, "started": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
    except BlockingIOError:
        holder_text = _describe_holder(descriptor)
        os.close(descriptor)
        raise UserError(f"{directory} is in use by {holder_text}; wait for it or choose another {flag}") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _describe_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 2**20, 0))
        return f"process {holder['pid']} (started {holder['started']}, command {holder['command']})"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not written its name yet
        return "another process"


def _forget_in_child() -> None:
    """A forked child must not keep its parent's lock alive; closing its copy does not release the parent's."""
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
