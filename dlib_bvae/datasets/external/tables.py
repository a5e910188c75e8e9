"""Labels in files of the user, CSV, Parquet or arrays → named columns, one entry an image; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.external.arrays import SUFFIXES, open_array
from dlib_bvae.errors import UserError, pluralize, unknown

TABLES = (".csv", ".parquet")
_MOST_BYTES = 2**30  # of a file of labels, or of its columns unpacked


class Columns(NamedTuple):
    """names: None where the file names none. entries: of each column, float64 with NaN, or texts (dtype object) with None."""

    names: tuple[str | None, ...]
    entries: tuple[np.ndarray, ...]


def is_file_of_labels(labels: str) -> bool:
    """Whether `labels` is the name of a file that has labels; else it is a key in the file of the images."""
    return labels.endswith((*TABLES, *SUFFIXES))


def read_columns(path: Path, wanted: Any, images: int | None, parameter: str, named: bool = False) -> Columns:
    """The columns `wanted` (None: all) of a .csv, .parquet, .npy, .npz or HDF5 file of labels.

    images: how many rows it must have; None: any. In files of arrays columns are arrays (images,), by their keys; without
    `wanted` the only array (images, columns). named: it is a table whose first column names the images, which is always read.
    Raises UserError, which names `parameter`, for files, columns and types that do not fit.
    """
    asked = _checked(wanted, parameter)
    if path.suffix in TABLES:
        if not path.is_file():
            raise UserError(f"{parameter}: there is no file {str(path)!r} (looked from {Path.cwd()})")
        return _of_table(path, asked, images, parameter, named)
    if named or path.suffix not in SUFFIXES:
        suffixes = TABLES if named else (*TABLES, *SUFFIXES)
        raise UserError(f"{parameter} must be a {', '.join(suffixes)} file; got {str(path)!r}")
    if asked is None:
        return matrix(np.asarray(open_array(path, None, (2,), parameter, shape_check(images, parameter))))
    entries = [np.asarray(open_array(path, key, (1,), parameter, shape_check(images, parameter, 1))) for key in asked]
    return Columns(tuple(asked), tuple(entry.astype(np.float64) for entry in entries))


def matrix(table: np.ndarray) -> Columns:
    """Numbers (images, factors) as columns without names."""
    return Columns((None,) * table.shape[1], tuple(np.asarray(table, np.float64).T))


def shape_check(images: int | None, parameter: str, dimensions: int = 2) -> Callable[[tuple[int, ...], np.dtype], None]:
    """A check of open_array: (images, factors) numbers, or a column (images,) of them."""
    expected = f"({'images' if images is None else images}{', factors' if dimensions == 2 else ','})"

    def check(shape: tuple[int, ...], dtype: np.dtype) -> None:
        if len(shape) != dimensions or 0 in shape or (images is not None and shape[0] != images):
            raise UserError(f"{parameter} must be numbers {expected}, one row per image; got shape {shape}")

    return check


def of_frame(frame: Any, parameter: str) -> Columns:
    """The columns of a pandas frame. Raises UserError for one that holds neither numbers nor texts."""
    names = [str(name) for name in frame.columns]
    return Columns(tuple(names), tuple(_entries(frame.iloc[:, k], names[k], parameter) for k in range(len(names))))


def _of_table(path: Path, asked: list[str] | None, images: int | None, parameter: str, named: bool) -> Columns:
    read = {".csv": _csv, ".parquet": _parquet}[path.suffix]
    if path.stat().st_size > _MOST_BYTES:
        raise UserError(
            f"{parameter}: {str(path)!r} has more than {_MOST_BYTES // 2**30} GiB; keep the columns that are used"
        )
    try:
        known, columns_of = read(path, images, parameter)
        if named and asked is not None:
            asked = [known[0], *[name for name in asked if name != known[0]]]
        for name in asked or ():
            if name not in known:
                raise unknown(f"column in {path.name}", name, known)
        frame = columns_of(asked or known)
    except UserError:
        raise
    except Exception as error:  # parsers fail on bad bytes in more ways than are documented
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{parameter}: {str(path)!r} cannot be read: {reason}") from error
    if images is not None and len(frame) != images:
        rows = f"more than {pluralize(images, 'row')}" if len(frame) > images else pluralize(len(frame), "row")
        raise UserError(f"{parameter}: {str(path)!r} has {rows}; expected {images}, one per image")
    if len(known) < 1 + named:
        raise UserError(f"{parameter}: {str(path)!r} has no column of labels")
    return of_frame(frame[asked or known], parameter)


def _csv(path: Path, images: int | None, parameter: str) -> tuple[list[str], Callable[[list[str]], Any]]:
    """The names of the columns, and a function that reads some of them."""
    import pandas as pd

    how: dict[str, Any] = {"compression": None, "encoding": "utf-8", "index_col": False}
    most = None if images is None else images + 1
    names = [str(name) for name in pd.read_csv(path, nrows=0, **how).columns]
    return names, lambda asked: pd.read_csv(path, usecols=asked, nrows=most, low_memory=False, **how)


def _parquet(path: Path, images: int | None, parameter: str) -> tuple[list[str], Callable[[list[str]], Any]]:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
    if size > _MOST_BYTES or (images is not None and file.metadata.num_rows != images):
        raise UserError(
            f"{parameter}: {str(path)!r} has {file.metadata.num_rows:,} rows of {size / 2**20:,.0f} MiB in all; expected "
            f"{'one row per image' if images is None else images} and at most {_MOST_BYTES // 2**20} MiB"
        )
    return list(file.schema_arrow.names), lambda asked: file.read(columns=asked).to_pandas(ignore_metadata=True)


def _entries(column: Any, name: str, parameter: str) -> np.ndarray:
    """A column of pandas as float64 with NaN, or as texts (dtype object) with None, where entries are missing."""
    from pandas.api import types

    if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):  # bool is numeric
        return column.to_numpy(np.float64, na_value=np.nan)
    entries = column.astype(object).to_numpy(copy=True)
    missing = column.isna().to_numpy()
    present = entries[~missing]
    if all(isinstance(entry, (bool, np.bool_)) for entry in present):
        return np.array([np.nan if gone else float(entry) for gone, entry in zip(missing, entries, strict=True)])
    if not all(isinstance(entry, str) for entry in present):
        raise UserError(f"{parameter}: {name!r} holds {column.dtype}; expected numbers or texts")
    entries[missing] = None
    return entries


def _checked(wanted: Any, parameter: str) -> list[str] | None:
    if wanted is None:
        return None
    listed = [] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else list(wanted)
    if not listed or len(set(map(str, listed))) != len(listed) or not all(isinstance(name, str) for name in listed):
        place = parameter.split(".")[0]
        raise UserError(f"{place}.label_columns must list different names of columns; got {wanted!r}")
    return listed
