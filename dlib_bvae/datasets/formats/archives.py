"""Members of tar and zip archives, pictures among them, read into memory: nothing is ever written where an archive says.

So a member called ../../x, a link or a device can do no harm; they are not among the names that readers ask for.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dlib_bvae.datasets.formats import damaged, reading

SIZE = 64  # pixels a side, to which pictures are resized
_BLOCK = 1 << 20  # bytes
_PICTURES = 512  # decoded at once
_LARGEST = 2**22  # bytes of a picture's file


def check_gzip(path: Path) -> None:
    """Reads the whole gzip file, so that its CRC-32 is compared; raises what gzip raises."""
    with gzip.open(path) as file:
        while file.read(_BLOCK):
            pass


def tar_members(path: Path, wanted: Callable[[str], bool], largest: int) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the regular files in a tar or tar.gz whose name is wanted, in the archive's order.

    Names are without a leading "./". Raises UserError for a wanted member of more than `largest` bytes, and what tarfile
    raises for damage; a gzip file is compared with its CRC-32 before the first member is given.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        check_gzip(path)
    with tarfile.open(path, "r:gz" if packed else "r:") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if member.isreg() and wanted(name):
                yield name, _tar_content(path, archive, member, largest)


@contextlib.contextmanager
def open_files(path: Path, pattern: str, largest: int) -> Iterator[tuple[list[str], Callable[[str], bytes]]]:
    """The sorted names of the files that match `pattern` in a zip, a tar or a folder, and what reads one of them.

    Names are as in the archive, without a leading "./"; those of a folder begin with the folder's name. Raises
    UserError for a name that occurs twice or a file of more than `largest` bytes, and what the readers of archives raise.
    """
    if path.is_dir():
        yield _folder_files(path, pattern), lambda name: _limited(path, path.parent / name, largest)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            infos = _by_name(path, pattern, [(info.filename, info) for info in archive.infolist()])
            yield sorted(infos), lambda name: _zip_content(path, archive, infos[name], largest)
    else:
        with tarfile.open(path, "r:") as archive:
            members = _by_name(path, pattern, [(member.name, member) for member in archive if member.isreg()])
            yield sorted(members), lambda name: _tar_content(path, archive, members[name], largest)


def _folder_files(path: Path, pattern: str) -> list[str]:
    found = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    names = [file.relative_to(path.parent).as_posix() for file in found if file.is_file()]
    return sorted(name for name in names if re.fullmatch(pattern, name))


def _by_name(path: Path, pattern: str, members: list[tuple[str, Any]]) -> dict[str, Any]:
    named = [(name.removeprefix("./"), member) for name, member in members]
    wanted = [(name, member) for name, member in named if re.fullmatch(pattern, name)]
    if len(dict(wanted)) != len(wanted):
        raise damaged(path, "it has two members of the same name")
    return dict(wanted)


def _limited(path: Path, file: Path, largest: int) -> bytes:
    _check_size(path, file.name, file.stat().st_size, largest)
    return file.read_bytes()


def _zip_content(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, largest: int) -> bytes:
    _check_size(path, info.filename, info.file_size, largest)
    return archive.read(info)


def _tar_content(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, largest: int) -> bytes:
    _check_size(path, member.name, member.size, largest)
    file = archive.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise damaged(path, "it ends too early")
    return content


def _check_size(path: Path, name: str, size: int, largest: int) -> None:
    if size > largest:
        raise damaged(path, f"its file {name} has {size:,} bytes, expected at most {largest:,}")


def resized(image: np.ndarray) -> np.ndarray:
    """uint8 (height, width) or (height, width, 3) → uint8 (64, 64[, 3]) by Pillow's Lanczos filter.

    Lanczos is the filter of disentanglement_lib (its PIL.Image.ANTIALIAS).
    """
    return np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def decoded(content: bytes, size: tuple[int, int], mode: str) -> np.ndarray:
    """The bytes of a JPEG or PNG of (width, height) pixels → uint8 (height, width[, 3]) in `mode` "L" or "RGB".

    Raises ValueError for another size, before any pixel is decoded, and what Pillow raises for damage.
    """
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
        if picture.size != size:
            raise ValueError(f"a picture has {picture.size} pixels instead of {size}")
        return np.asarray(picture.convert(mode))


def read_pictures(
    path: Path, pattern: str, number: int, first: int, image: Callable[[bytes], np.ndarray]
) -> Iterator[np.ndarray]:
    """The pictures of a zip, a tar or a folder whose name matches `pattern`, sorted by name, from `first`, in blocks.

    image: turns a file's bytes into a row. Raises UserError when there are not exactly `number`, or one is damaged.
    """
    kind = "a folder of pictures" if path.is_dir() else "an archive of pictures"
    with reading(path, kind), open_files(path, pattern, _LARGEST) as (names, content), ThreadPoolExecutor() as pool:
        if len(names) != number:
            raise damaged(path, f"it has {len(names):,} pictures instead of {number:,}")
        for start in range(first, number, _PICTURES):
            # Archives are read by one thread; Pillow decodes outside of Python's lock.
            contents = [content(name) for name in names[start : start + _PICTURES]]
            yield np.stack(list(pool.map(image, contents)))
