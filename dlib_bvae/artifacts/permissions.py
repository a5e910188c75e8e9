"""What may be read, and what may be replaced: a file that may not be read is never taken for one that is damaged or not there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from dlib_bvae.errors import UserError


def unreadable(error: OSError) -> UserError:
    """What to raise for a file that may not be read."""
    return UserError(f"{error.filename} cannot be read ({error.strerror}); see who may read it")


@contextlib.contextmanager
def permission_is_said() -> Iterator[None]:
    """In the block a file that may not be read becomes a UserError that says so: it may be whole."""
    try:
        yield
    except PermissionError as error:
        raise unreadable(error) from error


@contextlib.contextmanager
def damage_is_said(damaged: Callable[[Exception], UserError], *errors: type[Exception]) -> Iterator[None]:
    """In the block any of `errors` becomes damaged(error), but one that says that a file may not be read, and a UserError."""
    try:
        with permission_is_said():
            yield
    except UserError:
        raise  # a ValueError too
    except errors as error:
        raise damaged(error) from error


def check_readable(path: Path) -> None:
    """Raises UserError, which names it, where `path`, or a folder or file below it, may not be read; what is not there may.

    For what is read by libraries whose errors do not tell permissions from damage.
    """
    with permission_is_said(), contextlib.suppress(FileNotFoundError):
        if path.is_dir():
            for each in sorted(path.iterdir()):
                check_readable(each)
        elif path.is_file():
            path.open("rb").close()
        else:
            path.stat()


def check_removable(directory: Path) -> None:
    """Raises UserError, which names it, for a folder at or below `directory` that keeps the whole from being removed."""
    for path, _, _ in os.walk(directory, onerror=_raise):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            _raise(PermissionError(errno.EACCES, os.strerror(errno.EACCES), path))


def _raise(error: OSError) -> None:
    if not isinstance(error, PermissionError):
        return  # nothing is there
    raise UserError(
        f"{error.filename} cannot be replaced ({error.strerror}); see who may read, write and enter it"
    ) from error
