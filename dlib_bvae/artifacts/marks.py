"""A keyed mark next to the gin text of a training: it shows that a command of this user wrote that very text.

The mark is an HMAC-SHA256 of the text, wherever it lies, so a run may be copied or moved. The key, 32 random bytes, lies in the
user's state folder and is made on first use. Only a text that imports modules gets a mark: no other needs one.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import os
import secrets
import tempfile
from pathlib import Path

from dlib_bvae.errors import warn_once
from dlib_bvae.gin_text import IMPORT, recorded

KEY_VARIABLE = "DLIB_BVAE_KEY"  # the key in hexadecimal digits, as a study hands it to its workers
_KEY = 32  # bytes
_LONGEST = 1024  # bytes that are read of a mark
_PURPOSE = b"dlib_bvae gin text 1\0"
_READ_BACK = ("train",)  # the stages whose gin text later commands read


class NoKey(Exception):
    """There is no key to be had; the message says why."""


def key_path() -> Path:
    """Where the key lies: $XDG_STATE_HOME/dlib_bvae/key, or in ~/.local/state; on Windows in %LOCALAPPDATA%.

    Raises NoKey for a user without a home.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # as the standard says of it
        state = os.environ.get("LOCALAPPDATA", "") if os.name == "nt" else ""
    try:
        return Path(state or Path.home() / ".local" / "state") / "dlib_bvae" / "key"
    except RuntimeError as error:
        raise NoKey("this user has no home folder") from error


def user_key(make: bool = False) -> bytes:
    """The key of this user, 32 bytes: of $DLIB_BVAE_KEY, else of key_path(). make: make it where there is none.

    Raises NoKey.
    """
    if given := os.environ.get(KEY_VARIABLE):
        with contextlib.suppress(ValueError):
            if len(found := bytes.fromhex(given)) == _KEY:
                return found
        raise NoKey(f"{KEY_VARIABLE} has not {2 * _KEY} hexadecimal digits")
    path = key_path()
    try:
        if make and not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise NoKey(f"the key {path} cannot be {'made' if make else 'read'} ({error.strerror or error})") from error


def marks(directory: Path, stage: str, gin_text: str, former: str | None = None) -> dict[Path, str]:
    """The files that mark `gin_text`, which `stage` writes in `directory`: path → content; none for a text without imports.

    former: the marked text that it replaces, which the files mark too: write them first, so that a kill leaves a marked text.
    Where no key can be had there is no mark either, which one line on standard error says.
    """
    if stage not in _READ_BACK or not any(each.kind == IMPORT for each in recorded(gin_text, "the gin text")):
        return {}
    try:
        key, texts = user_key(make=True), [gin_text] if former is None else [former, gin_text]
        return {_path(directory, stage): "".join(f"{_digest(each, key)}\n" for each in texts)}
    except NoKey as error:
        say_unmarked(error)
        return {}


def say_unmarked(why: NoKey) -> None:
    """Says on standard error what follows for trainings that import modules where there is no key."""
    warn_once(f"trainings that import modules get no mark, so that later commands will ask for --trust: {why}")


def why_not_marked(directory: Path, stage: str, gin_text: str) -> str:
    """Why the mark in `directory` does not show that this user wrote `gin_text`; "" where it does."""
    path = _path(directory, stage)
    if not path.is_file():
        return "it has no mark of yours (it is from elsewhere, or of an earlier version)"
    try:
        key = user_key()
        with path.open("rb") as file:
            found = file.read(_LONGEST).split()
    except NoKey as error:
        return f"its mark cannot be checked, as {error}"
    except OSError as error:
        return f"its mark {path} cannot be read ({error.strerror})"
    wanted = _digest(gin_text, key).encode()
    if any(hmac.compare_digest(each, wanted) for each in found):
        return ""
    return "its mark is not of your key, or of another text (it is from elsewhere, or was changed)"


def _path(directory: Path, stage: str) -> Path:
    return directory / "results" / "gin" / f"{stage}.mark"


def _digest(gin_text: str, key: bytes) -> str:
    text = io.StringIO(gin_text, None).getvalue()  # any line end counts as "\n", as where it is read
    return hmac.new(key, _PURPOSE + text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _make(path: Path) -> None:
    """Writes a new key to `path`, which appears whole; one that another process makes in the meantime stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".key.")  # for its user only
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # unlike a rename, it never replaces
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        found, mode = file.read(_KEY + 1), os.fstat(file.fileno()).st_mode
    if os.name == "posix" and mode & 0o077:
        raise NoKey(f"others may use the key {path}; delete it, or take their permissions away")
    if len(found) != _KEY:
        raise NoKey(f"{path} holds no key of {_KEY} bytes; delete it")
    return found
