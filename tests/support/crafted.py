"""Files that were made to do harm, or to take all memory, and pictures that Pillow reads and does not write."""

import io
import struct
import zlib

import numpy as np

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 6\n%%EndComments\nshowpage\n%%EOF\n"


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(height, width, bits, kind, pixels, *more):
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + _chunk(b"IDAT", zlib.compress(pixels)) + _chunk(b"IEND", b"")
    )


def empty_png(height, width):
    """A PNG of that size whose pixels are not there."""
    return _png(height, width, 8, 2, b"")


def deep_png(values, transparent=None):
    """A PNG of 16 bits: uint16 (height, width, channels), 1 to 4 of them; transparent: the value that is, one a channel."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    more = [] if transparent is None else [_chunk(b"tRNS", np.array(transparent, ">u2").tobytes())]
    return _png(height, width, 16, kind, b"".join(b"\0" + row.astype(">u2").tobytes() for row in values), *more)


def gray_tiff(shape, content, bits=16, photometric=1, sample_format=1):
    """A TIFF of one channel: its (height, width), bytes of little-endian samples, and the tags of that name."""
    tags = {256: shape[1], 257: shape[0], 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: shape[0]}
    tags |= {279: len(content), 339: sample_format}
    tags[273] = 14 + 12 * len(tags)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + content


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


SHAPE = r"codes must be numbers \([0-9]+, latents\), one row per image in index order; got "
UNREADABLE = "codes: '.*codes.npy' cannot be read: "
STRUCTURE = np.dtype([("a", "f4"), ("b", "f4")])
# kind → bytes of codes.npy, made of codes float32 (n, 3), and what is said of them
BAD_CODES = {
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
    "bool": (lambda c: npy(c > 0), SHAPE + r"bool \([0-9]+, 3\)"),
    "0-d": (lambda c: npy(c[0, 0]), SHAPE + r"float32 \(\)"),
    "1-d": (lambda c: npy(c[:, 0]), SHAPE + r"float32 \([0-9]+,\)"),
    "3-d": (lambda c: npy(c[..., None]), SHAPE + r"float32 \([0-9]+, 3, 1\)"),
    "no rows": (lambda c: npy(c[:0]), SHAPE + r"float32 \(0, 3\)"),
    "no columns": (lambda c: npy(c[:, :0]), SHAPE + r"float32 \([0-9]+, 0\)"),
    "a row too few": (lambda c: npy(c[1:]), SHAPE + r"float32 \([0-9]+, 3\)"),
    "a row too many": (lambda c: npy(np.vstack([c, c[:1]])), SHAPE + r"float32 \([0-9]+, 3\)"),
    "turned": (lambda c: npy(c.T), SHAPE + r"float32 \(3, [0-9]+\)"),
    "NaN": (lambda c: npy(changed(c, np.nan)), "codes.npy: the code of image 7 is NaN or infinite"),
    "infinite": (lambda c: npy(changed(c, -np.inf)), "codes.npy: the code of image 7 is NaN or infinite"),
    "huge": (lambda c: npy(changed(c, 1e30)), r"codes.npy: the code of image 7 is beyond ±1e\+15; scale the codes"),
}
