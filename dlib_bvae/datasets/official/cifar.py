"""cifar10, cifar100: CIFAR (Krizhevsky 2009) from its official archives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.artifacts.permissions import damage_is_said
from dlib_bvae.datasets.cache import CACHE_VARIABLE, mapped, once
from dlib_bvae.datasets.formats import damaged, reading
from dlib_bvae.datasets.formats.archives import resized, tar_members
from dlib_bvae.datasets.formats.pickles import read_pickle
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import OfficialFile, Source
from dlib_bvae.errors import UserError

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
    label_key: str  # of the classes in each
    num_classes: int

    @property
    def num_images(self) -> int:
        """Number of images, those for training first, then those for testing."""
        return sum(number for _, number in self.batches)

    def read(self, place: Path, first: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 64, 64, 3) from `first`: 32×32 enlarged by Lanczos."""
        start = 0
        for images in self._parts(place, _images_of):
            for offset in range(max(0, first - start), len(images), _BLOCK):
                block = images[offset : offset + _BLOCK]
                yield np.stack([resized(image) for image in block])
            start += len(images)

    def labels(self) -> np.ndarray:
        """The class of each image, int64 (images,), 0 … num_classes - 1, read from the official files once and kept.

        Raises UserError where those are missing or damaged: the rows in the cache do not have them.
        """
        path = self.cache_path.with_name(f"{self.cache_path.stem}-labels.npy")
        write = lambda file: np.save(file, self._read_labels())
        once(path, f"keep the labels of {self.name}", CACHE_VARIABLE, 8 * self.num_images, write)
        damaged = UserError(f"{path} is damaged; delete it, and it is written again")
        with damage_is_said(lambda _: damaged, ValueError, OSError):
            labels = np.array(mapped(path))
        if labels.shape != (self.num_images,) or labels.dtype != np.int64:
            raise UserError(f"{path} does not hold {self.num_images} labels; delete it, and it is written again")
        return labels

    def _read_labels(self) -> np.ndarray:
        place = self.found()
        if place is None:
            raise self.missing()
        self._check_files(place)
        read = lambda batch, number: _labels_of(batch, number, self.label_key, self.num_classes)
        return np.concatenate(list(self._parts(place, read)))

    def _parts(self, place: Path, read: Callable[[dict[Any, Any], int], np.ndarray]) -> Iterator[np.ndarray]:
        """`read` of each batch in order; the pickles are held together, as the archive has another order."""
        path = place if place != self.folder else place / self.source.files[0].name
        found = self._pickles(path)
        for name, number in self.batches:
            if name not in found:
                raise damaged(path, f"it has no {name}")
            with reading(path / name if path.is_dir() else path, "a pickle of CIFAR images"):
                yield read(read_pickle(found.pop(name)), number)

    def _pickles(self, path: Path) -> dict[str, bytes]:
        names = {name for name, _ in self.batches}
        with reading(path, "an archive of CIFAR batches"):
            if path.is_dir():
                return {name: (path / name).read_bytes() for name in names if (path / name).is_file()}
            inside = re.compile(rf"{self.source.folder}/({'|'.join(names)})")
            members = tar_members(path, lambda name: inside.fullmatch(name) is not None, _LARGEST)
            return {name.split("/")[1]: content for name, content in members}


def _images_of(batch: dict[Any, Any], number: int) -> np.ndarray:
    """uint8 (n, 32, 32, 3)."""
    data = batch.get(b"data", batch.get("data"))
    shape = (number, 3 * _SIZE**2)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != shape:
        got = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise ValueError(f"`data` is {got} instead of uint8 {shape}")
    return np.ascontiguousarray(data.reshape(number, 3, _SIZE, _SIZE).transpose(0, 2, 3, 1))


def _labels_of(batch: dict[Any, Any], number: int, key: str, num_classes: int) -> np.ndarray:
    """int64 (n,)."""
    labels = batch.get(key.encode(), batch.get(key))
    numbers = labels if isinstance(labels, list) else []
    if len(numbers) != number or not all(isinstance(n, int) and 0 <= n < num_classes for n in numbers):
        raise ValueError(f"`{key}` is no list of {number} integers in 0 … {num_classes - 1}")
    return np.array(numbers, np.int64)


class CIFAR10(_CIFAR):
    """60,000 photographs of 10 classes, 32×32×3 enlarged to 64×64×3: the 50,000 for training, then the 10,000 for
    testing. No factors; the classes are its labels().
    """

    name = "cifar10"
    label_key, num_classes = "labels", 10
    batches = (*((f"data_batch_{k}", 10_000) for k in range(1, 6)), ("test_batch", 10_000))
    source = _source("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py")


class CIFAR100(_CIFAR):
    """60,000 photographs of 100 classes, 32×32×3 enlarged to 64×64×3: the 50,000 for training, then the 10,000 for
    testing. No factors; the classes are its labels().
    """

    name = "cifar100"
    label_key, num_classes = "fine_labels", 100
    batches = (("train", 50_000), ("test", 10_000))
    source = _source("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", "cifar-100-python")
