"""Changed files of data: official ones, codes, arrays and pictures of the user's, and what stands in the cache.

A reader gives what the unchanged file gives, or refuses it by one sentence. Where a format has no checksum over its values
(.npy, HDF5, plain tar, pictures but PNG), it may give others of the same shape and type.
"""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
from PIL import Image
from support import damaged_files
from support.mutations import changed_bytes, changed_json, outcome

from dlib_bvae.config import configuration
from dlib_bvae.datasets import cache
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.external.image_folder import ImageFolder
from dlib_bvae.representations.codes import encode_all, mean_representation, read_codes
from dlib_bvae.stages.external import codes_of_file

COUNTS = [pytest.param(2, id="quick"), pytest.param(400, id="whole", marks=pytest.mark.slow)]
RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(60, 3)).astype(np.float32)
IMAGES = (RNG.random((12, 8, 8, 3)) * 255).astype(np.uint8)
LABELS = np.stack([np.arange(12) // 4, np.arange(12) % 4], axis=1)
ALL = np.arange(12)
pytestmark = pytest.mark.filterwarnings("ignore")  # parsers warn about what they then refuse


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))


def hdf5(path, options, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)


def whole(data):
    """All that a stage asks of a data set of images."""
    number = data.num_images
    factors = data.factors_at(np.arange(number)) if hasattr(data, "factor_names") else np.zeros((number, 0), int)
    assert len(data.fingerprint) >= 16
    return data.images_at(np.arange(number)), factors


def read_file(path, **more):
    return whole(from_file(str(path), **more))


def read_the_codes(path):
    return (np.array(codes_of_file(path, None, len(CODES), "--codes")),)


PACKED, PLAIN = {"chunks": True, "compression": "gzip"}, {}
# Name of a file → how it is written, how it is read, whether what is not refused is equal.
FILES = {
    "codes.npy": (lambda path: np.save(path, CODES), read_the_codes, False),
    "codes.npz": (lambda path: np.savez(path, codes=CODES), read_the_codes, True),
    "codes_packed.npz": (lambda path: np.savez_compressed(path, codes=CODES), read_the_codes, True),
    "codes.h5": (lambda path: hdf5(path, PLAIN, codes=CODES), read_the_codes, False),
    "codes_packed.h5": (lambda path: hdf5(path, PACKED, codes=CODES), read_the_codes, False),
    "images.npy": (lambda path: np.save(path, IMAGES), lambda path: read_file(path, factor_sizes=[3, 4]), False),
    "floats.npy": (lambda path: np.save(path, IMAGES / np.float32(255)), read_file, False),
    "images.npz": (
        lambda path: np.savez(path, x=IMAGES, y=LABELS),
        lambda path: read_file(path, key="x", labels="y"),
        True,
    ),
    "images_packed.npz": (
        lambda path: np.savez_compressed(path, x=IMAGES, y=LABELS),
        lambda path: read_file(path, key="x", labels="y", full_grid=False),
        True,
    ),
    "images.h5": (
        lambda path: hdf5(path, PLAIN, x=IMAGES, y=LABELS),
        lambda path: read_file(path, key="x", labels="y"),
        False,
    ),
    "images_packed.h5": (
        lambda path: hdf5(path, PACKED, x=IMAGES, y=LABELS),
        lambda path: read_file(path, key="x", labels="y", full_grid=False),
        False,
    ),
    **{
        f"folder/b{suffix}": (
            lambda path: Image.fromarray(IMAGES[0]).save(path),
            lambda path: whole(
                ImageFolder(str(path.parent), **({} if path.suffix == ".png" else {"height": 8, "width": 8}))
            ),
            False,
        )
        for suffix in (".bmp", ".gif", ".jpg", ".png", ".ppm", ".tiff", ".webp")
    },
}


def equal(found, expected):
    return all(
        one.dtype.kind == other.dtype.kind and np.array_equal(one, other)
        for one, other in zip(found, expected, strict=True)
    )


def attempt(read, expected, exact):
    """`read` as mutations.outcome takes it, in a configuration; it fails where the values are not `expected`."""

    def checked():
        with configuration([], [], []):
            found = read()
        for one, other in zip(found, expected, strict=True):
            assert one.dtype.kind == other.dtype.kind
            assert len(one) == len(other) or not exact
        return found

    came = outcome(checked, lambda found: equal(found, expected))
    return f"read as another value, in spite of its checksum: {came}" if exact and came == "other" else came


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", FILES)
def test_files_of_the_user_s(name, count, tmp_path, tally):
    write, read, exact = FILES[name]
    path, cached = tmp_path / name, tmp_path / "cache"
    path.parent.mkdir(exist_ok=True)
    if path.parent != tmp_path:
        Image.fromarray(IMAGES[1]).save(path.parent / "a.png")
    write(path)
    content, expected = path.read_bytes(), read(path)
    counts = tally(f"mutations of {name}", "equal", "other", "refused")
    for seed in range(count):
        shutil.rmtree(cached, ignore_errors=True)
        path.write_bytes(changed_bytes(content, np.random.default_rng(seed)))
        counts.add(attempt(lambda: read(path), expected, exact), f"seed {seed}")
        left = [each.name for each in cached.rglob("*") if each.suffix == ".part"]
        counts.add(f"left {left}" if left else "equal", f"the cache after seed {seed}") if left else None


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["npy", "json"])
@pytest.mark.parametrize("place", ["codes", "rows"])
def test_what_this_package_wrote_itself(place, kind, count, tmp_path, tally):
    if place == "codes":
        encode_all(_few_codes, _Few(), mean_representation, tmp_path, 0)
        read = lambda: (np.array(read_codes(tmp_path)),)
    else:
        rows = IMAGES.reshape(12, -1)
        cache.open_or_write(tmp_path / "rows.npy", rows.shape, lambda: iter([rows]))

        def read():
            found = cache.open_rows(tmp_path / "rows.npy", rows.shape)
            cache.verify(tmp_path / "rows.npy")
            return (np.array(found),)

    path = tmp_path / f"{place}.{kind}"
    content, expected = path.read_bytes(), read()
    counts = tally(f"mutations of {place}.{kind} as written here", "equal", "refused")
    for seed in range(count):
        rng = np.random.default_rng(seed)
        path.write_bytes(changed_bytes(content, rng) if kind == "npy" else changed_json(content.decode(), rng))
        counts.add(outcome(read, lambda found: equal(found, expected)), f"seed {seed}")


def _few_codes(images):
    return images.reshape(len(images), -1)[:, :3], None


class _Few:
    name, num_images = "few", 12

    def observations_at(self, rows):
        return IMAGES[rows].astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*damaged_files.READERS, *(f"inside of {name}" for name in damaged_files.INSIDE)])
def test_official_files(name, tmp_path, tally):
    inside = damaged_files.INSIDE.get(name.removeprefix("inside of "), ()) if name.startswith("inside") else ()
    write, exact = damaged_files.READERS[name.removeprefix("inside of ")]
    data, _ = write(tmp_path)
    counts = tally(f"mutations of the official files of {name}", "equal", "other", "refused")
    for seed, came in damaged_files.outcomes(data, damaged_files.files_of(data, tmp_path), 1000, *inside):
        wrong = came == "other" and exact and not inside
        counts.add("read as other images" if wrong else came, f"seed {seed}")
