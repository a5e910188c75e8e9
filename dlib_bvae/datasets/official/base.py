"""OfficialData: official files → images by index, through rows in a memory-mapped .npy file.

The rows are written once, block by block; a conversion that was killed is continued.
"""

from __future__ import annotations

import abc
import functools
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from dlib_bvae.datasets import cache
from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, locked
from dlib_bvae.datasets.images import EXTERNAL, OFFICIAL, ImageData
from dlib_bvae.datasets.official.files import DATA_VARIABLE, Source, check, data_dir
from dlib_bvae.errors import UserError

_BYTES_BETWEEN_NOTES = 2**27


class OfficialData(ImageData):
    """Images read from official files; nothing is opened before the first image is asked for.

    data_dir: where the files lie (default: dlib_bvae.datasets.official.files.data_dir()). cache_dir: where their rows are kept,
    memory-mapped (default: dlib_bvae.datasets.cache.cache_dir()).

    With published checksums for all files they are compared before anything is read, and the fingerprint is made of
    them. Files without a published checksum, and folders in the extracted layout, are "unverified": shape, type and
    size are checked, and the fingerprint is made of the pixels, so that other pixels have another one. Rows that are in
    the cache are used without looking at the files again.
    """

    source: Source
    reader_version = 1

    def __init__(self, data_dir: str | Path | None = None, cache_dir: str | Path | None = None):
        self._data_dir, self._cache_dir = data_dir, cache_dir

    @abc.abstractmethod
    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """The rows from `first`, in order, in blocks uint8 (n, *row_shape).

        place: the folder that holds the official files, or the extracted layout (source.folder). Raises UserError.
        """

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of an image in the cache."""
        return self.observation_shape

    @property
    def folder(self) -> Path:
        """Where the official files are looked for."""
        return Path(self._data_dir or data_dir()).expanduser()

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels).

        Raises ValueError for indices that the set does not have, UserError where its files are missing or damaged.
        """
        return self.rows[self.check_indices(indices)]

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """All images as they lie in the cache, uint8 (images, *row_shape), memory-mapped."""
        path, shape = self.cache_path, (self.num_images, *self.row_shape)
        if path.exists():
            return np.asarray(cache.open_rows(path, shape))
        place = self.found()
        if place is None:
            raise self.missing()
        origin = {"verified": path == self._path(True), "files": [_identity(path) for path in self._files(place)]}
        return np.asarray(
            open_or_convert(
                path, shape, lambda first: self.read(place, first), origin, prepare=lambda: self._check_files(place)
            )
        )

    @property
    def cache_path(self) -> Path:
        """Where the rows lie, or will lie: the official files come before what is unverified, the cache before both."""
        official, unverified = self._path(True), self._path(False)
        if not self.source.has_checksums:
            return unverified
        if official.exists() or self.source.here(self.folder):
            return official
        return unverified if unverified.exists() or self.found() else official

    @property
    def verified(self) -> bool:
        """Whether the rows come, or will come, from files whose published checksums are compared."""
        return self.cache_path == self._path(True)

    @property
    def origin(self) -> str:
        """ "official" where the files are verified, wherever they lie; else "external": nothing says whose they are."""
        return OFFICIAL if self.verified else EXTERNAL

    @property
    def fingerprint(self) -> str:
        """Of the published checksums and the reader's version; for unverified files, of their pixels.

        The latter needs the rows. Raises UserError where they are missing or damaged.
        """
        if self.verified:
            return _hash(self._key(True))
        self.rows  # noqa: B018 - the description is written with the rows
        return _hash(f"{self._key(False)} {cache.description(self._path(False))['sha256']}")

    def found(self) -> Path | None:
        """The folder of the official files where all are here, else the extracted layout, else None."""
        if self.source.here(self.folder):
            return self.folder
        extracted = self.folder / self.source.folder if self.source.folder else None
        return extracted if extracted is not None and extracted.is_dir() else None

    def missing(self) -> UserError:
        """The error for files that are not here: which, where they can be had, where to put them."""
        names = [file.name for file in self.source.files if not (self.folder / file.name).is_file()]
        layout = f" (or its folder {self.source.folder})" if self.source.folder else ""
        get = f"`dlib_bvae_data download {self.name}` gets it, or take it" if self.source.files[0].urls else "get it"
        return UserError(
            f"there is no {', no '.join(names)}{layout} in {self.folder}, which {self.name} needs; {get} from "
            f"{self.source.page} and put it there, or set {DATA_VARIABLE} to the folder that has it"
        )

    def _check_files(self, place: Path) -> None:
        if place == self.folder:
            for file in self.source.files:
                check(place / file.name, file)

    def _files(self, place: Path) -> list[Path]:
        return [place / file.name for file in self.source.files] if place == self.folder else [place]

    def _path(self, verified: bool) -> Path:
        kind = "" if verified else "-unverified"
        return Path(self._cache_dir or cache_dir()) / f"{self.name}{kind}-{_hash(self._key(verified))}.npy"

    def _key(self, verified: bool) -> str:
        checksums = [file.checksum for file in self.source.files] if verified else "unverified"
        return f"{self.name} {self.reader_version} {self.num_images} {self.row_shape} {checksums}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity(path: Path) -> list[Any]:
    found = path.stat()
    return [str(path.resolve()), found.st_size, found.st_mtime_ns]


def open_or_convert(
    path: Path,
    shape: tuple[int, ...],
    blocks: Callable[[int], Iterator[np.ndarray]],
    origin: dict[str, Any],
    prepare: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`; writes it from `blocks` when it is not there.

    blocks: gives the rows from the one asked for, in order, in uint8 arrays. origin: what distinguishes the files that the
    rows come from; a killed conversion is continued only where it is the same. prepare: called before the first row is
    asked for. One process converts, others wait.
    Raises UserError for a damaged file or a full disk; then, as after any other error, no part of a file is left.
    """
    if not path.exists():
        with locked(path, f"write {path.name}", CACHE_VARIABLE, math.prod(shape)):
            if not path.exists():
                _convert(path, shape, blocks, origin, prepare)
    return cache.open_rows(path, shape)


def _convert(
    path: Path,
    shape: tuple[int, ...],
    blocks: Callable[[int], Iterator[np.ndarray]],
    origin: dict[str, Any],
    prepare: Callable[[], None],
) -> None:
    part, note = path.with_suffix(".part"), path.with_suffix(".progress")
    done = _rows_done(part, note, shape, origin)
    cache.check_room(path.parent, math.prod(shape) - done * math.prod(shape[1:]))
    try:
        if not done:
            prepare()
        with part.open("r+b" if done else "wb") as file:
            cache.write_header(file, shape)
            file.seek(done * math.prod(shape[1:]), os.SEEK_CUR)
            file.truncate()
            _write(file, shape, done, blocks(done), lambda rows: _take_note(note, rows, origin))
        cache.finish(part, path, shape, origin=origin)
    except Exception:  # not KeyboardInterrupt: that and a kill leave what is done to the next start
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        raise
    note.unlink(missing_ok=True)


def _write(
    file: BinaryIO, shape: tuple[int, ...], done: int, blocks: Iterator[np.ndarray], take_note: Callable[[int], None]
) -> None:
    row_bytes, noted = math.prod(shape[1:]), done
    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("converting (once)", total=shape[0] * row_bytes, completed=done * row_bytes)
        for block in blocks:
            if block.dtype != np.uint8 or block.shape[1:] != shape[1:] or done + len(block) > shape[0]:
                raise ValueError(
                    f"a block of {block.dtype} {block.shape} does not fit into uint8 {shape} at row {done}"
                )
            file.write(block.tobytes())
            done += len(block)
            progress.update(task, completed=done * row_bytes)
            if (done - noted) * row_bytes >= _BYTES_BETWEEN_NOTES:
                _sync(file)
                take_note(done)
                noted = done
        if done != shape[0]:
            raise ValueError(f"{done} rows were read instead of {shape[0]}")
        _sync(file)


def _rows_done(part: Path, note: Path, shape: tuple[int, ...], origin: dict[str, Any]) -> int:
    """How many rows a killed conversion of the same files has safely written."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        rows, same = known["rows"], known["origin"] == json.loads(json.dumps(origin))
        enough = part.stat().st_size >= rows * math.prod(shape[1:])
        return rows if same and enough and isinstance(rows, int) and 0 <= rows <= shape[0] else 0
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _take_note(note: Path, rows: int, origin: dict[str, Any]) -> None:
    new = note.with_suffix(".note")
    new.write_text(json.dumps({"rows": rows, "origin": origin}), encoding="utf-8")
    os.replace(new, note)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
