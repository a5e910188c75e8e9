"""A board that is published → what is wrong with it, in sentences: rows without references or nulls, duplicates, lost columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.cells import BOARD, NOT_COMPETING, has_null
from dlib_bvae.analysis.tables import GROUP
from dlib_bvae.leaderboard import PAGE, VERSIONS_FILE
from dlib_bvae.leaderboard.board import ALL
from dlib_bvae.leaderboard.provenance import versions

if TYPE_CHECKING:
    import pandas as pd

REFERENCE_ROWS = (*NOT_COMPETING, "pca")  # methods that have a row on all images that others are scored on
LIMITED = (PAGE, "board.json", "board.csv")
MOST_BYTES = 3 * 2**20  # of each of LIMITED
_IMAGES = ["dataset", "fingerprint", "data_version"]
_SCORED = [name for name in BOARD if name != "score"]


def faults(folder: Path, earlier: Path | None = None) -> list[str]:
    """What is wrong with the board in `folder`, as dlib_bvae_leaderboard writes it, in sentences; none for one to publish.

    earlier: the folder of the board before it, of which it keeps every column. Raises OSError where a file is not there.
    """
    import pandas as pd

    frame = pd.read_parquet(folder / ALL)
    found = [
        *duplicates(frame),
        *without_references(frame),
        *without_nulls(frame),
        *other_versions(frame, folder / VERSIONS_FILE),
    ]
    if earlier is not None:
        found += lost_columns(earlier, folder)
    return [*found, *too_large(folder)]


def duplicates(frame: pd.DataFrame) -> Iterator[str]:
    """Rows of board.parquet with the same key, or the same id."""
    for names in (GROUP, ["id"]):
        twice = frame[frame.duplicated(names)]
        for row in twice.to_dict("records"):
            yield f"{_called(row)} is there twice (equal {names[0] if len(names) == 1 else 'keys'}); keep one"


def without_references(frame: pd.DataFrame) -> Iterator[str]:
    """Rows without a reference row on their images; of a score that chance can be measured of, by the same metric.

    By any score of the metric: of constant codes some have no value.
    """
    for names, part in ((_IMAGES, frame), (_SCORED, _with_null(frame))):
        for _, each in part.groupby(names):
            competing = each[~each["method"].isin(REFERENCE_ROWS)]
            lacking = [name for name in REFERENCE_ROWS if name not in set(each["method"])]
            if len(competing) and lacking:
                said = _called(competing.iloc[0]) if names == _SCORED else competing["dataset"].iloc[0]
                yield f"{said} has no reference row of {', '.join(lacking)}; train and score these too"


def without_nulls(frame: pd.DataFrame) -> Iterator[str]:
    """Rows of a score that chance can be measured of, without a null."""
    kept = _with_null(frame)
    for row in kept[kept["nulls"].fillna(0) < 1].to_dict("records"):
        yield f"{_called(row)} has no null; score it again by --null=20"


def other_versions(frame: pd.DataFrame, path: Path) -> Iterator[str]:
    """Whether versions.json says other data sets and metrics than the rows have."""
    said, known = json.loads(path.read_text(encoding="utf-8")), versions(frame.to_dict("records"))
    pairs: dict[str, Any] = {
        "data_sets": lambda each: (each["dataset"], each["version"], each["fingerprint"]),
        "metrics": lambda each: (each["metric"], each["version"]),
    }
    for name, key in pairs.items():
        if {*map(key, said[name])} != {*map(key, known[name])}:
            yield f"{path.name} has other {name} than the rows of {ALL}; write the board again"


def lost_columns(earlier: Path, later: Path) -> Iterator[str]:
    """Columns of the tables of an earlier board that a later one lacks."""
    import pandas as pd

    for name, read in ((ALL, pd.read_parquet), ("board.csv", lambda path: pd.read_csv(path, nrows=0))):
        if lost := [each for each in read(earlier / name).columns if each not in read(later / name).columns]:
            yield f"{name} has lost the columns {', '.join(lost)} of {earlier.name}; keep them, empty where nothing has them"


def too_large(folder: Path) -> Iterator[str]:
    """Files of a board that are too large to be loaded at once."""
    for name in LIMITED:
        if (size := (folder / name).stat().st_size) >= MOST_BYTES:
            yield f"{name} has {size / 2**20:.1f} MiB and must have less than {MOST_BYTES // 2**20} MiB"


def _with_null(frame: pd.DataFrame) -> pd.DataFrame:
    known = {pair: has_null(*pair) for pair in {*zip(frame["metric"], frame["score"], strict=True)}}
    return frame[[known[pair] for pair in zip(frame["metric"], frame["score"], strict=True)]]


def _called(row: Any) -> str:
    return f"{row['name']} by {row['metric']}.{row['score']} on {row['dataset']}"
