"""An official file becomes rows in a memory-mapped .npy file, once: block by block, continued after a kill."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from dlib_bvae.datasets.official.files import CACHE_VARIABLE, locked
from dlib_bvae.datasets.rendered import bit_cache

_BYTES_BETWEEN_NOTES = 2**27


def open_or_convert(
    path: Path,
    shape: tuple[int, ...],
    blocks: Callable[[int], Iterator[np.ndarray]],
    origin: dict[str, Any],
    prepare: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`; writes it from `blocks` when it is not there.

    blocks: gives the rows from the one asked for, in order, in uint8 arrays. origin: what tells the files apart that the
    rows come from; a killed conversion is continued only where it is the same. prepare: called before the first row is
    asked for. One process converts, others wait.
    Raises UserError for a damaged file or a full disk; then, as after any other error, no part of a file is left.
    """
    if not path.exists():
        with locked(path, f"write {path.name}", CACHE_VARIABLE, math.prod(shape)):
            if not path.exists():
                _convert(path, shape, blocks, origin, prepare)
    return bit_cache.open_rows(path, shape)


def _convert(
    path: Path,
    shape: tuple[int, ...],
    blocks: Callable[[int], Iterator[np.ndarray]],
    origin: dict[str, Any],
    prepare: Callable[[], None],
) -> None:
    part, note = path.with_suffix(".part"), path.with_suffix(".progress")
    done = _rows_done(part, note, shape, origin)
    try:
        if not done:
            prepare()
        with part.open("r+b" if done else "wb") as file:
            bit_cache.write_header(file, shape)
            file.seek(done * math.prod(shape[1:]), os.SEEK_CUR)
            file.truncate()
            _write(file, shape, done, blocks(done), lambda rows: _take_note(note, rows, origin))
        bit_cache.finish(part, path, shape, origin=origin)
    except Exception:  # not KeyboardInterrupt: that and a kill leave what is done to the next start
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        raise
    note.unlink(missing_ok=True)


def _write(
    file: BinaryIO, shape: tuple[int, ...], done: int, blocks: Iterator[np.ndarray], take_note: Callable[[int], None]
) -> None:
    row_bytes, noted = math.prod(shape[1:]), done
    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("converting (once)", total=shape[0] * row_bytes, completed=done * row_bytes)
        for block in blocks:
            if block.dtype != np.uint8 or block.shape[1:] != shape[1:] or done + len(block) > shape[0]:
                raise ValueError(
                    f"a block of {block.dtype} {block.shape} does not fit into uint8 {shape} at row {done}"
                )
            file.write(block.tobytes())
            done += len(block)
            progress.update(task, completed=done * row_bytes)
            if (done - noted) * row_bytes >= _BYTES_BETWEEN_NOTES:
                _sync(file)
                take_note(done)
                noted = done
        if done != shape[0]:
            raise ValueError(f"{done} rows were read instead of {shape[0]}")
        _sync(file)


def _rows_done(part: Path, note: Path, shape: tuple[int, ...], origin: dict[str, Any]) -> int:
    """How many rows a killed conversion of the same files has safely written."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        rows, same = known["rows"], known["origin"] == json.loads(json.dumps(origin))
        enough = part.stat().st_size >= rows * math.prod(shape[1:])
        return rows if same and enough and isinstance(rows, int) and 0 <= rows <= shape[0] else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _take_note(note: Path, rows: int, origin: dict[str, Any]) -> None:
    beside = note.with_suffix(".note")
    beside.write_text(json.dumps({"rows": rows, "origin": origin}), encoding="utf-8")
    os.replace(beside, note)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
