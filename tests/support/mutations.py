"""Files that are changed at random, by a seed: bytes, JSON and lines of text; and what a reader makes of them, within bounds."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.errors import UserError

SECONDS = 60  # that a reader may take of a small file
MEMORY = 2**31  # bytes of address space that it may take more than before
_DEEP = "@deep@"
_LONG = "@401 digits@"
ODD: tuple[Any, ...] = (
    *(None, "", "x", -1, 0, 1.5, True, [], {}, [[1]], {"a": 1}, 1e308, 2**63, float("nan"), float("inf"), _LONG, _DEEP),
    *("\u202e", "\x1b[31m", "\ud800", "a" * 5000, "@vae()", "%s", "../../x", "/dev/zero", "\0", "0" * 16, ["x", None]),
)
_LINES = (
    *(
        "include 'none.gin'",
        "include '/dev/zero'",
        "import dlib_bvae_absent",
        "x",
        "a.b =",
        "=",
        "((((",
        "[" * 3000,
        "'''",
    ),
    *("dataset.name = 1", "dataset.name = 'no'", "model.random_seed = 1e400", "a = %a", "oracle.x = 3", "\0", "\u202e"),
    *("x/dataset.name = @oracle()", f"model.random_seed = {'9' * 401}", "dataset.name = %b", "\\", "a.b = {1: [2, (3,"),
)


class TookTooLongError(BaseException):
    """A reader that does not come back: no Exception, so that it does not take it for its own."""


@contextlib.contextmanager
def bounded(seconds: float = SECONDS, memory: int = MEMORY) -> Iterator[None]:
    """Ends the block by TookTooLongError after so many seconds; more memory is refused, which Python says by MemoryError."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)

    def stop(*_: Any) -> None:
        raise TookTooLongError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, before)


def outcome(read: Callable[[], Any], same: Callable[[Any], bool] = lambda got: True) -> str:
    """What a reader makes of a file: "equal", "other" where `same` is false of it, "refused" by one sentence; else a fault."""
    try:
        with bounded():
            got = read()
    except UserError as error:
        text = str(error)
        return "refused" if text and "\n" not in text and len(text) < 2_000 else f"not one sentence: {text[:2000]!r}"
    except (Exception, TookTooLongError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    return "equal" if same(got) else "other"


def changed_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """1–8 bytes changed, a truncation, 1–16 bytes inserted, a block of zeros, one copied, or extremes in the header.

    Half of them lie where headers are: within 512 bytes of either end.
    """
    if not content:
        return rng.bytes(4)
    edges = rng.random() < 0.5

    def place() -> int:
        where = int(rng.integers(min(512, len(content)) if edges else len(content)))
        return where if rng.random() < 0.5 else len(content) - 1 - where

    kind, changed = rng.integers(6), bytearray(content)
    where = place()
    if kind == 0:
        for _ in range(rng.integers(1, 9)):
            changed[place()] ^= int(rng.integers(1, 256))
    elif kind == 1:
        del changed[where:]
    elif kind == 2:
        changed[where:where] = rng.bytes(int(rng.integers(1, 17)))
    elif kind == 3:
        size = len(changed[where : where + int(rng.integers(1, 257))])
        changed[where : where + size] = bytes(size)
    elif kind == 4:
        other, size = place(), int(rng.integers(1, 65))
        changed[where : where + size] = changed[other : other + size]
    else:
        width = int(rng.choice([1, 2, 4, 8]))
        where = int(rng.integers(min(128, len(content))))
        changed[where : where + width] = bytes([int(rng.choice([0, 1, 127, 128, 255]))]) * width
    return bytes(changed)


def changed_json(text: str, rng: np.random.Generator) -> bytes:
    """One to three entries of a JSON text removed, renamed, doubled or put in place of another, of this text or ODD; or bytes."""
    if rng.random() < 0.25:
        return changed_bytes(text.encode(), rng)
    value = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = list(_places(value))
        if not places:
            return json.dumps(_odd(rng)).encode()
        holder, key = places[rng.integers(len(places))]
        kind = rng.random()
        if kind < 0.15:
            del holder[key]
        elif kind < 0.25 and isinstance(holder, dict):
            holder[str(_odd(rng))[:300]] = holder.pop(key)
        elif kind < 0.4:
            other, its = places[rng.integers(len(places))]
            holder[key] = json.loads(json.dumps(other[its]))
        elif kind < 0.5:
            holder[key] = [holder[key]]
        else:
            holder[key] = _odd(rng)
    dumped = json.dumps(value, indent=int(rng.choice([0, 2])))
    return dumped.replace(f'"{_DEEP}"', "[" * 3000 + "]" * 3000).replace(f'"{_LONG}"', "9" * 401).encode()


def changed_lines(text: str, rng: np.random.Generator) -> bytes:
    """A line of a gin text removed, doubled, put elsewhere, cut, given another's value, or an odd one more; or bytes."""
    if rng.random() < 0.25:
        return changed_bytes(text.encode(), rng)
    lines = text.splitlines()
    filled = [place for place, line in enumerate(lines) if line.strip()]
    for _ in range(rng.choice([1, 1, 2, 3])):
        where, other = rng.choice(filled), rng.choice(filled)
        kind = rng.integers(6)
        if kind == 0:
            lines[where] = ""
        elif kind == 1:
            lines.insert(where, lines[other])
        elif kind == 2:
            lines[where] = lines[where][: rng.integers(len(lines[where]) + 1)]
        elif kind == 3:
            lines[where] = lines[where].partition("=")[0] + "=" + lines[other].partition("=")[2]
        elif kind == 4:
            lines[where] = lines[where].partition("=")[0] + f"= {_odd(rng)!r}"
        else:
            lines.insert(where, _LINES[rng.integers(len(_LINES))])
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _odd(rng: np.random.Generator) -> Any:
    return ODD[rng.integers(len(ODD))]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(Object or list, key or index) of every entry, at any depth."""
    if isinstance(value, (dict, list)):
        for key, entry in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(entry)
