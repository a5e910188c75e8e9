"""Names of directories: which texts may be one, and one that fits where a text is too long."""

from __future__ import annotations

import hashlib
import os

from dlib_bvae.errors import UserError

LONGEST = 255  # bytes of a name; file systems take no more
_DIGITS = 10


def check_name(what: str, name: object) -> None:
    """Raises UserError unless `name`, which the user gave as `what`, can be the name of a directory and nothing else."""
    usable = isinstance(name, str) and name.isprintable() and name not in ("", ".", "..") and not set(name) & set("/\\")
    if not usable or len(str(name).encode()) > LONGEST:
        raise UserError(
            f"{what} must be a name for a folder: at most {LONGEST} bytes, all printable, without / and \\; got {_short(name)}"
        )


def shortened(name: str, longest: int = LONGEST) -> str:
    """`name` where it has at most `longest` bytes; else as much of its beginning as fits before a digest of the whole."""
    encoded = os.fsencode(name)
    if len(encoded) <= longest:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGITS]
    return f"{encoded[: longest - _DIGITS - 1].decode(errors='ignore')}-{digest}"


def _short(name: object) -> str:
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(str(name).encode(errors='replace'))} bytes)"
