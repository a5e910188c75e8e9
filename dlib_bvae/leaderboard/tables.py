"""A board's rows as one table: CSV, Parquet and Markdown, in which names are text and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.tables import GROUP, csv_lines, has_columns, markdown_cell, parquet_bytes
from dlib_bvae.leaderboard.board import COSTS, STATISTICS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [*GROUP, "method", "supervision", "evidence", "origin", *STATISTICS, *COSTS, "equal_codes", "id"]
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
    "seeds",
    "supervision",
    "evidence",
    "representation",
    "configuration",
    "fingerprint",
)


def frame_of(board: dict[str, Any]) -> pd.DataFrame:
    """COLUMNS of every row; metric_parameters are JSON text."""
    import pandas as pd

    rows = [{**row, "metric_parameters": _json(row["metric_parameters"])} for row in board["rows"]]
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
        return has_columns(path, [*GROUP, "method", "supervision", "mean", "rank", "id"])
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


def _markdown(board: dict[str, Any]) -> str:
    lines = [_SHOWN, ["---"] * len(_SHOWN), *map(_texts, board["rows"])]
    return "".join(f"| {' | '.join(map(markdown_cell, line))} |\n" for line in lines)


def _texts(row: dict[str, Any]) -> list[str]:
    deviation = "" if row["std"] is None else f" ± {row['std']:.2g}"
    interval = "" if row["low"] is None else f"{row['low']:.4g} … {row['high']:.4g}"
    names = [row[name] for name in ("model", "dataset", "origin", "metric")]
    parameters = _json(row["metric_parameters"]) if row["metric_parameters"] else ""
    mean = f"{row['mean']:.4g}{deviation}"
    allowed = "" if row["retrain_tolerance"] is None else f" ± {row['retrain_tolerance']:g}"
    evidence = f"{row['evidence']}{allowed}"
    provenance = [row["supervision"], evidence, row["representation"], row["config"], row["fingerprint"][:8]]
    seeds = f"{row['seeds']} ({row['equal_codes']})" if row["equal_codes"] else str(row["seeds"])
    return [_number(row["rank"]), *names, parameters, row["score"], mean, interval, seeds, *provenance]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
