"""arrays.py: one array of a file, by its key or its dimensions; rows of HDF5 in any order; what is refused."""

import numpy as np
import pytest

from dlib_bvae.datasets.cache import content_sha256
from dlib_bvae.datasets.external.arrays import open_array
from dlib_bvae.errors import UserError

IMAGES = np.arange(6 * 2 * 2, dtype=np.uint8).reshape(6, 2, 2)
LABELS = np.arange(12.0).reshape(6, 2)


@pytest.fixture
def hdf5(tmp_path):
    h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/imgs"], file["labels"] = IMAGES, LABELS
    return tmp_path / "x.h5"


@pytest.fixture(params=["stored", "compressed"])
def npz(request, tmp_path):
    save = np.savez if request.param == "stored" else np.savez_compressed
    save(tmp_path / "x.npz", imgs=IMAGES, labels=np.asfortranarray(LABELS))
    return tmp_path / "x.npz"


def test_the_only_array_of_so_many_dimensions_needs_no_key(npz):
    images, labels = open_array(npz, None, (3, 4), "p"), open_array(npz, None, (2,), "p")
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    assert np.array_equal(open_array(npz, "labels", (3,), "p"), LABELS)


def test_rows_of_hdf5_come_in_the_order_asked_for(hdf5):
    images = open_array(hdf5, None, (3,), "p")
    assert (images.shape, images.ndim, images.dtype) == ((6, 2, 2), 3, np.uint8)
    for rows in ([2, 3, 4], [4, 2, 3], [5, 0, 5], [1], [0, 3], []):
        got = images[np.array(rows, np.int64)]
        assert np.array_equal(got, IMAGES[np.array(rows, np.int64)]), rows
    assert np.array_equal(np.asarray(images), IMAGES)
    assert np.asarray(open_array(hdf5, "labels", (2,), "p"), np.float32).dtype == np.float32


def test_a_npy_file_has_no_keys(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    assert np.array_equal(open_array(tmp_path / "x.npy", None, (9,), "p"), IMAGES)
    with pytest.raises(UserError, match="holds one array without a name; leave the key 'imgs' out"):
        open_array(tmp_path / "x.npy", "imgs", (3,), "p")


def test_what_cannot_be_chosen_is_refused(npz):
    with pytest.raises(UserError, match=r"has 2 arrays of 2 or 3 dimensions.*imgs \(6, 2, 2\), labels \(6, 2\)"):
        open_array(npz, None, (2, 3), "p")
    with pytest.raises(UserError, match="has 0 arrays of 4 dimensions"):
        open_array(npz, None, (4,), "p")
    with pytest.raises(UserError, match="no array in x.npz is called 'img'; did you mean imgs"):
        open_array(npz, "img", (3,), "p")


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(UserError, match="p must be a .npy, .npz, .h5, .hdf5 file; got"):
        open_array(tmp_path / "x.txt", None, (3,), "p")
    with pytest.raises(UserError, match="p: there is no file"):
        open_array(tmp_path / "x.npy", None, (3,), "p")
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    with pytest.raises(UserError, match="p: .* holds <U1; expected numbers"):
        open_array(tmp_path / "text.npy", None, (1,), "p")
    np.save(tmp_path / "complex.npy", np.array([1j]))
    with pytest.raises(UserError, match="holds complex128; expected numbers"):
        open_array(tmp_path / "complex.npy", None, (1,), "p")


def test_a_compressed_member_is_unpacked_once(tmp_path, cache):
    np.savez_compressed(tmp_path / "x.npz", imgs=IMAGES)
    first = open_array(tmp_path / "x.npz", None, (3,), "p")
    (unpacked,) = (cache / "unpacked").glob("*.npy")
    assert str(first.filename) == str(unpacked)
    assert unpacked.name == f"{content_sha256([tmp_path / 'x.npz'])[:16]}-imgs.npy"
    before = unpacked.stat().st_mtime_ns
    open_array(tmp_path / "x.npz", None, (3,), "p")
    assert unpacked.stat().st_mtime_ns == before
    assert not list((cache / "unpacked").glob("*.part"))


@pytest.mark.parametrize("names", [("a/b", "a_b"), ("größe", "gräße"), ("Images", "images")])
def test_two_compressed_members_never_share_a_file(names, tmp_path, cache):
    np.savez_compressed(tmp_path / "x.npz", **{names[0]: IMAGES, names[1]: 255 - IMAGES})
    for name, expected in zip(names, (IMAGES, 255 - IMAGES), strict=True):
        assert np.array_equal(open_array(tmp_path / "x.npz", name, (3,), "p"), expected)
    assert len({path.name.casefold() for path in (cache / "unpacked").glob("*.npy")}) == 2
