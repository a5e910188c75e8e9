"""Files that --codes may name: what is no codes is one sentence and leaves nothing; what takes all memory is not read."""

import io
import resource
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from dlib_bvae.errors import UserError


def npy(array, **options):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), **options)
    return file.getvalue()


def npz(array):
    """The bytes of a .npz file."""
    file = io.BytesIO()
    np.savez(file, array)
    return file.getvalue()


def header(text):
    """The bytes of a .npy file whose header is `text`, with 6,144 bytes of zeros."""
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(6144)


def changed(codes, value):
    """The codes with one that is `value`, of image 7."""
    codes = codes.copy()
    codes[7, 1] = value
    return codes


SHAPE = r"codes must be numbers \(512, latents\), one row an image in index order; got "
UNREADABLE = "--codes: 'codes.npy' cannot be read: "
STRUCTURE = np.dtype([("a", "f4"), ("b", "f4")])
BAD = {
    "empty": (lambda c: b"", UNREADABLE),
    "no .npy file": (lambda c: b"codes" * 50, UNREADABLE),
    "a .npz file": (lambda c: npz(c), UNREADABLE + "the magic string is not correct"),
    "magic alone": (lambda c: npy(c)[:8], UNREADABLE),
    "header alone": (lambda c: npy(c)[:128], UNREADABLE),
    "truncated": (lambda c: npy(c)[:-1], UNREADABLE),
    "version 9": (lambda c: npy(c)[:6] + b"\x09" + npy(c)[7:], UNREADABLE),
    "code in the header": (lambda c: header("__import__('os').abort()"), UNREADABLE),
    "a header of 60 kB": (lambda c: b"\x93NUMPY\x01\x00\x60\xea" + b"(" * 60_000, UNREADABLE),
    "no shape": (lambda c: header("{'descr': '<f4', 'fortran_order': False}"), UNREADABLE),
    "negative rows": (lambda c: header("{'descr': '<f4', 'fortran_order': False, 'shape': (-512, 3)}"), UNREADABLE),
    "rows beyond the end": (
        lambda c: header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**15}, 3)}}"),
        UNREADABLE,
    ),
    "rows beyond 64 bits": (
        lambda c: header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**30}, 3)}}"),
        UNREADABLE,
    ),
    "an unknown type": (lambda c: header("{'descr': '<q9', 'fortran_order': False, 'shape': (512, 3)}"), UNREADABLE),
    "objects": (lambda c: npy(c.astype(object), allow_pickle=True), UNREADABLE),
    "pickled": (lambda c: b"\x80\x04N.", UNREADABLE),
    "structured": (lambda c: npy(np.zeros((512, 3), STRUCTURE)), "holds .*f4.*; expected numbers"),
    "text": (lambda c: npy(c.astype(str)), "holds <U[0-9]+; expected numbers"),
    "bytes": (lambda c: npy(c.astype(bytes)), r"holds \|S[0-9]+; expected numbers"),
    "dates": (lambda c: npy(np.zeros((512, 3), "M8[s]")), r"holds datetime64\[s\]; expected numbers"),
    "complex": (lambda c: npy(c.astype(complex)), "holds complex128; expected numbers"),
    "void": (lambda c: npy(np.zeros((512, 3), "V4")), "holds .*V4; expected numbers"),
    "bool": (lambda c: npy(c > 0), SHAPE + r"bool \(512, 3\)"),
    "0-d": (lambda c: npy(c[0, 0]), SHAPE + r"float32 \(\)"),
    "1-d": (lambda c: npy(c[:, 0]), SHAPE + r"float32 \(512,\)"),
    "3-d": (lambda c: npy(c[..., None]), SHAPE + r"float32 \(512, 3, 1\)"),
    "no rows": (lambda c: npy(c[:0]), SHAPE + r"float32 \(0, 3\)"),
    "no columns": (lambda c: npy(c[:, :0]), SHAPE + r"float32 \(512, 0\)"),
    "a row too few": (lambda c: npy(c[1:]), SHAPE + r"float32 \(511, 3\)"),
    "a row too many": (lambda c: npy(np.vstack([c, c[:1]])), SHAPE + r"float32 \(513, 3\)"),
    "turned": (lambda c: npy(c.T), SHAPE + r"float32 \(3, 512\)"),
    "NaN": (lambda c: npy(changed(c, np.nan)), "codes.npy: the code of image 7 is NaN or infinite"),
    "infinite": (lambda c: npy(changed(c, -np.inf)), "codes.npy: the code of image 7 is NaN or infinite"),
    "huge": (lambda c: npy(changed(c, 1e30)), r"codes.npy: the code of image 7 is beyond ±1e\+15; scale the codes"),
}


@pytest.mark.parametrize("kind", BAD)
def test_files_that_hold_no_codes_are_one_sentence(kind, codes, score_external):
    make, told = BAD[kind]
    Path("codes.npy").write_bytes(make(codes))
    with pytest.raises(UserError, match=told) as refused:
        score_external("mig", codes=Path("codes.npy"))
    assert "\n" not in str(refused.value)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda c: c.astype(">f4"), lambda c: c.astype(np.longdouble), lambda c: c.astype(np.float64)],
    ids=["Fortran order", "big-endian", "long double", "float64"],
)
def test_numbers_in_another_order_or_width_are_the_same_codes(change, codes, score_external):
    Path("codes.npy").write_bytes(npy(codes))
    Path("other.npy").write_bytes(npy(change(codes)))
    (expected,), (found,) = (score_external("mig", codes=Path(name)) for name in ("codes.npy", "other.npy"))
    assert found["discrete_mig"] == expected["discrete_mig"]


@pytest.fixture
def little_memory():
    """1 GiB more of address space than is in use."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def bomb(path, shape):
    """A .npz file of zeros of that shape, float32, which takes a thousandth of it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("codes.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for _ in range(shape[0]):
            member.write(bytes(4 * shape[1]))


@pytest.mark.parametrize(
    ("shape", "told"),
    [((512, 40_000), "at most 20000 numbers an image"), ((600, 40_000), SHAPE), ((512, 18_000), None)],
)
def test_a_small_npz_file_does_not_fill_the_cache(shape, told, codes, score_external, little_memory, monkeypatch):
    monkeypatch.setattr("dlib_bvae.datasets.external.arrays._SMALL", 2**24)
    bomb("codes.npz", shape)
    with pytest.raises(UserError, match=told or "codes of .* has 35 MiB, of which the file holds .* nearly empty"):
        score_external("mig", codes=Path("codes.npz"))
    assert not Path("cache/unpacked").exists()
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("shape", "told"),
    [((10**9, 10**4), SHAPE), ((512, 10**9), "at most 20000 numbers an image"), ((512, 20_000), None)],
)
def test_a_small_hdf5_file_does_not_fill_the_memory(shape, told, codes, score_external, little_memory, monkeypatch):
    monkeypatch.setattr("dlib_bvae.datasets.external.arrays._SMALL", 2**24)
    with h5py.File("codes.h5", "w") as file:
        file.create_dataset("codes", shape, "f4")
    with pytest.raises(UserError, match=told or "codes of .* has 39 MiB, of which the file holds 0 bytes"):
        score_external("mig", codes=Path("codes.h5"))
    assert not Path("runs").exists()


def test_codes_of_an_hdf5_file_that_do_not_fit_into_memory_are_refused(codes, score_external, monkeypatch):
    monkeypatch.setattr("dlib_bvae.stages.external._HDF5_BYTES", 1_000)
    with h5py.File("codes.h5", "w") as file:
        file["codes"] = codes
    with pytest.raises(UserError, match="codes.h5: an HDF5 file's codes would take .*; save them as .npy"):
        score_external("mig", codes=Path("codes.h5"))
