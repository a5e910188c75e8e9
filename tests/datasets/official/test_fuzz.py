"""Damaged official files: whatever happens to their bytes, a reader gives a UserError or what is promised here.

With the checksum compared, every mutation is refused. Without it ("unverified", as for files that have none), nothing but
UserError is raised, no cache file is left by a refusal, and what is read has the right shape and type. Further:

- npz, gz, tar.gz and zip have a CRC-32 over every array, so what is read equals the original;
- HDF5 and plain tar have none over the pixels: a changed pixel may pass (PNG has a CRC-32, JPEG has not), and so may a
  changed name in a tar, as long as the number of pictures is right. dSprites, Shapes3D and SmallNORB in another order
  than their labels say are refused;
- CIFAR in the extracted layout: pickles have none either, so values may differ.

The parsers behind a CRC are given damage too ("inside"): a .npy in a sound zip, a matrix or a tar in a sound gzip.
"""

import gzip
import hashlib
import io
import zipfile

import numpy as np
import pytest
from support import writers

from dlib_bvae.errors import UserError

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
COUNTS = [pytest.param(100, id="quick"), pytest.param(1000, id="whole", marks=pytest.mark.slow)]


def mutated(content, rng):
    """One to eight bytes changed, a truncation, or up to sixteen bytes inserted; half of them where headers are."""
    edges = rng.random() < 0.5

    def place():
        where = int(rng.integers(min(512, len(content)) if edges else len(content)))
        return where if rng.random() < 0.5 else len(content) - 1 - where

    kind, changed = rng.integers(3), bytearray(content)
    if kind == 0:
        for _ in range(rng.integers(1, 9)):
            changed[place()] ^= int(rng.integers(1, 256))
    elif kind == 1:
        del changed[place() :]
    else:
        where = place()
        changed[where:where] = rng.bytes(int(rng.integers(1, 17)))
    return bytes(changed)


def files_of(data, folder):
    """The official files, or those of the extracted layout."""
    place = data.found()
    if place == folder:
        return [place / file.name for file in data.source.files]
    return sorted(path for path in place.rglob("*") if path.is_file() and path.suffix != ".txt")


def read_all(data):
    """What `read` gives, as the conversion sees it."""
    return np.concatenate(list(data.read(data.found(), 0)))


def check_mutations(data, files, count, exact, unwrap=lambda content: content, wrap=lambda content: content):
    """Damages one of `files` at a time and holds the promises above."""
    originals = [path.read_bytes() for path in files]
    whole = read_all(data)
    message = set()
    for seed in range(count):
        rng = np.random.default_rng(seed)
        which = int(rng.integers(len(files)))
        files[which].write_bytes(wrap(mutated(unwrap(originals[which]), rng)))
        try:
            got = read_all(data)
        except UserError as error:
            message.add(str(error))
        else:
            assert (got.dtype, got.shape) == (np.uint8, whole.shape), seed
            assert not exact or np.array_equal(got, whole), seed
        files[which].write_bytes(originals[which])
    assert message
    assert not any("\n" in sentence for sentence in message)
    np.testing.assert_array_equal(read_all(data), whole)


@pytest.mark.filterwarnings("ignore")  # parsers warn about what they then refuse
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_or_read_as_promised(name, count, tmp_path):
    write, exact = READERS[name]
    data, _ = write(tmp_path)
    check_mutations(data, files_of(data, tmp_path), count, exact)


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("images.npy")


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", content)
    return file.getvalue()


INSIDE = {
    "mpi3d": (unzipped, zipped),
    "cars3d": (gzip.decompress, lambda content: gzip.compress(content, 0)),
    "smallnorb": (gzip.decompress, lambda content: gzip.compress(content, 0)),
    "cifar": (gzip.decompress, lambda content: gzip.compress(content, 0)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", INSIDE)
def test_damage_inside_of_a_sound_archive_is_refused_or_has_the_right_shape(name, count, tmp_path):
    data, _ = READERS[name][0](tmp_path)
    check_mutations(data, files_of(data, tmp_path), count, False, *INSIDE[name])


@pytest.mark.parametrize("name", [name for name in READERS if "extracted" not in name and name != "chairs"])
def test_with_its_checksum_every_damaged_file_is_refused_and_leaves_no_cache(name, tmp_path):
    data, _ = READERS[name][0](tmp_path)
    files = files_of(data, tmp_path)
    originals = [path.read_bytes() for path in files]
    for seed in range(30):
        rng = np.random.default_rng(seed)
        which = int(rng.integers(len(files)))
        content = mutated(originals[which], rng)
        assert hashlib.md5(content).digest() != hashlib.md5(originals[which]).digest()
        files[which].write_bytes(content)
        with pytest.raises(UserError, match="is not the official file"):
            data.images_at([0])
        assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}
        files[which].write_bytes(originals[which])
