"""A board's rows as one table: CSV, Parquet and Markdown, in which names are text and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.cells import STATISTICS
from dlib_bvae.analysis.chance import NO_NULL
from dlib_bvae.analysis.frame import NULL
from dlib_bvae.analysis.intervals import RANGE
from dlib_bvae.analysis.tables import GROUP, csv_lines, has_columns, markdown_cell, parquet_bytes
from dlib_bvae.leaderboard.badges import ADJUSTED
from dlib_bvae.leaderboard.board import COSTS

if TYPE_CHECKING:
    import pandas as pd

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
COLUMNS = [
    *GROUP,
    *("method", "supervision", "evidence", "origin"),
    *STATISTICS,
    *_BADGES,
    *_CHANCE,
    *COSTS,
    "equal_codes",
    "id",
]
_HEAD = 4_096  # characters of a page or of Markdown that show what it is
_SHOWN = (
    "rank",
    "model",
    "data set",
    "origin",
    "metric",
    "parameters",
    "score",
    "mean ± std",
    "95 % interval",
    "null",
    "adjusted",
    "smallest difference",
    "seeds",
    "active latents",
    "supervision",
    "evidence",
    "representation",
    "configuration",
    "fingerprint",
)


def frame_of(board: dict[str, Any]) -> pd.DataFrame:
    """COLUMNS of every row; metric_parameters are JSON text."""
    import pandas as pd

    rows = [
        {
            **row,
            "metric_parameters": _json(row["metric_parameters"]),
            **{column: _entry(row, place) for column, place in _CHANCE.items()},
        }
        for row in board["rows"]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def files(board: dict[str, Any]) -> dict[str, str | bytes]:
    """File name → content of the three tables."""
    frame = frame_of(board)
    return {
        "board.csv": b"".join(csv_lines(frame)),
        "board.parquet": parquet_bytes(frame),
        "board.md": _markdown(board),
    }


def of_earlier_version(path: Path) -> bool:
    """Whether a file called like one of a board's has its form: keys, columns, the head of its Markdown, the page's title."""
    if path.suffix in (".csv", ".parquet"):
        return has_columns(path, [*GROUP, "method", "supervision", "mean", "id"])
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8"))
            return isinstance(found, dict) and found.keys() >= {"format", "package_version", "rows", "configs", "runs"}
        with path.open(encoding="utf-8") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError, RecursionError):
        return False
    if path.suffix == ".md":
        return head.startswith("| rank | model | data set |")
    return "<title>dlib_bvae leaderboard</title>" in head and "Content-Security-Policy" in head


def _entry(row: Any, place: tuple[str, ...]) -> Any:
    """What stands at a place of a row; None where a part of the way is None."""
    for name in place:
        row = None if row is None else row.get(name)
    return row


def _markdown(board: dict[str, Any]) -> str:
    lines = [_SHOWN, ["---"] * len(_SHOWN), *map(_texts, board["rows"])]
    return "".join(f"| {' | '.join(map(markdown_cell, line))} |\n" for line in lines)


def _texts(row: dict[str, Any]) -> list[str]:
    names = [row[name] for name in ("model", "dataset", "origin", "metric")]
    parameters = _json(row["metric_parameters"]) if row["metric_parameters"] else ""
    mean, adjusted = _mean_and_std(row), _mean_and_std(row["adjusted"])
    null = NO_NULL if row["no_null"] else _mean_and_std(row["null"])
    least = row["smallest_difference"]
    difference = "not known" if least["value"] is None else f"{least['value']:.2g}"
    allowed = "" if row["retrain_tolerance"] is None else f" ± {row['retrain_tolerance']:g}"
    evidence = f"{row['evidence']}{allowed}"
    provenance = [row["supervision"], evidence, row["representation"], row["config"], row["fingerprint"][:8]]
    seeds = f"{row['seeds']} ({row['equal_codes']})" if row["equal_codes"] else str(row["seeds"])
    chance = [null, adjusted, difference, seeds, _without_word(row["latents"])]
    return [_rank(row), *names, parameters, row["score"], mean, _interval(row), *chance, *provenance]


def _rank(row: dict[str, Any]) -> str:
    """ "1–6", or why there is none."""
    if row["unranked"] is not None:
        return row["unranked"]
    low, high = row["rank_low"], row["rank_high"]
    return str(low) if low == high else f"{low}–{high}"


def _interval(row: dict[str, Any]) -> str:
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
