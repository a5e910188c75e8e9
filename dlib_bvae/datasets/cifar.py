"""cifar10, cifar100: CIFAR (Krizhevsky 2009) from its official archives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets.files import OfficialFile, Source
from dlib_bvae.datasets.formats.archives import tar_members
from dlib_bvae.datasets.formats.errors import damaged, reading
from dlib_bvae.datasets.formats.pickles import read_pickle
from dlib_bvae.datasets.formats.pictures import resized
from dlib_bvae.datasets.official import OfficialData

_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_LICENCE = "free for research; cite Krizhevsky 2009"
_LARGEST = 2**28
_BLOCK = 2000
_SIZE = 32


def _source(archive: str, md5: str, folder: str) -> Source:
    files = (OfficialFile(archive, f"md5:{md5}", urls=(f"https://www.cs.toronto.edu/~kriz/{archive}",)),)
    return Source(_PAGE, _LICENCE, files, folder)


class _CIFAR(OfficialData):
    observation_shape = (64, 64, 3)
    batches: tuple[tuple[str, int], ...]  # the archive's pickles in order, and how many images each has

    @property
    def num_images(self) -> int:
        """Number of images, those for training first, then those for testing."""
        return sum(number for _, number in self.batches)

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`: 32×32 enlarged by Lanczos."""
        start = 0
        for images in self._images(place):
            for offset in range(max(0, first - start), len(images), _BLOCK):
                block = images[offset : offset + _BLOCK]
                yield np.stack([resized(image) for image in block])
            start += len(images)

    def _images(self, place: Path) -> Iterator[np.ndarray]:
        """The batches in order, uint8 (n, 32, 32, 3); the pickles are held together, as the archive has its own order."""
        path = place if place != self.folder else place / self.source.files[0].name
        found = self._pickles(path)
        for name, number in self.batches:
            if name not in found:
                raise damaged(path, f"it has no {name}")
            with reading(path / name if path.is_dir() else path, "a pickle of CIFAR images"):
                yield _images_of(found.pop(name), number)

    def _pickles(self, path: Path) -> dict[str, bytes]:
        names = {name for name, _ in self.batches}
        with reading(path, "an archive of CIFAR batches"):
            if path.is_dir():
                return {name: (path / name).read_bytes() for name in names if (path / name).is_file()}
            inside = re.compile(rf"{self.source.folder}/({'|'.join(names)})")
            members = tar_members(path, lambda name: inside.fullmatch(name) is not None, _LARGEST)
            return {name.split("/")[1]: content for name, content in members}


def _images_of(content: bytes, number: int) -> np.ndarray:
    batch: dict[Any, Any] = read_pickle(content)
    data = batch.get(b"data", batch.get("data"))
    shape = (number, 3 * _SIZE**2)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != shape:
        got = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise ValueError(f"`data` is {got} instead of uint8 {shape}")
    return np.ascontiguousarray(data.reshape(number, 3, _SIZE, _SIZE).transpose(0, 2, 3, 1))


class CIFAR10(_CIFAR):
    """60,000 photographs of 10 classes, 32×32×3 enlarged to 64×64×3: the 50,000 for training, then the 10,000 for
    testing. No factors; labels are not read.
    """

    name = "cifar10"
    batches = (*((f"data_batch_{k}", 10_000) for k in range(1, 6)), ("test_batch", 10_000))
    source = _source("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py")


class CIFAR100(_CIFAR):
    """60,000 photographs of 100 classes, 32×32×3 enlarged to 64×64×3: the 50,000 for training, then the 10,000 for
    testing. No factors; labels are not read.
    """

    name = "cifar100"
    batches = (("train", 50_000), ("test", 10_000))
    source = _source("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", "cifar-100-python")
