"""The files of official data sets: where they lie, whether one is the official one, and their download.

Mirrors are tried in turn; a download is continued where the server allows it, and checked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from dlib_bvae.datasets.cache import cache_dir, digest_of, locked
from dlib_bvae.errors import UserError

DATA_VARIABLE = "DLIB_BVAE_DATA_DIR"
_CHUNK = 1 << 16


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
    got = digest_of(path, digest, shown=True)
    return None if got == expected else f"its {kind} checksum is {got} instead of {expected}"


def download(source: Source, folder: Path) -> list[Path]:
    """Gets the files of `source` that are not in `folder` and returns the paths of all.

    Raises UserError, one sentence, when a file cannot be had from here, or one that is here is not the official one.
    """
    return [_one(file, folder, source.page) for file in source.files]


def _one(file: OfficialFile, folder: Path, page: str) -> Path:
    path = folder / file.name
    with locked(path, f"download {file.name}", DATA_VARIABLE, file.size):
        if path.exists():
            check(path, file)
            path.with_name(f"{file.name}.part").unlink(missing_ok=True)  # it came by other means
            return path
        if not file.urls:
            raise UserError(
                f"{file.name} can only be had by a browser; get it from {page} and put it in {folder} "
                f"(or set {DATA_VARIABLE} to the folder that has it)"
            )
        part = path.with_name(f"{file.name}.part")
        if reasons := _from_mirrors(file, part):
            raise UserError(
                f"cannot download {file.name} ({'; '.join(reasons)}); get it from {file.urls[0]} or {page} by other "
                f"means and put it in {folder}"
            )
        os.replace(part, path)
    return path


def _from_mirrors(file: OfficialFile, part: Path) -> list[str]:
    """Fills `part` with the official content and returns nothing, or returns why no mirror gave it."""
    from requests import RequestException

    if file.checksum is None:  # without one, two halves may belong to different files
        part.unlink(missing_ok=True)
    begun = part.exists()
    if begun and mismatch(part, file) is None:
        return []
    reasons = []
    # What an earlier start left may be no half of this file; then the first mirror has a second chance.
    for url in _attempts(file.urls, begun):
        try:
            _fetch(url, part)
        except RequestException as error:
            reasons.append(f"{url}: {_reason(error)}")
            # 416: there is nothing after what is here, so that is no half of the file.
            if getattr(error.response, "status_code", None) == 416 or part.stat().st_size == 0:
                part.unlink()
            continue
        problem = mismatch(part, file)
        if problem is None:
            return []
        reasons.append(f"{url}: {problem}")
        part.unlink()
    return reasons


def _attempts(urls: Sequence[str], begun: bool) -> list[str]:
    return [*urls[:1], *urls] if begun else list(urls)


def _fetch(url: str, part: Path) -> None:
    """Downloads `url` into `part`, from where it ends. Raises requests.RequestException."""
    import pooch

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with (
        part.open("r+b" if part.exists() else "w+b") as file,
        Progress(*columns, console=Console(stderr=True), transient=True) as shown,
    ):
        start = file.seek(0, os.SEEK_END)
        # identity: a server's own compression would change what a byte range means
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(shown, part.stem, file),
            chunk_size=_CHUNK,
            headers=headers,
            hooks={"response": lambda response, *_, **__: _begin(response, file)},
        )
        downloader(url, file, None)


def _begin(response: Any, file: BinaryIO) -> None:
    """A server that sends the whole file, although only its end was asked for, starts it anew."""
    if response.ok and not response.is_redirect:
        start = file.tell()
        sent = response.headers.get("Content-Range", "")
        if not (response.status_code == 206 and sent.startswith(f"bytes {start}-")):
            file.seek(0)
            file.truncate()
            if response.status_code != 200:
                from requests import RequestException

                raise RequestException(f"it answered {response.status_code} {sent}", response=response)


class _Bar:
    """What pooch asks of a progress bar, shown by rich; the file knows how far it is."""

    def __init__(self, progress: Progress, name: str, file: BinaryIO):
        self._progress, self._file, self._total = progress, file, 0
        self._task = progress.add_task(name, total=None)

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, remaining: int) -> None:
        self._total = self._file.tell() + remaining
        self._progress.update(self._task, total=self._total or None)

    def update(self, _: int) -> None:
        self._progress.update(self._task, completed=self._file.tell())

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def _reason(error: Exception) -> str:
    """The innermost reason, in one short line."""
    response = getattr(error, "response", None)
    if response is not None and not response.ok:
        return f"HTTP {response.status_code} {response.reason}"
    while isinstance(error.__context__, Exception):
        error = error.__context__
    return " ".join(str(error).split())[:200] or type(error).__name__
