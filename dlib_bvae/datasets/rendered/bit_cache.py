"""A drawn data set on disk: rows of bytes in one .npy file, made once by one process, memory-mapped by all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import Progress

from dlib_bvae.datasets.official.files import CACHE_VARIABLE, locked, sha256_of
from dlib_bvae.errors import UserError

_CHECKED_ROWS = 64


def open_or_draw(
    path: Path,
    shape: tuple[int, int],
    blocks: Callable[[], Iterator[np.ndarray]],
    row: Callable[[int], np.ndarray] | None = None,
    *,
    checked: int = _CHECKED_ROWS,
    tolerance: float = 0.0,
) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`; draws it from `blocks` when it is not there.

    blocks: gives the rows in order, in uint8 arrays. row: draws one row, to check `checked` of the file at every opening;
    without it the whole file is compared with its checksum (for small files). tolerance: the share of a row's bytes that
    may differ, for drawings in floating point, whose last bit depends on the machine.
    One process draws, others wait. Raises UserError for a damaged file or a full disk.
    """
    if not path.exists():
        _draw_locked(path, shape, blocks)
    rows = open_rows(path, shape)
    if row is None:
        verify(path)
        return rows
    for index in np.random.default_rng(0).integers(shape[0], size=checked):
        if np.mean(rows[index] != row(int(index))) > tolerance:
            raise _damaged(path, f"row {index} is not what is drawn there")
    return rows


def verify(path: Path) -> None:
    """Compares the whole file with the checksum made when it was written. Raises UserError when they differ."""
    if sha256_of(path, shown=True) != description(path)["sha256"]:
        raise _damaged(path, "its checksum differs")


def description(path: Path) -> dict[str, Any]:
    """What was written beside `path` when it was made: shape, sha256, … Raises UserError when that is damaged."""
    try:
        found = json.loads(_description(path).read_text(encoding="utf-8"))
        if isinstance(found["sha256"], str):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise _damaged(path, "its description is missing or damaged")


def _draw_locked(path: Path, shape: tuple[int, int], blocks: Callable[[], Iterator[np.ndarray]]) -> None:
    part = path.with_suffix(".part")
    with locked(path, f"draw {path.name}", CACHE_VARIABLE, math.prod(shape)):
        if path.exists():
            return
        try:
            _write(part, shape, blocks())
            finish(part, path, shape)
        finally:
            part.unlink(missing_ok=True)


def _write(part: Path, shape: tuple[int, int], blocks: Iterator[np.ndarray]) -> None:
    with part.open("wb") as file, Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("drawing (once)", total=shape[0])
        write_header(file, shape)
        for block in blocks:
            file.write(block.tobytes())
            progress.update(task, advance=len(block))
        file.flush()
        os.fsync(file.fileno())


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Begins a .npy file of uint8 `shape`."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def finish(part: Path, path: Path, shape: tuple[int, ...], **more: Any) -> None:
    """Describes the whole file `part` (shape, sha256 and `more`) beside `path`, then gives it that name."""
    description = {"shape": shape, "sha256": sha256_of(part, shown=True), **more}
    _description(path).write_text(json.dumps(description) + "\n", encoding="utf-8")
    os.replace(part, path)


def open_rows(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Opens `path` as a memory-mapped uint8 array of `shape`. Raises UserError when it is damaged."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, "it is truncated or no .npy file") from error
    if rows.shape != shape or rows.dtype != np.uint8:
        raise _damaged(path, f"it holds {rows.dtype} {rows.shape} instead of uint8 {shape}")
    return rows


def _description(path: Path) -> Path:
    return path.with_suffix(".json")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"the cache file {path} is damaged: {what}; delete it, it will be made again")
