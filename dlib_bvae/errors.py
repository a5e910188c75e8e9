"""Errors of the user, who can correct them: commands print them as one sentence and exit with status 2."""

from __future__ import annotations

import difflib
import errno
import math
import sys
import unicodedata
from collections.abc import Iterable
from numbers import Integral, Real


class UserError(ValueError):
    """Something the user gave is wrong; the message says what, what was expected and what to do."""


class NotApplicable(UserError):
    """What was asked for cannot be had of this data or these codes, whatever its parameters."""


class Damaged(UserError):
    """A file was read and is not as this package writes it."""


class UnknownName(UserError):
    """A name that no registry or configuration has."""


# kind of name → what `dlib_bvae list` calls all of them
LISTS = {
    "architecture": "architectures",
    "data set": "datasets",
    "fitted model": "methods",
    "gin name": "parameters",
    "metric": "metrics",
    "metric of a set of runs": "metrics",
    "model of the zoo": "zoo",
    "objective": "methods",
    "optimizer": "optimizers",
}
_LONGEST_NAME = 200  # characters that a sentence shows of an unknown one
_FEW = 12  # names that a sentence shows where none is near


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Builds the error for `name`, which no `kind` has: it names the near ones, or all, or says what lists them."""
    names = sorted(known)
    lower = {each.lower(): each for each in names}
    near = [lower[each] for each in difflib.get_close_matches(str(name).lower(), lower, n=3, cutoff=0.5)]
    listed = f"all: dlib_bvae list {LISTS[kind]}" if LISTS.get(kind) and len(names) > _FEW else ""
    shown = f"did you mean {' or '.join(near)}?" if near else "" if listed else f"known: {', '.join(names) or 'none'}"
    hint = f"{shown} ({listed})" if shown and listed else shown or listed
    long = isinstance(name, str) and len(name) > _LONGEST_NAME
    called = f"{name[:_LONGEST_NAME]}…" if long else name
    return UnknownName(f"no {kind} is called {called!r}; {hint}")


def check_integer(name: str, value: object, least: int, most: int | None = None) -> None:
    """Raises UserError unless the parameter `name` is an integer >= `least`, and <= `most` where that is given."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} must be an integer >= {least}; got {value!r}")
    if most is not None and int(value) > most:
        raise UserError(f"{name} must be an integer <= {most}; got {value!r}")


def check_memory(what: str, num_bytes: int, most: int, advice: str) -> None:
    """Raises UserError, which ends with `advice`, where `what` would take more than `most` bytes of memory."""
    if num_bytes > most:
        raise UserError(
            f"{what} would take {math.ceil(num_bytes / 2**30):,} GiB of memory, more than {most / 2**30:g}; {advice}"
        )


def check_number(name: str, value: object, least: float = float("-inf"), most: float = float("inf")) -> float:
    """Returns the parameter `name` as a float; raises UserError unless it is a finite number in `least` … `most`."""
    number = _finite(value)
    if number is None or not least <= number <= most:
        bounds = [f">= {least:g}"] if math.isfinite(least) else []
        bounds += [f"<= {most:g}"] if math.isfinite(most) else []
        raise UserError(f"{name} must be a finite number {' and '.join(bounds)}".rstrip() + f"; got {value!r}")
    return number


def check_positive(name: str, value: object) -> float:
    """Returns `value` as a float; raises UserError unless it is a finite number > 0."""
    number = _finite(value)
    if number is None or number <= 0:
        raise UserError(f"{name} must be a finite number > 0; got {value!r}")
    return number


def _finite(value: object) -> float | None:
    """A finite number of Python's or numpy's as a float; None for anything else."""
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)


def warn_once(text: str) -> None:
    """Says `text` on standard error, where this process has not said it before."""
    if text not in _warned:
        _warned.add(text)
        print(text, file=sys.stderr)


_warned: set[str] = set()
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (also right-to-left marks), surrogate, line and paragraph


def visible(text: str) -> str:
    """`text` with an escape such as \\x1b for each character that moves the cursor, turns the direction or cannot be seen."""
    if text.isascii() and text.isprintable():
        return text
    escape = lambda character: character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return "".join(escape(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def is_disk_full(error: BaseException) -> bool:
    """Whether `error`, of Python or of TensorFlow, says that a disk or quota is full."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun: 1 run, 1,200 runs. plural: where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
