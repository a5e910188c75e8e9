"""Tables as CSV, Parquet and Markdown in which no text is run as a formula or read as markup."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = {"=", "+", "-", "@", "\t", "\r"}  # what a spreadsheet's formula begins with
_CSV_ROWS = 2_000  # that are text in memory at once


def csv_lines(frame: pd.DataFrame) -> Iterator[str]:
    """CSV of a frame, as pandas writes it, in pieces; what a spreadsheet would run has an apostrophe before it."""
    import pandas as pd

    yield _lines([[_inert(name) for name in frame.columns]])
    columns = [frame[name].array for name in frame.columns]
    textual = [pd.api.types.is_object_dtype(kind) or isinstance(kind, pd.StringDtype) for kind in frame.dtypes]
    for start in range(0, len(frame), _CSV_ROWS):
        parts = [_plain(array[start : start + _CSV_ROWS]) for array in columns]
        texts = (list(map(_inert, part)) if text else part for part, text in zip(parts, textual, strict=True))
        yield _lines(zip(*texts, strict=True))


def _plain(array: Any) -> list[Any]:
    """The values of an array of pandas; None, which csv.writer writes as nothing, for what is missing."""
    values = array.to_numpy(object)
    values[array.isna()] = None
    return values.tolist()


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=os.linesep).writerows(rows)
    return text.getvalue()


def _inert(text: Any) -> Any:
    return f"'{text}" if isinstance(text, str) and text[:1] in _FORMULA else text


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as a Parquet file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def markdown_cell(text: str) -> str:
    """`text` on one line, with nothing that ends a cell or begins HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
