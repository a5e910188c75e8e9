"""array_blocks.py: arrays of .npz files, block by block; another array and every damage are refused."""

import numpy as np
import pytest
from support import writers
from support.writers import again, refused

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
