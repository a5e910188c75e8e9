"""Where data sets keep their files, and whether a file is the official one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlib_bvae.errors import UserError

CACHE_VARIABLE = "DLIB_BVAE_CACHE_DIR"
DATA_VARIABLE = "DLIB_BVAE_DATA_DIR"
_BLOCK = 1 << 22
_LONG = 1 << 28


def cache_dir() -> Path:
    """The folder for drawn and converted data sets: $DLIB_BVAE_CACHE_DIR, or ~/.cache/dlib_bvae."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "dlib_bvae").expanduser()


def data_dir() -> Path:
    """The folder for official files as they were downloaded: $DLIB_BVAE_DATA_DIR, or `data` in cache_dir()."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given).expanduser() if given else cache_dir() / "data"


@dataclass(frozen=True)
class OfficialFile:
    """One file of an official data set.

    checksum: "md5:…", or "git-blob:…" (git's id of the content), or None where nobody has published one. size: bytes,
    where known. urls: the official place and its mirrors, tried in turn; none where a browser is needed.
    """

    name: str
    checksum: str | None = None
    size: int | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a data set comes from: its page for people, its licence, its files.

    folder: the extracted layout, a folder of this name, which is read where the files are not here; None: it is not.
    """

    page: str
    licence: str
    files: tuple[OfficialFile, ...]
    folder: str | None = None

    @property
    def has_checksums(self) -> bool:
        """Whether every file has a published checksum."""
        return all(file.checksum for file in self.files)

    def here(self, folder: Path) -> bool:
        """Whether all files lie in `folder`."""
        return all((folder / file.name).is_file() for file in self.files)


def sha256_of(path: Path, shown: bool = False) -> str:
    """The checksum of a file, in hexadecimal digits; shown: with a progress bar where it takes long."""
    return _digest(path, hashlib.sha256(), shown)


def check(path: Path, file: OfficialFile) -> None:
    """Raises UserError unless the file at `path` has the size and the checksum of `file`, as far as they are known."""
    if problem := mismatch(path, file):
        raise UserError(f"{path} is not the official file: {problem}; delete it and get it again")


def mismatch(path: Path, file: OfficialFile) -> str | None:
    """How the file at `path` differs from `file` in size or checksum, or None."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}"
    if file.checksum is None:
        return None
    kind, expected = file.checksum.split(":")
    digest = hashlib.md5() if kind == "md5" else hashlib.sha1(b"blob %d\0" % size)
    got = _digest(path, digest, shown=True)
    return None if got == expected else f"its {kind} checksum is {got} instead of {expected}"


@contextlib.contextmanager
def locked(path: Path, purpose: str, variable: str, num_bytes: int | None = None) -> Iterator[None]:
    """Holds <path>.lock, beside `path`, whose folder is made; other processes wait.

    A full or write-protected disk becomes a UserError that says what it was for (`purpose`, "draw x.npy"), the room it
    takes (`num_bytes`), and which environment variable names another folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EEXIST, errno.ENOTDIR):
            raise
        needs = f"it needs {num_bytes / 2**20:,.0f} MiB; " if num_bytes is not None else ""
        raise UserError(
            f"cannot {purpose} into {path.parent}: {os.strerror(error.errno)}; {needs}"
            f"free some space or set {variable} to another folder"
        ) from error


def _digest(path: Path, digest: hashlib._Hash, shown: bool) -> str:
    from rich.console import Console
    from rich.progress import Progress

    size = path.stat().st_size
    with (
        path.open("rb") as file,
        Progress(console=Console(stderr=True), transient=True, disable=not shown or size < _LONG) as progress,
    ):
        task = progress.add_task(f"checksum of {path.name}", total=size)
        while block := file.read(_BLOCK):
            digest.update(block)
            progress.update(task, advance=len(block))
    return digest.hexdigest()
