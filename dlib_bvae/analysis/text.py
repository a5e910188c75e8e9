"""Tables as CSV, Parquet and Markdown in which no text is run as a formula or read as markup."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = r"^([=+\-@\t\r])"  # what a spreadsheet's formula begins with
_CSV_ROWS = 2_000  # that are text in memory at once


def csv_lines(frame: pd.DataFrame) -> Iterator[str]:
    """CSV of a frame in pieces, texts in quotation marks; what a spreadsheet would run has an apostrophe before it."""
    import pyarrow as pa
    from pyarrow import csv

    table = pa.Table.from_pandas(frame, preserve_index=False)
    names = _inert(pa.array(table.column_names, pa.string())).to_pylist()
    table = pa.table([_inert(column) for column in table.columns], names=names)
    for start in range(0, max(1, len(table)), _CSV_ROWS):
        buffer = io.BytesIO()
        csv.write_csv(table.slice(start, _CSV_ROWS), buffer, csv.WriteOptions(include_header=start == 0))
        yield buffer.getvalue().decode()


def _inert(column: Any) -> Any:
    """A column of Arrow in which no text is a formula."""
    import pyarrow as pa
    from pyarrow import compute

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    found = compute.any(compute.match_substring_regex(column, _FORMULA)).as_py()
    return compute.replace_substring_regex(column, _FORMULA, r"'\1") if found else column


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as a Parquet file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def markdown_cell(text: str) -> str:
    """`text` on one line, with nothing that ends a cell or begins HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
