"""Tables, pages and pictures in a folder of the user's choice: written together, and never over a file of somebody else.

A file next to them, MARK, has the SHA-256 of what this package wrote under each name; only a file with such content is
replaced. MARK is written before the files, so that a kill between two of them leaves none that is not known. What an earlier
version wrote without MARK is known by its form, which somebody may have changed: it is kept under another name.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from dlib_bvae.artifacts.record import is_temporary, write_atomic, writing, written_next_to
from dlib_bvae.errors import UserError, visible

MARK = ".dlib_bvae_files.json"
_KEPT = 8  # digests of a name: concurrent commands write what differs
_BLOCK = 2**20  # bytes

_Pieces = str | bytes | Iterable[str | bytes]
Content = _Pieces | Callable[[], _Pieces]
Earlier = Callable[[Path], bool]


def check_outputs(directory: Path, names: Iterable[str], flag: str, earlier: Earlier | None = None) -> list[Path]:
    """Raises UserError where a file in `directory` that one of `names` is for was not written by write_outputs, or changed since.

    flag: what chooses another directory, as in --output. earlier: says of a file whether it has the form of one that an earlier
    version wrote; returns those, which write_outputs keeps under another name.
    """
    known, found = _known(directory), []
    for name in names:
        path = directory / name
        if os.path.lexists(path) and not (path.is_file() and _digest(path) in known.get(name, ())):
            if name in known or not path.is_file() or earlier is None or not earlier(path):
                raise UserError(
                    f"{path} is not as this package wrote it, or another's; move it elsewhere, or choose another {flag}"
                )
            found.append(path)
    return found


def write_outputs(
    directory: Path, files: Mapping[str, Content], flag: str, earlier: Earlier | None = None, folder: str = ""
) -> list[Path]:
    """Writes all `files` (name → content, or what makes it, one after the other) into `directory`; returns their paths.

    All are on the disk before the first is renamed. flag, earlier: see check_outputs; what an earlier version wrote is kept as
    <name>.before<suffix>, which is said on standard error. folder: names may be "<folder>/<name>"; what was written into that
    folder before and is not among `files` is removed, unless it was changed since. Raises UserError as check_outputs does, and
    where `directory` cannot be written; what was there is then as it was.
    """
    of_earlier = check_outputs(directory, files, flag, earlier)
    _remove_parts(directory, [*files, MARK])
    paths = {directory / name: _pieces(content) for name, content in files.items()}
    with written_next_to(paths) as parts:
        new = {name: _digest(parts[directory / name]) for name in files}
        _note(directory, new)  # first, as it is what a full disk refuses
        for path in of_earlier:
            _keep(path)
        for path, part in parts.items():
            os.replace(part, path)
        _note(directory, new)  # another command may have written MARK as it had been before
    if folder:
        _remove_others(directory, folder, files)
    return list(paths)


def _remove_others(directory: Path, folder: str, names: Collection[str]) -> None:
    """Removes what was written into the `folder` in `directory` earlier, is as it was, and is none of `names`."""
    for name, digests in _known(directory).items():
        path = directory / name
        if not name.startswith(f"{folder}/") or name in names or not path.is_file():
            continue
        if _digest(path) in digests:
            with writing(path):
                path.unlink()
        else:
            print(visible(f"kept: {path}, which was changed since this package wrote it"), file=sys.stderr)


def _keep(path: Path) -> None:
    """Renames a file to the first free of results.before.csv, results.before2.csv, …"""
    names = (f"{path.stem}.before{number}{path.suffix}" for number in itertools.chain([""], itertools.count(2)))
    kept = next(each for name in names if not os.path.lexists(each := path.with_name(name)))
    path.rename(kept)
    print(visible(f"kept: {path}, which has no mark of this version, is now {kept.name}"), file=sys.stderr)


def _remove_parts(directory: Path, names: Iterable[str]) -> None:
    """Removes what processes that are no more were writing for `names`: .<name>.<process>."""
    for path in (directory / name for name in names):
        for part in path.parent.glob(f".{glob.escape(path.name)}.*"):
            process = part.name.rpartition(".")[2]
            if is_temporary(part) and part.name == f".{path.name}.{process}" and not _is_alive(int(process)):
                with contextlib.suppress(OSError):
                    part.unlink()


def _is_alive(process: int) -> bool:
    """Whether a process of this machine has the number; True where that cannot be asked without harm."""
    if os.name != "posix":  # there, any signal ends the process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def _note(directory: Path, new: Mapping[str, str]) -> None:
    """Adds the digests `new` of files to MARK, where they are not the last of their names."""
    known = _known(directory)
    if all(known.get(name, [])[-1:] == [digest] for name, digest in new.items()):
        return
    for name, digest in new.items():
        known[name] = [*(each for each in known.get(name, []) if each != digest), digest][-_KEPT:]
    write_atomic(directory / MARK, json.dumps(known, indent=1, sort_keys=True) + "\n")


def _pieces(content: Content) -> Iterator[str | bytes]:
    made = content() if callable(content) else content
    if isinstance(made, (str, bytes)):
        yield made
    else:
        yield from made


def _known(directory: Path) -> dict[str, list[str]]:
    """Name → digests of what was written under it."""
    path = directory / MARK
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [str(each) for each in digests] for name, digests in found.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is damaged; delete it, and move the files that are next to it elsewhere") from error


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with writing(path), open(path, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
