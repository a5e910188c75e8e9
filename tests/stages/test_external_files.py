"""Files that --codes may name: what is no codes is one sentence and leaves nothing; what takes all memory is not read."""

import resource
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.crafted import BAD_CODES, SHAPE, npy

from dlib_bvae.errors import UserError


@pytest.mark.parametrize("kind", BAD_CODES)
def test_files_that_hold_no_codes_are_one_sentence(kind, codes, score_external):
    make, told = BAD_CODES[kind]
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
    [((512, 40_000), "at most 20000 numbers per image"), ((600, 40_000), SHAPE), ((512, 18_000), None)],
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
    [((10**9, 10**4), SHAPE), ((512, 10**9), "at most 20000 numbers per image"), ((512, 20_000), None)],
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
