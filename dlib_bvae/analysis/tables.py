"""A frame of evaluations → a row a score: mean and standard deviation over training seeds; as CSV, Parquet and Markdown."""

from __future__ import annotations

import csv
import functools
import io
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dlib_bvae.analysis.equal_codes import counted_once, say_equal
from dlib_bvae.analysis.frame import KEYS, NULL, RUN, SCORE_NAMES, SEED, collect_some, null_columns, rows_of_scores
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.errors import UserError, visible

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pandas.core.groupby import SeriesGroupBy

Reduced = TypeVar("Reduced", bound="pd.Series | pd.DataFrame")

GROUP = [*KEYS, "score"]
COLUMNS = [*GROUP, "mean", "std", "median", "min", "max", "seeds", "runs", *NULL]

# Columns shown to people always, and those shown only where rows would look the same without them.
FILES = ("results.csv", "results.parquet", "results.md", "runs.csv", "runs.parquet")
_FLAG = "--output_dir"
_ALWAYS = ["model", "dataset", "representation", "metric", "score"]
_IF_NEEDED = ["config", "metric_parameters", "fingerprint", "num_images"]
LONG = [*_ALWAYS, "value", *NULL, "seed", "path"]
_ABOVE, _CHANCE = "above_chance", {True: "yes", False: "no"}  # of chance.above_chance
_FORMULA = r"^([=+\-@\t\r])"  # what a spreadsheet's formula begins with
_CSV_ROWS = 2_000  # that are text in memory at once


def aggregate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each combination of KEYS and score in a frame of `collect`, sorted by them; columns as in COLUMNS.

    Every training seed counts once, and seeds whose codes are equal count as one (see equal_codes): evaluations of one run are
    averaged first, then runs of one seed. mean, std
    (divisor n - 1; missing for one seed), median, min and max are over seeds; `seeds` and `runs` count what went in. null_mean,
    null_std, z, p and adjusted are the means over the seeds whose evaluations have a null; missing where none has.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    runs = per_run(frame)
    seeds = per_seed(runs)
    table = by_levels(seeds, GROUP, lambda groups: groups.agg(["mean", "std", "median", "min", "max"])).astype(float)
    table["seeds"] = by_levels(seeds, GROUP, lambda groups: groups.size())
    table["runs"] = by_levels(runs, GROUP, lambda groups: groups.size())
    for name, values in _null_per_run(frame).items():
        table[name] = by_levels(per_seed(values), GROUP, lambda groups: groups.mean()).astype(float)
    return table.reset_index().reindex(columns=COLUMNS)


def by_score(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each score of each evaluation in a frame of `collect`: LONG, then the parameters that differ between rows.

    Parameters of the stages' configurations have their gin names; one that a stage lacks is missing there.
    """
    import pandas as pd

    parts = []
    for score, here in rows_of_scores(frame).items():
        rows = frame.iloc[here]
        columns = {"value": f"evaluation_results.{score}", **null_columns(score)}
        part = {name: rows.get(column) for name, column in columns.items()}
        parts.append(pd.DataFrame({"score": score, **part}, index=rows.index))
    long = pd.concat(parts).sort_index(kind="stable")
    once = {"path": "path", "seed": SEED, **{name: KEYS[name] for name in _ALWAYS if name in KEYS}}
    known = {name: frame[column] for name, column in once.items()}
    for column in frame:
        stage, _, name = str(column).partition("_config.")
        of_stage = stage in ("train", "postprocess", "evaluation") and "." in name and name not in known
        if of_stage and frame[column].nunique(dropna=False) > 1:
            known[name] = frame[column]
    wide = pd.DataFrame(known).loc[long.index]
    found = pd.concat([each.reset_index(drop=True) for each in (long, wide)], axis=1)
    return found[[*LONG, *(name for name in known if name not in LONG)]]


def per_run(frame: pd.DataFrame, across: bool = False) -> pd.Series:
    """The value of every score of every run in a frame of `collect` that is not empty, averaged over its evaluations.

    Runs of equal codes are one run; across: see equal_codes.counted_once. Float64, sorted, with the levels GROUP, seed and run.
    """
    return _per_run(frame, across, {"value": lambda score: f"evaluation_results.{score}"})["value"]


def _null_per_run(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """{column of NULL that any evaluation has: as per_run}."""
    if not any(name.startswith("evaluation_results.null.") for name in frame):
        return {}
    columns_of = {name: functools.partial(_null_column, name) for name in NULL}
    return {name: values for name, values in _per_run(frame, False, columns_of).items() if len(values)}


def _null_column(name: str, score: str) -> str:
    return null_columns(score)[name]


def _per_run(frame: pd.DataFrame, across: bool, columns_of: Mapping[str, Callable[[str], str]]) -> dict[str, pd.Series]:
    """As per_run, of the columns that each of `columns_of` names for a score; empty where no evaluation has it."""
    import numpy as np
    import pandas as pd

    columns = {**KEYS, "score": None, "seed": SEED, "run": RUN}
    once = counted_once(frame, across)
    entries = {name: once[column] if column in once else frame[column] for name, column in columns.items() if column}
    known = {name: pd.factorize(column, sort=True) for name, column in entries.items()}
    of_score = rows_of_scores(frame)
    found = {}
    for key, column_of in columns_of.items():
        rows, values = _known_values(frame, {column_of(score): here for score, here in of_score.items()})
        taken = np.concatenate(rows)
        known["score"] = (np.repeat(np.arange(len(of_score)), list(map(len, rows))), pd.Index(of_score))
        codes = [known[name][0] if name == "score" else known[name][0][taken] for name in columns]
        index = pd.MultiIndex(levels=[known[name][1] for name in columns], codes=codes, names=list(columns))
        series = pd.concat(values).set_axis(index).rename("value")
        found[key] = by_levels(series, list(columns), lambda groups: groups.mean())
    return found


def _known_values(frame: pd.DataFrame, wanted: Mapping[str, np.ndarray]) -> tuple[list[np.ndarray], list[pd.Series]]:
    """Of each column of `wanted`, at its rows: the rows that have a value, and these."""
    import pandas as pd

    rows, values = [], []
    for column, here in wanted.items():
        if column not in frame:
            here, value = here[:0], pd.Series(dtype="Float64")
        else:
            value = pd.to_numeric(frame[column].iloc[here]).astype("Float64")
        rows.append(here[value.notna()])
        values.append(value.dropna())
    return rows, values


def per_seed(runs: pd.Series) -> pd.Series:
    """`runs` (of `per_run`) averaged over the runs of one training seed; the levels GROUP and seed."""
    return by_levels(runs, [*GROUP, "seed"], lambda groups: groups.mean())


def by_levels(values: pd.Series, names: Sequence[str], reduce: Callable[[SeriesGroupBy], Reduced]) -> Reduced:
    """reduce(values grouped by the levels `names`), sorted by them; as groupby(names), but texts are never compared."""
    import pandas as pd

    levels = [values.index.names.index(name) for name in names]
    groups = values.reset_index(drop=True).groupby([values.index.codes[level] for level in levels])
    found = reduce(groups)
    codes = [found.index.get_level_values(place) for place in range(len(names))]
    found.index = pd.MultiIndex([values.index.levels[level] for level in levels], codes, names=list(names))
    return found


def write_tables(table: pd.DataFrame, runs: pd.DataFrame, output: Path) -> list[Path]:
    """Writes results.{csv,parquet,md} from `table` (of `aggregate`) and runs.{csv,parquet} from `runs` (of `collect`).

    In CSV a text that a spreadsheet would run as a formula is preceded by an apostrophe. Returns the paths.

    Raises UserError, and all is as it was, when the disk is full or a file of these names is not this package's.
    """
    contents: tuple[Content, ...] = (
        lambda: csv_lines(table),
        lambda: parquet_bytes(table),
        lambda: _markdown(table),
        lambda: csv_lines(runs),
        lambda: parquet_bytes(runs),
    )
    return write_outputs(output, dict(zip(FILES, contents, strict=True)), _FLAG, of_earlier_version)


def render(table: pd.DataFrame) -> str:
    """`table` (see `aggregate`) for the terminal: as wide as that is, 200 columns where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    header, rows = _readable(table)
    shown = Table(*header)
    for row in rows:
        shown.add_row(*(Text(visible(text)) for text in row))  # Text: a name like [red] is a name
    console = Console(file=io.StringIO(), width=shutil.get_terminal_size(fallback=(200, 24)).columns)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def run(results_dir: Path, output_dir: Path, more: Sequence[Callable[[pd.DataFrame], pd.DataFrame]] = ()) -> list[Path]:
    """Tables of all evaluations below `results_dir`, written to `output_dir` and printed; returns the files' paths.

    more: what else a row of results has: functions of the frame of `collect` that give a row for each of GROUP, and columns.
    What had to be left out, and runs of equal codes, are named on standard error. Raises UserError when there is no result to
    aggregate.
    """
    if not results_dir.is_dir():
        raise UserError(
            f"there is no directory {results_dir}; train and evaluate first, or name the directory of the runs"
        )
    check_outputs(output_dir, FILES, _FLAG, of_earlier_version)
    frame = collect_some(results_dir, "be aggregated")
    table = aggregate(frame)
    for columns_of in more:
        table = table.merge(columns_of(frame), on=GROUP, how="left")
    say_equal(frame)
    paths = write_tables(table, frame, output_dir)
    print(render(table))
    return paths


def of_earlier_version(path: Path) -> bool:
    """Whether a file called like one of FILES has its form: the columns of a table, the head of its Markdown."""
    if path.suffix == ".md":
        head = first_line(path)
        return head.startswith(f"| {' | '.join(_ALWAYS)} |") and head.endswith("| mean ± std | seeds |")
    if path.stem == "runs":
        return has_columns(path, ["path", *KEYS.values(), SEED, RUN, SCORE_NAMES])
    return has_columns(path, [*GROUP, "mean", "std", "seeds", "runs"])


def has_columns(path: Path, names: Sequence[str]) -> bool:
    """Whether a file is a table, CSV or Parquet by its name, that has these columns."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        found = next(csv.reader([first_line(path)])) if path.suffix == ".csv" else parquet.read_schema(path).names
    except (OSError, StopIteration, csv.Error, pa.ArrowException):
        return False
    return {*names} <= {*found}


def first_line(path: Path) -> str:
    """The first line of a file, at most a MiB of it; "" where it is no text."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline(2**20).rstrip("\n")
    except UnicodeDecodeError:
        return ""


def _markdown(table: pd.DataFrame) -> str:
    header, rows = _readable(table)
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(markdown_cell(text) for text in line)} |\n" for line in lines)


def _readable(table: pd.DataFrame) -> tuple[Sequence[str], list[list[str]]]:
    """(Header, rows of text) with mean ± std in one column and without the keys that nobody needs to read."""
    names = list(_ALWAYS)
    for name in _IF_NEEDED:
        if table.duplicated(subset=names).any() and table[name].nunique() > 1:
            names.append(name)
    judged = ["above chance"] if _ABOVE in table and table[_ABOVE].notna().any() else []
    rows = []
    for record in table.to_dict("records"):
        row = [str(record[name])[: 10 if name == "fingerprint" else None] for name in names]
        deviation = f" ± {record['std']:.2g}" if record["seeds"] > 1 else ""
        row += [f"{record['mean']:.4g}{deviation}", str(record["seeds"])]
        rows.append([*row, _CHANCE.get(record[_ABOVE], "")] if judged else row)
    return [*names, "mean ± std", "seeds", *judged], rows


def csv_lines(frame: pd.DataFrame) -> Iterator[bytes]:
    """CSV of a frame in pieces, texts in quotation marks; what a spreadsheet would run has an apostrophe before it."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = pa.Table.from_pandas(frame, preserve_index=False)
    names = _inert(pa.array(table.column_names, pa.string())).to_pylist()
    table = pa.table([_inert(column) for column in table.columns], names=names)
    for start in range(0, max(1, len(table)), _CSV_ROWS):
        buffer = io.BytesIO()
        arrow_csv.write_csv(table.slice(start, _CSV_ROWS), buffer, arrow_csv.WriteOptions(include_header=start == 0))
        yield buffer.getvalue()


def _inert(column: pa.ChunkedArray) -> pa.ChunkedArray:
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
    """`text` on one line, in which Markdown finds no link, picture, code, HTML or end of a cell; other characters visible."""
    line = re.sub(r"([\\|\[\]`*])", r"\\\1", " ".join(text.split()))
    return visible(line).replace("<", "&lt;")
