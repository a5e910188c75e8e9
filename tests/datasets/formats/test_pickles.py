"""pickles.py: plain data come through, programs do not."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest
from support import writers

from dlib_bvae.datasets.formats.pickles import read_pickle

ARRAYS = [
    writers.pixels(3, 4),
    np.asfortranarray(writers.pixels(3, 4)),
    np.arange(5),
    np.linspace(0, 1, 3),
    np.array(2, np.float32),
]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("array", ARRAYS)
def test_arrays_and_plain_containers_are_read(protocol, array):
    plain = {b"labels": [0, 300, 70_000, 2**40, -1], "t": ("é", None, True, 1.5, {}, []), b"names": [b"a.png"] * 3}
    read = read_pickle(pickle.dumps({b"data": array, **plain}, protocol=protocol))
    np.testing.assert_array_equal(read.pop(b"data"), array)
    assert read == plain


def test_what_python_2_wrote_is_read():
    data = writers.pixels(3, 3072)
    content = writers.python2_pickle(data, [1, 2, 3])
    np.testing.assert_array_equal(pickle.loads(content, encoding="bytes")[b"data"], data)
    read = read_pickle(content)
    np.testing.assert_array_equal(read[b"data"], data)
    assert read[b"labels"] == [1, 2, 3]


class Call:
    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


HARMFUL = [
    Call(os.system, "exit 1"),
    Call(eval, "1"),
    Call(np.dtype, "O"),
    Call(np.load, "x"),
    Call(collections.OrderedDict),
    np.array([{}], object),
    np.zeros(2, [("a", "u1")]),
    np.array(["text"]),
    np.arange(3).astype(">i8"),
    np.float64(1),
    {1, 2},
    bytearray(b"x"),
]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("value", HARMFUL, ids=lambda value: type(value).__name__)
def test_everything_else_is_refused(value, protocol):
    with pytest.raises(pickle.UnpicklingError, match="admitted|state of an array"):
        read_pickle(pickle.dumps({b"data": value}, protocol=protocol))


@pytest.mark.parametrize("value", [[1], 5, b"x", writers.pixels(2)])
def test_a_pickle_is_a_dict(value):
    with pytest.raises(pickle.UnpicklingError, match="instead of a dict"):
        read_pickle(pickle.dumps(value, protocol=2))


def test_a_memo_index_without_measure_is_refused():
    with pytest.raises(pickle.UnpicklingError, match="the memo index 2147483647 is not admitted"):
        read_pickle(b"\x80\x02}r" + struct.pack("<I", 2**31 - 1) + b".")


@pytest.mark.parametrize(
    "state",
    [
        (1, (3, 4), np.dtype("u1"), False, b"x" * 11),
        (1, (3, -4), np.dtype("u1"), False, b"x" * 12),
        (1, (2**40, 2**40), np.dtype("u1"), False, b""),
        (1, [12], np.dtype("u1"), False, b"x" * 12),
        (1, (12,), "u1", False, b"x" * 12),
        (1, (12,), np.dtype("u1"), False, [b"x"] * 12),
    ],
)
def test_an_array_without_its_elements_is_refused(state):
    from numpy._core.multiarray import _reconstruct

    class Array:
        def __reduce__(self):
            return (_reconstruct, (np.ndarray, (0,), b"b"), state)

    with pytest.raises(pickle.UnpicklingError, match="elements|state of an array|admitted"):
        read_pickle(pickle.dumps({b"data": Array()}, protocol=2))
