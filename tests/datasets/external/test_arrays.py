"""arrays.py: one array of a file, by its key or its dimensions; rows of HDF5 in any order; what is refused."""

import shutil
import zipfile

import numpy as np
import pytest

from dlib_bvae.datasets.cache import content_sha256
from dlib_bvae.datasets.external import arrays
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


def test_what_is_nearly_empty_is_not_unpacked(tmp_path, cache):
    empty = np.zeros((70_000, 32, 32), np.uint8)
    np.savez_compressed(tmp_path / "x.npz", imgs=empty)
    with pytest.raises(
        UserError, match=r"imgs of .* has 68 MiB, of which the file holds .*; if it is meant so, save it unc"
    ):
        open_array(tmp_path / "x.npz", None, (3,), "p")
    assert not (cache / "unpacked").exists()
    np.savez(tmp_path / "y.npz", imgs=empty)
    assert len(open_array(tmp_path / "y.npz", None, (3,), "p")) == 70_000


def test_what_is_not_wanted_is_not_unpacked(npz, hdf5, cache):
    def check(shape, dtype):
        raise UserError(f"{shape} of {dtype} is not wanted")

    for path in (npz, hdf5):
        with pytest.raises(UserError, match=r"\(6, 2, 2\) of uint8 is not wanted"):
            open_array(path, None, (3,), "p", check)
    assert not cache.exists()


def test_a_full_cache_is_said_before_anything_is_unpacked(tmp_path, cache, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", imgs=IMAGES)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(UserError, match="cannot unpack imgs.npy of x.npz into .*unpacked: No space left on device"):
        open_array(tmp_path / "x.npz", None, (3,), "p")
    assert not list((cache / "unpacked").glob("*.npy"))


def test_a_stored_member_is_compared_with_its_checksum_once(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", imgs=IMAGES)
    whole = (tmp_path / "x.npz").read_bytes()
    place = whole.index(IMAGES.tobytes())
    (tmp_path / "bad.npz").write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    with pytest.raises(UserError, match="bad.npz' cannot be read: Bad CRC-32 for file 'imgs.npy'"):
        open_array(tmp_path / "bad.npz", None, (3,), "p")
    open_array(tmp_path / "x.npz", None, (3,), "p")
    monkeypatch.setattr(arrays, "_BLOCK", "none")  # which read() refuses
    assert np.array_equal(open_array(tmp_path / "x.npz", None, (3,), "p"), IMAGES)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("rows", [5, 7, 10**12])
def test_a_header_that_names_another_size_is_damage(rows, compression, tmp_path, cache):
    header = repr({"descr": "|u1", "fortran_order": False, "shape": (rows, 2, 2)}).ljust(117) + "\n"
    with zipfile.ZipFile(tmp_path / "x.npz", "w", compression) as archive:
        archive.writestr("imgs.npy", b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + IMAGES.tobytes())
    with pytest.raises(UserError, match=rf"imgs.npy of .* is damaged: it has 152 bytes instead of {128 + 4 * rows:,}"):
        open_array(tmp_path / "x.npz", None, (3,), "p")
    assert not cache.exists()


def test_hdf5_arrays_that_are_nearly_empty_or_read_as_a_whole_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("sparse", (10**9, 10**3), "f4")
        file.create_dataset("packed", (10**9, 10**3), "f4", chunks=(1000, 1000), compression="gzip")[:10] = 1
        file.create_dataset("chunked", (10**6, 10**3), "u1", chunks=(10**6, 10**3))
        file.create_dataset("none", data=h5py.Empty("f4"))
    for name, said in (
        ("sparse", "sparse of .* of which the file holds 0 bytes"),
        ("packed", "packed of .* of which the file holds"),
        ("chunked", "chunked of .* has chunks of 954 MiB.*; write it in chunks of at most 256 MiB"),
        ("none", "cannot be read"),
    ):
        with pytest.raises(UserError, match=said) as refused:
            open_array(tmp_path / "x.h5", name, (2,), "p")
        assert "\n" not in str(refused.value)


def test_hdf5_arrays_in_other_files_are_not_read(tmp_path):
    h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
    (tmp_path / "secret.bin").write_bytes(IMAGES.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["imgs"] = IMAGES
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("outside", IMAGES.shape, "u1", external=[(str(tmp_path / "secret.bin"), 0, IMAGES.nbytes)])
        layout = h5py.VirtualLayout(IMAGES.shape, "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "imgs", IMAGES.shape)
        file.create_virtual_dataset("virtual", layout)
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "imgs")
    for name in ("outside", "virtual"):
        with pytest.raises(
            UserError, match=f"{name} of .* lies in other files, which are not read; copy it into one file"
        ):
            open_array(tmp_path / "x.h5", name, (3,), "p")
    with pytest.raises(UserError, match="no array in x.h5 is called 'linked'"):
        open_array(tmp_path / "x.h5", "linked", (3,), "p")


def test_a_chunk_of_hdf5_that_cannot_be_unpacked_is_one_sentence(tmp_path):
    h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("imgs", data=IMAGES, chunks=IMAGES.shape, compression="gzip")
        offset = file["imgs"].id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / "x.h5").read_bytes())
    content[offset : offset + 8] = b"\xff" * 8
    (tmp_path / "x.h5").write_bytes(content)
    rows = open_array(tmp_path / "x.h5", None, (3,), "from_file.path")
    for read in (lambda: rows[np.array([0, 1])], lambda: rows[np.array([0, 3])], lambda: np.asarray(rows)):
        with pytest.raises(UserError, match=r"from_file\.path: '.*x\.h5' cannot be read: ") as caught:
            read()
        assert "\n" not in str(caught.value)
