"""A frame of evaluations → a row a score: mean and standard deviation over training seeds, as files."""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dlib_bvae.analysis.equal_codes import counted_once, say_equal
from dlib_bvae.analysis.frame import (
    KEYS,
    NULL,
    RUN,
    SCORE_NAMES,
    SEED,
    VERSIONS,
    collect_some,
    null_columns,
    rows_of_scores,
)
from dlib_bvae.analysis.names import columns_of, named, reading_order, settings_table, varying_parameters
from dlib_bvae.analysis.printed import Table, latex, markdown, terminal
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.headline import is_default, is_main
from dlib_bvae.models.naming import text_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pandas.core.groupby import SeriesGroupBy

Reduced = TypeVar("Reduced", bound="pd.Series | pd.DataFrame")

GROUP = [*KEYS, "score"]
GROUP_BEFORE = [name for name in GROUP if name not in VERSIONS]  # of tables of before versions were recorded
COLUMNS = [*GROUP, "mean", "std", "median", "min", "max", "seeds", "runs", *NULL]

FILES = ("results.csv", "results.parquet", "results.md", "results.tex", "runs.csv", "runs.parquet")
_FLAG = "--output_dir"
_NAMED = ["dataset", "model", "config"]  # what has a name (see names.named)
# Columns shown to people always, and those shown only where rows would look the same without them.
_NAMED_BY = ["name", "dataset", "metric", "score"]
_ORDER = ["dataset", "metric", "score", "name"]
_IF_NEEDED = ["metric_parameters", "representation", "fingerprint", "data_version", "num_images"]
_HEADS = ["configuration", "data set", "metric", "score", "mean ± std", "seeds"]
_ESSENTIAL = 4  # of these, but for the data set, shown however narrow a terminal is
_TITLES = {"metric_parameters": "parameters", "data_version": "data version", "num_images": "images"}
_LATEX_HEAD = "% Main scores at default parameters:"
_EARLIER_HEAD = "| model | dataset | representation | metric | score |"
_ALWAYS = ["model", "dataset", "representation", "metric", "score"]
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


def by_score(frame: pd.DataFrame, ends: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row for each score of each evaluation in a frame of `collect`: LONG, then the parameters that differ between rows.

    Parameters of the stages' configurations have their gin names; one that a stage lacks is missing there. ends: of
    chance.random_ends; where it has random encoders, adjusted_random stands before the parameters.
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
    varying = [name for name in known if name not in LONG]
    if ends is None or ends["untrained"].isna().all():
        return found[[*LONG, *varying]]
    names = frame[list(KEYS.values())].set_axis(list(KEYS), axis=1).loc[long.index].assign(score=long["score"])
    of_row = names.merge(ends, on=GROUP, how="left")
    found["adjusted_random"] = (found["value"] - of_row["untrained"]) / (of_row["best"] - of_row["untrained"])
    return found[[*LONG, "adjusted_random", *varying]]


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
    """Writes results.{csv,parquet,md,tex} from `table` (of `aggregate`) and runs.{csv,parquet} from `runs` (of `collect`).

    The results have the names and settings of `with_settings`; results.tex has those to look at first. In CSV a text that a
    spreadsheet would run as a formula is preceded by an apostrophe. Returns the paths.

    Raises UserError, and all is as it was, when the disk is full or a file of these names is not this package's.
    """
    table = with_settings(table, runs)
    contents: tuple[Content, ...] = (
        lambda: csv_lines(table),
        lambda: parquet_bytes(table),
        lambda: markdown(_readable(table, table)),
        lambda: _latex(table),
        lambda: csv_lines(runs),
        lambda: parquet_bytes(runs),
    )
    return write_outputs(output, dict(zip(FILES, contents, strict=True)), _FLAG, of_earlier_version)


def with_settings(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A `table` (of `aggregate`) of the frame `runs` with the name of each configuration and its settings after GROUP."""
    import pandas as pd

    names = named(runs)
    here = [names[key] for key in table[_NAMED].itertuples(index=False, name=None)]
    said = settings_table([each.settings for each in here], columns_of(names)).set_axis(table.index)
    name = pd.Series([each.name for each in here], table.index, "string", "name")
    return pd.concat([table[GROUP], name, said, table.drop(columns=GROUP)], axis=1)


def render(table: pd.DataFrame, where: str) -> str:
    """`table` (of `with_settings`) for the terminal: main scores at default parameters, and what is left out.

    where: the file that has all.
    """
    shown, place = _readable(_first_looked_at(table), table), _HEADS.index("data set")
    titles = list(dict.fromkeys(row[place] for row in shown.rows))
    without = lambda row: [text for k, text in enumerate(row) if k != place]
    tables = {
        title: Table(without(shown.header), [without(row) for row in shown.rows if row[place] == title], shown.numbers)
        for title in titles
    }
    return terminal(tables, where, first=_ESSENTIAL, every=len(table))


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
    for further in more:
        table = table.merge(further(frame), on=GROUP, how="left")
    say_equal(frame)
    paths = write_tables(table, frame, output_dir)
    print(render(with_settings(table, frame), str(output_dir / "results.md")))
    return paths


def of_earlier_version(path: Path) -> bool:
    """Whether a file called like one of FILES has its form: the columns of a table, the head of its Markdown."""
    if path.suffix == ".md":
        return first_line(path).startswith((f"| {' | '.join(_HEADS)} |", _EARLIER_HEAD))
    if path.suffix == ".tex":
        return first_line(path).startswith(_LATEX_HEAD)
    if path.stem == "runs":
        known = [column for name, column in KEYS.items() if name not in VERSIONS]
        return has_columns(path, ["path", *known, SEED, RUN, SCORE_NAMES])
    return has_columns(path, [*GROUP_BEFORE, "mean", "std", "seeds", "runs"])


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


def _latex(table: pd.DataFrame) -> str:
    shown = _first_looked_at(table)
    said = f"{_LATEX_HEAD.removeprefix('% ')} {len(shown)} of {len(table)} rows; all are in results.csv."
    return latex(_readable(shown, table, settings=False), said, r"Needs \usepackage{booktabs}.")


def _first_looked_at(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of main scores at default parameters and of the newest versions that there are.

    Of a metric that has no such row on a data set, as good as there are.
    """
    rows = table[_newest(table, "dataset", "data_version")]
    rows = rows[_newest(rows, ["dataset", "metric"], "metric_version")]
    rows = rows.assign(
        _main=[is_main(*pair) for pair in rows[["metric", "score"]].itertuples(index=False, name=None)],
        _default=_by_default(rows),
    )
    for kind in ("_main", "_default"):
        some = rows.groupby(["dataset", "metric"])[kind].transform("any").astype(bool)
        rows = rows[rows[kind] | ~some]
    return rows.drop(columns=["_main", "_default"])


def _newest(table: pd.DataFrame, of: str | list[str], version: str) -> pd.Series:
    """Which rows have the largest version of those with equal `of`."""
    return table[version] == table.groupby(of)[version].transform("max")


def _by_default(table: pd.DataFrame) -> list[bool]:
    """Which rows are of default parameters."""
    pairs = list(table[["metric", "metric_parameters"]].itertuples(index=False, name=None))
    known = {(metric, text): bool(is_default(metric, json.loads(text))) for metric, text in {*pairs}}
    return [known[pair] for pair in pairs]


def _readable(rows: pd.DataFrame, table: pd.DataFrame, settings: bool = True) -> Table:
    """Rows of a `table` for people: what they are, mean ± std in one column, and the keys that somebody needs to read."""
    order = [(*place, reading_order(name)) for *place, name in rows[_ORDER].itertuples(index=False, name=None)]
    rows = rows.iloc[sorted(range(len(rows)), key=order.__getitem__)]
    scored = ["metric", "metric_version", "metric_parameters"]
    parameters = varying_parameters(table[scored].drop_duplicates().itertuples(index=False, name=None))
    said = [parameters[each] for each in rows[scored].itertuples(index=False, name=None)]
    rows = rows.assign(metric_parameters=said)
    names: list[str] = []
    for name in _IF_NEEDED:
        if rows.duplicated(subset=[*_NAMED_BY, *names]).any() and rows[name].nunique() > 1:
            names.append(name)
    between = slice(len(GROUP) + 1, list(rows).index("mean"))
    differing = [str(each) for each in rows.columns[between] if settings and rows[each].notna().any()]
    judged = ["above chance"] if _ABOVE in rows and rows[_ABOVE].notna().any() else []
    found = []
    for record in rows.to_dict("records"):
        deviation = f" ± {record['std']:.2g}" if record["seeds"] > 1 else ""
        row = [*(str(record[name]) for name in _NAMED_BY), f"{record['mean']:.4g}{deviation}", str(record["seeds"])]
        row += [str(record[name])[: 10 if name == "fingerprint" else None] for name in names]
        row += [_CHANCE.get(record[_ABOVE], "")] if judged else []
        found.append([*row, *(_setting(record[name]) for name in differing)])
    header = [*_HEADS, *(_TITLES.get(name, name) for name in names), *judged, *differing]
    return Table(header, found, ["mean ± std", "seeds"])


def _setting(value: object) -> str:
    import pandas as pd

    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else text_of(value)


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
