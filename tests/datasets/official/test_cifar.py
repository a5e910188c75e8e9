"""cifar.py: the archives' batches, and the real pictures where they are at hand."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets.derived.pixels import grayscale
from dlib_bvae.datasets.official.cifar import CIFAR10, CIFAR100
from dlib_bvae.errors import UserError

SHARED = Path(__file__).resolve().parents[4] / "shared"
TOOL = SHARED / "tools" / "cifar10_from_jpg.py"


@pytest.mark.parametrize("cls", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("python2", [True, False])
@pytest.mark.parametrize("extracted", [True, False])
def test_batches_come_in_their_order(cls, python2, extracted, tmp_path):
    data, images = writers.tiny_cifar(tmp_path, cls, python2, extracted)
    np.testing.assert_array_equal(data.images_at(np.arange(len(images))), images)
    assert data.verified != extracted
    place = data.found()
    for first in (0, 2, 3, len(images) - 1, len(images)):
        rows = [np.zeros((0, 64, 64, 3), np.uint8), *data.read(place, first)]
        np.testing.assert_array_equal(np.concatenate(rows), images[first:])


@pytest.mark.parametrize("cls", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("python2", [True, False])
def test_classes_are_read_once_and_pass_through_derived_sets(cls, python2, tmp_path):
    data, _ = writers.tiny_cifar(tmp_path, cls, python2)
    expected = np.concatenate([np.arange(number) % 10 for _, number in data.batches])
    labels = data.labels()
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(grayscale(data).labels(), expected)
    (tmp_path / cls.source.files[0].name).unlink()
    np.testing.assert_array_equal(data.labels(), expected)
    (kept,) = (tmp_path / "cache").glob("*-labels.npy")
    kept.write_bytes(kept.read_bytes()[:-8])
    with pytest.raises(UserError, match="delete it, and it is written again"):
        data.labels()
    kept.unlink()
    with pytest.raises(UserError, match=f"there is no {cls.source.files[0].name}"):
        data.labels()


def test_wrong_classes_are_refused(tmp_path):
    data, _ = writers.tiny_cifar(tmp_path, extracted=True)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    for labels in (np.zeros(3, int), np.full(4, 10)):
        batch.write_bytes(writers.cifar_batch(writers.pixels(4, 3072), labels))
        with pytest.raises(UserError, match="`labels` is no list of 4 integers in 0 … 9"):
            data.labels()
    batch.write_bytes(writers.cifar_batch(writers.pixels(4, 3072), np.zeros(4, int), key=b"other"))
    with pytest.raises(UserError, match="`labels` is no list"):
        data.labels()


def test_the_sizes_are_the_official_ones():
    for name in ("cifar10", "cifar100"):
        data = datasets.load(name)
        assert (data.num_images, data.observation_shape) == (60_000, (64, 64, 3))
        assert data.training_weights() is None


def test_an_absent_or_wrong_batch_is_refused(tmp_path):
    data, _ = writers.tiny_cifar(tmp_path, extracted=True)
    folder = tmp_path / "cifar-10-batches-py"
    batch = folder / "data_batch_2"
    for content, words in [
        (writers.cifar_batch(writers.pixels(3, 3072), np.zeros(3, int)), r"`data` is uint8 \(3, 3072\) instead of"),
        (writers.cifar_batch(writers.pixels(4, 3072).astype(np.int64), np.zeros(4, int), False), "is int64"),
        (b"", "data_batch_2 is damaged: it cannot be read as a pickle of CIFAR images"),
    ]:
        batch.write_bytes(content)
        with pytest.raises(UserError, match=words):
            data.images_at([0])
    batch.unlink()
    with pytest.raises(UserError, match="it has no data_batch_2"):
        data.images_at([0])
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.slow
@pytest.mark.skipif(not TOOL.exists(), reason="the real pictures, shared/ beside the repository, are not here")
def test_real_cifar10_pictures_are_read(tmp_path):
    spec = importlib.util.spec_from_file_location("cifar10_from_jpg", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.main(tmp_path)
    data = CIFAR10(tmp_path, tmp_path / "cache")
    assert "unverified" in data.cache_path.name
    rows = np.random.default_rng(0).integers(60_000, size=300)
    got = data.images_at(rows)
    with zipfile.ZipFile(SHARED / "data" / "cifar10_jpg.zip") as archive:
        train, test = tool.read_split(archive, "train")[0], tool.read_split(archive, "test")[0]
    flat = np.concatenate([*(train[k::5] for k in range(5)), test])[rows]
    real = flat.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(got, writers.enlarged(real))
    small = np.stack([np.asarray(Image.fromarray(image).resize((32, 32), Image.BOX)) for image in got])
    assert np.abs(small.astype(int) - real).mean() < 3, "the enlarged pictures are not the pictures"
