"""A board's rows as tables: CSV, Parquet, Markdown, LaTeX and for a terminal, in which names are text and nothing else."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.cells import STATISTICS
from dlib_bvae.analysis.chance import NO_NULL
from dlib_bvae.analysis.frame import NULL
from dlib_bvae.analysis.intervals import RANGE
from dlib_bvae.analysis.names import settings_table
from dlib_bvae.analysis.printed import Table, latex, markdown, terminal
from dlib_bvae.analysis.supervision import NOT_STATED
from dlib_bvae.analysis.tables import GROUP, GROUP_BEFORE, csv_lines, has_columns, parquet_bytes
from dlib_bvae.leaderboard.badges import ADJUSTED
from dlib_bvae.leaderboard.board import ALL, COSTS, main_part
from dlib_bvae.leaderboard.summary import line_of, order_of_lines
from dlib_bvae.models.naming import text_of

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
# Column → where it stands in a row of the board.
_CHANCE = {
    **{column: ("null", name) for column, name in NULL.items() if column != "adjusted"},
    "nulls": ("null", "n"),
    "above_chance": ("above_chance",),
    "chance_p": ("chance_p",),
    "chance_missing": ("chance_missing",),
    **{f"adjusted_{name}": ("adjusted", name) for name in ADJUSTED},
    "adjusted_random": ("adjusted_random",),
    "smallest_difference": ("smallest_difference", "value"),
    "smallest_difference_df": ("smallest_difference", "df"),
}
_BADGES = ["no_null", "latents", "collapsed"]
_WHO = ["name"]  # after which a column for each setting stands
_WHAT = ["main", "default_parameters", "headline", "method", "supervision", "budget", "evidence", "origin"]
COLUMNS = [*GROUP, *_WHO, *_WHAT, *STATISTICS, *_BADGES, *_CHANCE, *COSTS, "equal_codes", "id"]
# In JSON also, where the parameters of metrics are those of "evaluations" and settings those of "configs".
_IN_JSON = [*(name for name in COLUMNS if name != "metric_parameters"), "reference", "higher_is_better", "step", "last"]
_DIGITS = 7  # significant ones of numbers in JSON and on the page
_HEAD = 4_096  # characters of a page or of Markdown that show what it is
_SHOWN = (
    *("rank", "configuration", "data set", "origin", "metric", "parameters", "score", "mean ± std", "95 % interval"),
    *(
        "null",
        "adjusted",
        "smallest difference",
        "seeds",
        "active latents",
        "supervision",
        "budget",
        "evidence",
        "representation",
    ),
    "fingerprint",
)
_VERSION_OF = {"dataset": "data_version", "metric": "metric_version"}
_NUMBERS = ("mean ± std", "null", "adjusted", "smallest difference", "seeds")
_ESSENTIAL = 2  # columns that are shown however narrow a terminal is
_LATEX = "Means ± standard deviations over (number of) seeds; bold: not significantly worse than the best of its supervision."


def frame_of(board: Mapping[str, Any]) -> pd.DataFrame:
    """COLUMNS of every row, with the settings of all data sets after the name; metric_parameters are JSON text."""
    import pandas as pd

    rows = [
        {
            **row,
            "metric_parameters": _json(row["metric_parameters"]),
            **{column: _entry(row, place) for column, place in _CHANCE.items()},
        }
        for row in board["rows"]
    ]
    settings = list(dict.fromkeys(name for names in board["settings"].values() for name in names))
    said = settings_table([row["settings"] for row in board["rows"]], settings)
    found, place = pd.DataFrame(rows, columns=COLUMNS), len(GROUP) + len(_WHO)
    return pd.concat([found.iloc[:, :place], said, found.iloc[:, place:]], axis=1)


def as_json(board: Mapping[str, Any]) -> str:
    """A board as JSON text: "rows" are {"columns": names, "data": [values of each row]}, as pandas' "split".

    Their columns are those of the other tables but metric_parameters, which stand in the entry of "evaluations" that "evaluation"
    counts, and settings; then "runs": [place in "runs", seed, value, value adjusted for chance] of each.
    """
    columns = [*_IN_JSON, "evaluation", "runs"]
    data = [[_in_json(row, name) for name in columns] for row in board["rows"]]
    parts = {**board, "rows": {"columns": columns, "data": data}}
    text = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text + "\n"


def _in_json(row: Row, column: str) -> Any:
    if column == "runs":
        return [[each[name] for name in ("run", "seed", "value", "adjusted")] for each in row["runs"]]
    return _entry(row, _CHANCE.get(column, (column,)))


def rounded(value: Any) -> Any:
    """JSON values whose numbers have _DIGITS significant digits; whole ones stay as they are."""
    if isinstance(value, Mapping):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else float(f"{value:.{_DIGITS}g}")


def files(board: dict[str, Any]) -> dict[str, str | bytes]:
    """File name → content of the tables: Parquet of all rows of a board, the others of main scores."""
    main = main_part(board)
    return {
        "board.csv": b"".join(csv_lines(frame_of(main))),
        "board.parquet": parquet_bytes(frame_of(board)),
        "board.md": f"{main['note']}\n\n{markdown(_table(main['rows'], board['settings']))}",
        "board.tex": _latex(board),
    }


def printed(board: Mapping[str, Any], where: str) -> str:
    """The summary of each data set for the terminal, and how much is left out. where: the file that has all."""
    parts = {_where(each): _summary(each, board["rows"]) for each in board["summary"]}
    heads = list(dict.fromkeys(head for table in parts.values() for head in table.header))
    tables = {title: _with_columns(table, heads) for title, table in parts.items()}
    return terminal(tables, where, first=_ESSENTIAL, every=sum(len(table.rows) for table in tables.values()))


def _with_columns(table: Table, heads: Sequence[str]) -> Table:
    """The table with exactly these columns; "–" in those that it lacks."""
    places = [list(table.header).index(head) if head in table.header else None for head in heads]
    rows = [["–" if place is None else row[place] for place in places] for row in table.rows]
    return Table(heads, rows, heads[1:])


def of_earlier_version(path: Path) -> bool:
    """Whether a file called like one of a board's has its form: keys, columns, the head of its Markdown, the page's title."""
    if path.suffix in (".csv", ".parquet"):
        return has_columns(path, [*GROUP_BEFORE, "method", "supervision", "mean", "id"])
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8"))
            return isinstance(found, dict) and found.keys() >= {"format", "package_version", "rows", "configs", "runs"}
        with path.open(encoding="utf-8") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError, RecursionError):
        return False
    if path.suffix == ".md":
        return head.startswith(("| rank | model | data set |", "Main scores of each metric, "))
    if path.suffix == ".tex":
        return head.startswith(f"% {_LATEX}")
    return "<title>dlib_bvae leaderboard</title>" in head and "Content-Security-Policy" in head


def _entry(row: Any, place: tuple[str, ...]) -> Any:
    """What stands at a place of a row; None where a part of the way is None."""
    for name in place:
        row = None if row is None else row.get(name)
    return row


def _table(rows: Sequence[Row], settings: Mapping[str, Sequence[str]]) -> Table:
    """Rows for people: _SHOWN, then a column for each setting that differs within one of their data sets."""
    datasets = {row["dataset"] for row in rows}
    several = {name: _several(rows, name) for name in ("dataset", "metric")}
    names = list(dict.fromkeys(name for dataset, each in settings.items() if dataset in datasets for name in each))
    said = [[text_of(row["settings"][name]) if name in row["settings"] else "" for name in names] for row in rows]
    lines = [[*_texts(row, several), *more] for row, more in zip(rows, said, strict=True)]
    return Table([*_SHOWN, *names], lines, _NUMBERS)


def _several(rows: Sequence[Row], what: str) -> set[str]:
    """The data sets, or metrics, of which the rows have several versions."""
    pairs = {(row[what], row[_VERSION_OF[what]]) for row in rows}
    return {name for name, count in Counter(name for name, _ in pairs).items() if count > 1}


def _latex(board: Mapping[str, Any]) -> str:
    """A table of each data set as a paper has it: a line a configuration, a column a metric."""
    head = f"% {_LATEX}\n% Needs \\usepackage{{booktabs}}. The rows of all scores are in {ALL}.\n"
    return "\n".join([head, *(latex(_summary(each, board["rows"]), _where(each)) for each in board["summary"])])


def _where(place: Mapping[str, Any]) -> str:
    budget = "" if place["budget"] in (None, NOT_STATED) else f", {place['budget']}"
    name = place["dataset"] if place["data_version"] == 1 else f"{place['dataset']} version {place['data_version']}"
    return f"{name}, fingerprint {place['fingerprint'][:8]}, {place['num_images']:,} images{budget}"


def _summary(place: Mapping[str, Any], rows: Sequence[Row]) -> Table:
    """A line a configuration, reference rows last, and a column a metric: mean ± standard deviation (seeds)."""
    known = {row["id"]: row for row in rows}
    titles = [_titled(column) for column in place["columns"]]
    cells: dict[tuple[str, str], Row] = {}
    for title, column in zip(titles, place["columns"], strict=True):
        cells |= {(known[each]["name"], title): known[each] for each in column["rows"]}
    names = sorted({line_of(row) for row in cells.values()}, key=order_of_lines)
    factors = {_titled(column): 100 if column["unit"] == "%" else 1 for column in place["columns"]}
    lines = [
        [line.text, *(_in_paper(cells.get((line.name, title)), factors[title]) for title in titles)] for line in names
    ]
    bold = {
        (line, 1 + column)
        for line, each in enumerate(names)
        for column, title in enumerate(titles)
        if (each.name, title) in cells and cells[each.name, title]["tied"]
    }
    return Table(["configuration", *titles], lines, titles, bold)


def _titled(column: Mapping[str, Any]) -> str:
    return f"{column['title']}, {column['unit']}" if column["unit"] else str(column["title"])


def _in_paper(row: Row | None, factor: float) -> str:
    """A mean with one digit more than its deviation needs, "81.2 ± 3.1 (5)"."""
    if row is None:
        return "–"
    mean, std = factor * row["mean"], None if row["std"] is None else factor * row["std"]
    digits = 3 if not std else min(6, max(0, 1 - math.floor(math.log10(std))))
    text = f"{mean:.{digits}f}" if std else f"{mean:.4g}"
    return f"{text}{'' if std is None else f' ± {std:.{digits}f}' if std else ' ± 0'} ({row['seeds']})"


def _texts(row: Row, several: Mapping[str, Collection[str]]) -> list[str]:
    """several: the data sets and metrics that are shown with their version."""
    named = {
        name: f"{row[name]}, version {row[_VERSION_OF[name]]}" if row[name] in of else row[name]
        for name, of in several.items()
    }
    names = [row["name"], named["dataset"], row["origin"], named["metric"]]
    parameters = _json(row["metric_parameters"]) if row["metric_parameters"] else ""
    mean, adjusted = _mean_and_std(row), _mean_and_std(row["adjusted"])
    null = NO_NULL if row["no_null"] else _mean_and_std(row["null"])
    least = row["smallest_difference"]
    difference = "not known" if least["value"] is None else f"{least['value']:.2g}"
    provenance = [
        row["supervision"],
        row["budget"] or "",
        row["evidence"],
        row["representation"],
        row["fingerprint"][:8],
    ]
    seeds = f"{row['seeds']} ({row['equal_codes']})" if row["equal_codes"] else str(row["seeds"])
    chance = [null, adjusted, difference, seeds, _without_word(row["latents"])]
    return [_rank(row), *names, parameters, row["score"], mean, _interval(row), *chance, *provenance]


def _rank(row: Row) -> str:
    """ "1–6", or why there is none."""
    if row["unranked"] is not None:
        return row["unranked"]
    low, high = row["rank_low"], row["rank_high"]
    return str(low) if low == high else f"{low}–{high}"


def _interval(row: Row) -> str:
    """The 95 % interval of the mean; of two seeds their range, which says so."""
    if row["low"] is None:
        return ""
    text = f"{row['low']:.4g} … {row['high']:.4g}"
    return f"{text} (range of 2 seeds)" if row["interval"] == RANGE else text


def _mean_and_std(entry: Any) -> str:
    if entry is None or entry["mean"] is None:
        return ""
    return f"{entry['mean']:.4g}" + ("" if entry["std"] is None else f" ± {entry['std']:.2g}")


def _without_word(latents: str | None) -> str:
    """ "collapsed: 1 of 10", under a head that says active latents."""
    return "" if latents is None else latents.removesuffix(" latents active")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
