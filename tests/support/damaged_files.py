"""Official data files of every reader, small ones, and what the readers make of them when their bytes are changed."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from support import writers
from support.mutations import changed_bytes, outcome

# What is written, and whether what passes must equal the original.
READERS = {
    "dsprites_full": (lambda folder: writers.tiny_dsprites(folder, grid=(2, 1, 2, 1, 2)), True),
    "dsprites_full stored": (lambda folder: writers.tiny_dsprites(folder, False, grid=(2, 1, 2, 1, 2)), True),
    "mpi3d": (lambda folder: writers.tiny_mpi3d(folder, sizes=(1, 2, 1, 1, 1, 2, 1)), True),
    "mpi3d compressed": (lambda folder: writers.tiny_mpi3d(folder, compressed=True, sizes=(1, 2, 1, 1, 1, 2, 1)), True),
    "shapes3d": (lambda folder: writers.tiny_shapes3d(folder, sizes=(1, 1, 1, 2, 1, 2)), False),
    "shapes3d contiguous": (lambda folder: writers.tiny_shapes3d(folder, None, sizes=(1, 1, 1, 2, 1, 2)), False),
    "cars3d": (lambda folder: writers.tiny_cars3d(folder, cars=1, views=(1, 1)), True),
    "smallnorb": (lambda folder: writers.tiny_smallnorb(folder, sizes=(1, 1, 2, 1)), True),
    "cifar": (writers.tiny_cifar, True),
    "celeba": (lambda folder: writers.tiny_celeba(folder, number=2), True),
    "chairs": (lambda folder: writers.tiny_chairs(folder, number=2), False),
    "cifar extracted": (lambda folder: writers.tiny_cifar(folder, extracted=True), False),
    "celeba extracted": (lambda folder: writers.tiny_celeba(folder, extracted=True, number=2), False),
    "chairs extracted": (lambda folder: writers.tiny_chairs(folder, extracted=True, number=2), False),
}


def files_of(data, folder: Path) -> list[Path]:
    """The official files, or those of the extracted layout."""
    place = data.found()
    if place == folder:
        return [place / file.name for file in data.source.files]
    return sorted(path for path in place.rglob("*") if path.is_file() and path.suffix != ".txt")


def read_all(data) -> np.ndarray:
    """What `read` gives, as the conversion sees it."""
    return np.concatenate(list(data.read(data.found(), 0)))


def outcomes(
    data,
    files: list[Path],
    count: int,
    unwrap: Callable[[bytes], bytes] = lambda content: content,
    wrap: Callable[[bytes], bytes] = lambda content: content,
) -> Iterator[tuple[int, str]]:
    """Changes one of `files` at a time, `count` times; yields (seed, outcome of mutations.outcome, or what is wrong)."""
    originals = [path.read_bytes() for path in files]
    whole = read_all(data)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        which = int(rng.integers(len(files)))
        files[which].write_bytes(wrap(changed_bytes(unwrap(originals[which]), rng)))
        shapes = []

        def same(got, shapes=shapes):
            shapes.append((got.dtype, got.shape))
            return np.array_equal(got, whole)

        came = outcome(lambda: read_all(data), same)
        yield seed, came if shapes in ([], [(whole.dtype, whole.shape)]) else f"it has {shapes}"
        files[which].write_bytes(originals[which])
    np.testing.assert_array_equal(read_all(data), whole)


def unzipped(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("images.npy")


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", content)
    return file.getvalue()


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 0)


# The parsers behind a CRC: how an archive is unpacked, and packed again around what was changed.
INSIDE = {
    "mpi3d": (unzipped, zipped),
    "cars3d": (gzip.decompress, _gzipped),
    "smallnorb": (gzip.decompress, _gzipped),
    "cifar": (gzip.decompress, _gzipped),
}
