"""Locks on open files: flock where the system has fcntl, one byte behind the file's end by msvcrt on Windows."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from types import ModuleType

from dlib_bvae.errors import UserError


def _module(name: str) -> ModuleType | None:
    try:
        return __import__(name)
    except ImportError:
        return None


_fcntl = _module("fcntl")
_msvcrt = _module("msvcrt") if _fcntl is None else None
_BYTE = 2**30  # msvcrt locks this byte: others cannot read what is locked, and the file's text is to be read
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # what msvcrt says where another process has the lock
_PERIOD = 0.1  # seconds between tries


def lock(descriptor: int, wait: float = 0.0, shared: bool = False) -> None:
    """Locks the open file for this process until it is closed, however the process ends.

    wait: seconds to try for; float("inf") without end. shared: others may lock it shared too, and the file may be open for
    reading only; msvcrt has no such lock, so on Windows it is taken and given back at once: this process is refused as long
    as another has the lock, and keeps none out.

    Raises BlockingIOError when another process still has it, UserError on a system that has neither fcntl nor msvcrt.
    """
    until = time.monotonic() + wait
    while True:
        try:
            _try(descriptor, shared)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(_PERIOD)


def _try(descriptor: int, shared: bool) -> None:
    if _fcntl is not None:
        _fcntl.flock(descriptor, (_fcntl.LOCK_SH if shared else _fcntl.LOCK_EX) | _fcntl.LOCK_NB)
    elif _msvcrt is not None:
        try:
            _at_byte(descriptor, _msvcrt.LK_NBLCK)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            raise BlockingIOError(error.errno, error.strerror) from None
        if shared:
            _at_byte(descriptor, _msvcrt.LK_UNLCK)
    else:
        raise UserError(
            "this system can lock no files (Python has neither fcntl nor msvcrt here), so two processes could write one "
            "result; run the command on Linux, macOS or Windows"
        )


def _at_byte(descriptor: int, mode: int) -> None:
    """msvcrt.locking works from where the file stands."""
    assert _msvcrt is not None
    os.lseek(descriptor, _BYTE, os.SEEK_SET)
    try:
        _msvcrt.locking(descriptor, mode, 1)
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def close(descriptor: int) -> None:
    """Gives the lock back and closes the file; in a child that was forked it only closes, which leaves the parent's lock."""
    if _msvcrt is not None:
        with contextlib.suppress(OSError):  # it had no lock
            _at_byte(descriptor, _msvcrt.LK_UNLCK)
    os.close(descriptor)
