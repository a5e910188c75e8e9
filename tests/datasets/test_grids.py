"""dsprites_full.py, shapes3d.py, mpi3d.py: what is refused in a file whose checksum is right."""

import pickle

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets.official.mpi3d import MPI3DToy
from dlib_bvae.errors import UserError


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def again(data, folder, checksum=writers.md5):
    """The same reader, the changed file now being the official one."""
    return writers.tiny(type(data), folder, data.factor_sizes, checksum)


def refused(data, words):
    with pytest.raises(UserError, match=words) as caught:
        data.images_at([0])
    assert "\n" not in str(caught.value)
    assert {path.suffix for path in data.cache_path.parent.iterdir()} == {".lock"}


@pytest.mark.parametrize("compressed", [True, False])
def test_dsprites_are_packed(tmp_path, compressed):
    data, images = writers.tiny_dsprites(tmp_path, compressed)
    np.testing.assert_array_equal(data.packed(), np.packbits(images.reshape(144, -1), axis=1))
    np.testing.assert_array_equal(data.images_at([0, 143]), images[[0, 143]])


def test_dsprites_have_the_drawn_grid():
    full, drawn = datasets.load("dsprites_full"), datasets.load("dsprites_rendered")
    assert full.factor_names == drawn.factor_names
    assert full.factor_sizes == drawn.factor_sizes
    assert full.max_pixel == drawn.max_pixel
    assert full.fingerprint != drawn.fingerprint


def test_the_metadata_pickle_is_not_loaded(tmp_path):
    data, images = writers.tiny_dsprites(tmp_path)
    bomb = np.array(Bomb(), object)
    path = tmp_path / data.source.files[0].name
    writers.repack(path, lambda name, content: writers.npy(bomb) if name == "metadata.npy" else content)
    np.testing.assert_array_equal(again(data, tmp_path).images_at([7]), images[7:8])
    with pytest.raises(BaseException, match="a pickle was loaded"):
        pickle.loads(pickle.dumps(Bomb()))


def test_dsprites_out_of_order_or_range_are_refused(tmp_path):
    order = np.zeros((144, 6), int)
    refused(writers.tiny_dsprites(tmp_path, classes=order)[0], "images 0 … 143 are not in the official order")
    refused(writers.tiny_dsprites(tmp_path, high=3)[0], "a pixel of value 2 instead of 0 or 1")


ARRAYS = [
    (writers.pixels(47, 64, 64, 3), r"is uint8 \(47, 64, 64, 3\) instead of uint8 \(48, 64, 64, 3\)"),
    (writers.pixels(48, 64, 64, 4), "instead of uint8"),
    (writers.pixels(48, 64, 64, 3).astype(np.int8), "is int8"),
    (writers.pixels(48, 64, 64, 3).astype(float), "is float64"),
    (np.asfortranarray(writers.pixels(48, 64, 64, 3)), "in Fortran order"),
    (np.array([{}], object), "is object"),
    (writers.pixels(48), "instead of uint8"),
]


@pytest.mark.parametrize(("array", "words"), ARRAYS)
def test_another_array_is_refused(tmp_path, array, words):
    data, _ = writers.tiny_mpi3d(tmp_path)
    path = tmp_path / "mpi3d_toy.npz"
    writers.repack(path, lambda name, content: writers.npy(array))
    refused(again(data, tmp_path), words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda name, content: content[:-1], "it ends too early"),
        (lambda name, content: content + b"x", "more bytes follow its array 'images'"),
        (lambda name, content: None, "it has no array 'images'"),
        (lambda name, content: b"", "cannot be read as an .npz file"),
        (lambda name, content: b"\x93NUMPY\x03\x00" + content[8:], "cannot be read as an .npz file"),
    ],
)
def test_a_damaged_member_is_refused(tmp_path, change, words):
    data, _ = writers.tiny_mpi3d(tmp_path)
    writers.repack(tmp_path / "mpi3d_toy.npz", change)
    refused(again(data, tmp_path), words)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("split", [True, False])
def test_mpi3d_is_read_stored_or_compressed_flat_or_as_a_grid(tmp_path, compressed, split):
    data, images = writers.tiny_mpi3d(tmp_path, MPI3DToy, compressed, split)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    np.testing.assert_array_equal(np.concatenate(list(data.read(tmp_path, 17))), images[17:])


@pytest.mark.parametrize("chunks", [None, (1, 64, 64, 3), (5, 64, 64, 3), (7, 16, 16, 1), (48, 64, 64, 3)])
def test_shapes3d_is_read_in_any_chunks_from_any_row(tmp_path, chunks, monkeypatch):
    monkeypatch.setattr("dlib_bvae.datasets.official.shapes3d._BLOCK_ROWS", 11)
    data, images = writers.tiny_shapes3d(tmp_path, chunks)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    for first in (0, 1, 10, 47, 48):
        rows = [np.zeros((0, 64, 64, 3), np.uint8), *data.read(tmp_path, first)]
        np.testing.assert_array_equal(np.concatenate(rows), images[first:])


def test_shapes3d_out_of_order_is_refused(tmp_path):
    labels = np.stack(np.unravel_index(np.arange(48), (2, 2, 1, 3, 2, 2)), axis=1).astype(float)
    refused(writers.tiny_shapes3d(tmp_path, labels=labels[::-1])[0], "official order: see the labels of floor_hue")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels * np.nan)[0], "official order")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels[:-1])[0], r"'labels' is float64 \(47, 6\) instead of")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels.astype("f4"))[0], "'labels' is float32")


def test_shapes3d_without_images_or_with_a_group_is_refused(tmp_path):
    import h5py

    data, _ = writers.tiny_shapes3d(tmp_path)
    with h5py.File(tmp_path / "3dshapes.h5", "a") as file:
        del file["images"]
    refused(again(data, tmp_path), "'images' is missing instead of uint8")
    with h5py.File(tmp_path / "3dshapes.h5", "a") as file:
        file.create_group("images")
    refused(again(data, tmp_path), "'images' is missing instead of uint8")


def test_the_sizes_are_the_official_ones():
    sizes = {name: datasets.load(name).num_images for name in ("dsprites_full", "shapes3d", "mpi3d_toy")}
    assert sizes == {"dsprites_full": 737_280, "shapes3d": 480_000, "mpi3d_toy": 1_036_800}
    assert datasets.load("mpi3d_real").factor_sizes == datasets.load("mpi3d_realistic").factor_sizes
    assert datasets.load("mpi3d_real_complex").num_images == 460_800
