"""Pickles that others made are programs; this reader runs none of them.

Two gates: the opcodes must be those that plain containers, text, numbers and arrays need, and the only names a pickle may
ask for lead to the shims below, which check what they are given. numpy's own unpickling code is never reached.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from typing import Any

import numpy as np

_OPCODES = frozenset(
    re.findall(
        r"\w+",
        """PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT LONG LONG1 BININT BININT1 BININT2 FLOAT BINFLOAT
        STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
        EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS
        PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD""",
    )
)
_DTYPES = frozenset(["u1", "|u1", "i4", "<i4", "i8", "<i8", "f4", "<f4", "f8", "<f8"])


def read_pickle(content: bytes) -> dict[Any, Any]:
    """The dict that was pickled, of dicts, lists, tuples, bytes, text, numbers and numpy arrays of uint8, integers and floats.

    Texts of Python 2 come as bytes. Raises pickle.UnpicklingError, or whatever Python's reader raises on bad bytes.
    """
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"the opcode {opcode.name} is not admitted")
        # The C reader would make a table as long as the largest index.
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= len(content):
            raise pickle.UnpicklingError(f"the memo index {argument} is not admitted")
    return _plain(_Reader(io.BytesIO(content), encoding="bytes").load())


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only the names that a pickled array has."""
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _reconstruct
        if (module, name) == ("numpy", "ndarray"):
            return _ARRAY
        if (module, name) == ("numpy", "dtype"):
            return _DType
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"the name {module}.{name} is not admitted")


class _DType:
    """Stands for numpy.dtype(text, align, copy)."""

    def __init__(self, text: Any, *_: Any):
        self.name = text.decode("ascii") if isinstance(text, bytes) else text
        if self.name not in _DTYPES:
            raise pickle.UnpicklingError(f"arrays of {text!r} are not admitted")

    def __setstate__(self, state: Any) -> None:
        """The state (version, byte order, …): the byte order must be this machine's or none."""
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", "|", "="):
            raise pickle.UnpicklingError(f"the byte order {order!r} is not admitted")


class _Array:
    """Stands for an array between numpy's _reconstruct and its state."""

    array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _DType) or not isinstance(content, bytes) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("the state of an array is not shape, type and bytes")
        flat = np.frombuffer(content, np.dtype(dtype.name))
        if not all(isinstance(size, int) and size >= 0 for size in shape) or math.prod(shape) != flat.size:
            raise pickle.UnpicklingError(f"an array of shape {shape} has {flat.size} elements")
        self.array = flat.reshape(shape, order="F" if fortran else "C")


_ARRAY = object()


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    if kind is not _ARRAY or shape != (0,):
        raise pickle.UnpicklingError("only plain arrays are admitted")
    return _Array()


def _encode(text: Any, codec: Any) -> bytes:
    """How Python 3 writes bytes for the protocols of Python 2."""
    if not isinstance(text, str) or codec not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("only latin1 is admitted")
    return text.encode("latin1")


def _plain(value: Any) -> dict[Any, Any]:
    """The arrays themselves in the place of their shims, in a dict of the outermost level."""
    if not isinstance(value, dict):
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__} instead of a dict")
    return {key: entry.array if isinstance(entry, _Array) else entry for key, entry in value.items()}
