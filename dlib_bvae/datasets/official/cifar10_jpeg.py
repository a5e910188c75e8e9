"""cifar10_jpeg: CIFAR-10's pictures encoded again, from a folder of the user in the layout of the official archives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets import cache
from dlib_bvae.datasets.cache import cache_dir, content_sha256
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.formats import reading
from dlib_bvae.datasets.formats.pickles import read_pickle
from dlib_bvae.datasets.images import RE_ENCODED
from dlib_bvae.datasets.official.cifar import CIFAR10
from dlib_bvae.datasets.official.files import DATA_VARIABLE, OfficialFile, Source
from dlib_bvae.errors import UserError
from dlib_bvae.registry import configurable

_LAYOUTS = ("cifar-10-batches-py", "cifar-10-batches-bin")  # folders of the Python and of the binary archive
_BINARY = ".bin"
_BATCHES = tuple(name for name, _ in CIFAR10.batches)
_PICTURE = 3 * 32**2  # bytes, of red, green and blue in turn


@configurable("cifar10_jpeg", denylist=["cache_dir", "data_dir"], labels=["folder"])
class CIFAR10JPEG(CIFAR10):
    """CIFAR-10's 60,000 photographs saved again, as JPEG for instance, so that their pixels are others than the official ones.

    32×32×3 enlarged to 64×64×3: the 50,000 for training, then the 10,000 for testing. No factors; the classes are its labels().
    Their origin is "re-encoded": scores are never compared with published ones of CIFAR-10. The fingerprint is of the pixels.

    folder: of yours, with data_batch_1 … data_batch_5 and test_batch as the official archive for Python has them (nothing in them
    is executed), or with .bin as the binary one; or above its folder cifar-10-batches-py or -bin. None: cifar10_jpeg in the
    folder of official files ($DLIB_BVAE_DATA_DIR).
    Raises UserError, when images are read, where there is no such folder or a batch is damaged.
    """

    name = "cifar10_jpeg"
    origin = RE_ENCODED
    verified = False
    source = Source(CIFAR10.source.page, CIFAR10.source.licence, tuple(OfficialFile(name) for name in _BATCHES))

    def __init__(
        self, folder: str | None = None, cache_dir: str | Path | None = None, data_dir: str | Path | None = None
    ):
        super().__init__(data_dir, cache_dir)
        self._named = folder

    @property
    def folder(self) -> Path:
        """The folder that the user named."""
        return super().folder / self.name if self._named is None else Path(self._named).expanduser()

    def found(self) -> Path | None:
        """The folder with all batches: this, or one of the official names in it; None where there is none."""
        for place in (self.folder, *(self.folder / layout for layout in _LAYOUTS)):
            if all(path.is_file() for path in self._files(place)):
                return place
        return None

    def missing(self) -> UserError:
        """The error for a folder that is not there or lacks a batch."""
        return UserError(
            f"there is no folder {self.folder} with {_BATCHES[0]} … {_BATCHES[-1]}, or the same with {_BINARY}, which "
            f"{self.name} needs; set {self.name}.folder to yours in CIFAR-10's official layout ({self.source.page}), or "
            f"{DATA_VARIABLE} to a folder that has {self.name} in it"
        )

    @property
    def cache_path(self) -> Path:
        """Where the rows lie, or will lie: a place for each content of the folder's files."""
        place = self.found()
        content = "" if place is None else content_sha256(self._files(place))
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{combined(self._key(False), content)}.npy"

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of the pixels and their order: the same for both layouts. Needs the rows; raises UserError as images_at does."""
        self.rows  # noqa: B018 - the description is written with the rows
        return combined(self.name, cache.description(self.cache_path)["sha256"])

    def _files(self, place: Path) -> list[Path]:
        ending = "" if (place / _BATCHES[0]).is_file() else _BINARY
        return [place / f"{name}{ending}" for name in _BATCHES]

    def _check_files(self, place: Path) -> None:
        """There are no published checksums."""

    def _parts(self, place: Path, read: Callable[[dict[Any, Any], int], np.ndarray]) -> Iterator[np.ndarray]:
        for path, (_, number) in zip(self._files(place), self.batches, strict=True):
            with reading(path, "a batch of CIFAR-10"):
                content = path.read_bytes()
                yield read(_binary(content) if path.suffix == _BINARY else read_pickle(content), number)


def _binary(content: bytes) -> dict[str, Any]:
    """A batch of the binary archive: of each picture its label in one byte, then its bytes."""
    if len(content) % (1 + _PICTURE):
        raise ValueError(f"it has {len(content):,} bytes, which is no multiple of {1 + _PICTURE:,}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PICTURE)
    return {"labels": rows[:, 0].tolist(), "data": rows[:, 1:]}
