"""Readers of the formats in which data sets are published; a damaged file becomes one sentence, here."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from dlib_bvae.errors import UserError

_NOT_THE_FILES_FAULT = (errno.EACCES, errno.EIO, errno.EMFILE, errno.ENFILE)


def damaged(path: Path, what: str) -> UserError:
    """The error for a file whose content is not what it should be."""
    return UserError(f"{path} is damaged: {what}; delete it and get it again")


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turns every failure of the parsers inside into the UserError that `path` is no readable `kind`."""
    try:
        yield
    except UserError:
        raise
    # Parsers fail on bad bytes in more ways than their documentation lists: struct.error, SyntaxError, RuntimeError, …
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NOT_THE_FILES_FAULT:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        reason = (str(error).splitlines() or [""])[0][:200]
        raise damaged(path, f"it cannot be read as {kind} ({type(error).__name__}: {reason})") from error
