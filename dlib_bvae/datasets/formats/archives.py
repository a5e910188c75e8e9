"""Members of tar and zip archives, read into memory: nothing is ever written where an archive says.

So a member called ../../x, a link or a device can do no harm; they are not among the names that readers ask for.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dlib_bvae.datasets.formats.errors import damaged

_BLOCK = 1 << 20


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

    Names are as in the archive, without a leading "./"; those of a folder begin with the folder's own name. Raises
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
