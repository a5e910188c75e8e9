"""array_blocks.py: arrays of .npz files, block by block; another array and every damage are refused."""

import gzip
import struct

import numpy as np
import pytest
from support import writers
from support.writers import again, refused

from dlib_bvae.datasets.formats import array_blocks
from dlib_bvae.errors import UserError

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
@pytest.mark.parametrize("first", [0, 1, 5, 10])
def test_rows_come_in_blocks_from_any_row(tmp_path, monkeypatch, first, compressed):
    rows = writers.pixels(10, 3, 2)
    (np.savez_compressed if compressed else np.savez)(tmp_path / "x.npz", imgs=rows.reshape(5, 2, 3, 2))
    monkeypatch.setattr(array_blocks, "_BLOCK_BYTES", 4 * 6)
    blocks = list(array_blocks.read_rows(tmp_path / "x.npz", "imgs", "uint8", 10, (3, 2), first))
    assert [len(block) for block in blocks] == [4] * ((10 - first) // 4) + [(10 - first) % 4] * ((10 - first) % 4 > 0)
    assert np.array_equal(np.concatenate([np.zeros((0, 3, 2), np.uint8), *blocks]), rows[first:])


def test_a_row_larger_than_a_block_is_read_alone(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", imgs=writers.pixels(3, 5))
    monkeypatch.setattr(array_blocks, "_BLOCK_BYTES", 2)
    assert [len(block) for block in array_blocks.read_rows(tmp_path / "x.npz", "imgs", "uint8", 3, (5,))] == [1, 1, 1]


def matrix(path, array, magic=507333717, dimensions=None, more=b""):
    """A gzipped NORB matrix; its header has at least three sizes."""
    sizes = [*array.shape, *[1] * (3 - array.ndim)]
    header = struct.pack(f"<ii{len(sizes)}i", magic, array.ndim if dimensions is None else dimensions, *sizes)
    path.write_bytes(gzip.compress(header + array.tobytes() + more))
    return path


@pytest.mark.parametrize("shape", [(7,), (7, 2), (7, 3, 2, 2)])
def test_a_matrix_of_any_dimensions_comes_in_blocks(tmp_path, monkeypatch, shape):
    array = np.arange(np.prod(shape), dtype="<i4").reshape(shape)
    monkeypatch.setattr(array_blocks, "_BLOCK_BYTES", 3 * 4 * int(np.prod(shape[1:])) + 1)
    blocks = list(array_blocks.read_matrix(matrix(tmp_path / "x.gz", array, 507333716), "int32", shape))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert np.array_equal(np.concatenate(blocks), array)


def test_another_matrix_is_refused(tmp_path):
    array, path = writers.pixels(4, 2), tmp_path / "x.gz"
    cases = [
        (matrix, {"magic": 507333716}, r"it is int32 \(4, 2\) in 2 dimensions instead of uint8 \(4, 2\)"),
        (matrix, {"magic": 5}, "it is another type"),
        (matrix, {"dimensions": 3}, "in 3 dimensions instead of"),
        (matrix, {"more": b"x"}, "more bytes follow its elements"),
    ]
    for write, changes, words in cases:
        with pytest.raises(UserError, match=words):
            list(array_blocks.read_matrix(write(path, array, **changes), "uint8", (4, 2)))
    with pytest.raises(UserError, match=r"instead of uint8 \(5, 2\)"):
        list(array_blocks.read_matrix(matrix(path, array), "uint8", (5, 2)))
    path.write_bytes(gzip.compress(gzip.decompress(matrix(path, array).read_bytes())[:-1]))
    with pytest.raises(UserError, match="it ends too early"):
        list(array_blocks.read_matrix(path, "uint8", (4, 2)))
