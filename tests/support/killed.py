"""A process that dies between two steps of its work with files, without the process: from one step on, nothing is written.

Python says before every file is opened, renamed or removed what it is about to do; an exception there keeps it from being done.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


_PROCESS = 2**22 + 1  # no process of Linux has this number


class KilledError(BaseException):
    """The process is dead: it is no Exception, as nothing outlives a kill."""


class _Watch:
    """What is watched now: steps below `folder` are counted, and from step `last` on there are no more."""

    folder: str = ""
    last: int | None = None
    count = 0


_watch = _Watch()


def _changes(event: str, args: tuple) -> bool:
    """Whether an event of Python's changes a file below the folder; a path within an open directory is taken to be below it."""
    if event == "open":
        path, _, flags = args
        if not isinstance(path, (str, os.PathLike)) or not flags & _WRITES:
            return False
    elif event in _CHANGES:
        path = args[0]
    else:
        return False
    path = os.fspath(path)
    if isinstance(path, bytes):
        path = path.decode()
    in_a_directory = not os.path.isabs(path) and any(isinstance(each, int) and each >= 0 for each in args[1:])
    is_lock = os.path.basename(path) == ".lock"  # the kernel releases it
    return not is_lock and ((in_a_directory and event != "open") or os.path.abspath(path).startswith(_watch.folder))


def _hook(event: str, args: tuple) -> None:
    if not _watch.folder or (event != "open" and event not in _CHANGES) or not _changes(event, args):
        return
    step()


def step() -> None:
    """Counts as one more step of work with files: for what writes into an open file, of which Python says nothing."""
    if not _watch.folder:
        return
    _watch.count += 1
    if _watch.last is not None and _watch.count > _watch.last:
        raise KilledError


_hooked: list[Callable] = []


@contextlib.contextmanager
def _watching(folder: Path, last: int | None) -> Iterator[None]:
    if not _hooked:  # a hook stays as long as the process
        sys.addaudithook(_hook)
        _hooked.append(_hook)
    _watch.folder, _watch.last, _watch.count = str(folder.resolve()) + os.sep, last, 0
    try:
        yield
    finally:
        _watch.folder = ""


def steps_of(folder: Path, call: Callable[[], object]) -> int:
    """How many steps of work with files below `folder` a call takes."""
    with _watching(folder, None):
        call()
        return _watch.count


def killed_after(steps: int, folder: Path, call: Callable[[], object]) -> bool:
    """Calls until so many steps were taken below `folder`, after which nothing changes; whether it got that far."""
    another = mock.patch.object(os, "getpid", return_value=_PROCESS)  # files that it was writing are named after it
    with _watching(folder, steps), another:
        try:
            call()
        except KilledError:
            return True
    return False
