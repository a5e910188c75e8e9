"""The errors that a user can mend: commands print them as one sentence and exit with status 2."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from numbers import Integral
from typing import Any


class UserError(ValueError):
    """Something the user gave is wrong; the message says what, what was expected and what to do."""


class UnknownName(UserError):
    """A name that no registry or configuration has."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Builds the error for `name`, which no `kind` has: it names the near ones, or all where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
    return UnknownName(f"no {kind} is called {name!r}; {hint}")


def check_whole(name: str, value: Any, least: int) -> None:
    """Raises UserError unless the parameter `name` is a whole number >= `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} must be a whole number >= {least}; got {value!r}")


def is_disk_full(error: BaseException) -> bool:
    """Whether `error`, of Python or of TensorFlow, says that a disk or quota is full."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)
