"""The board as data: a row a cell (what is compared, its analysis, its seeds), and the runs behind the rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlib_bvae
from dlib_bvae import analysis
from dlib_bvae.analysis.tables import KEYS, RUN, SCORE_NAMES
from dlib_bvae.leaderboard import runs as of_runs
from dlib_bvae.leaderboard.rows import MODEL, SUPERVISION, Record, make_row
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


def build(frame: pd.DataFrame, root: Path, output: Path, seed: int = 0) -> dict[str, Any]:
    """The board of a `frame` of aggregate.collect(root), as JSON values; what has no value is None.

    output: the folder it will stand in, where links start. seed: of the bootstrap. Its parts: "rows", sorted by data set,
    metric, score and rank; "runs", "configs" and "evaluations", which the rows refer to; "agreement" (see agreements).
    Rows differ in one of aggregate's KEYS (such as fingerprint or metric parameters) or in the score.
    Raises UserError for a damaged configuration.
    """
    records = _records(frame)
    members: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        members[tuple(record[column] for column in KEYS.values())].append(record)
    first = {record[RUN]: record for record in reversed(records)}
    places = {uuid: place for place, uuid in enumerate(sorted(first, key=lambda uuid: first[uuid]["path"]))}
    runs = [of_runs.describe(first[uuid], root, output) for uuid in places]
    numbers = {key: number for number, key in enumerate(members)}
    rows = []
    for cell in _plain(analysis.cells(frame, seed=seed)):
        key = tuple(cell[name] for name in KEYS)
        rows.append({**make_row(cell, members[key], runs, places), "evaluation": numbers[key]})
    encodings: dict[Path, of_runs.Settings] = {}
    return {
        "format": FORMAT,
        "package_version": dlib_bvae.__version__,
        "rows": sorted(rows, key=_order),
        "configs": _configs(runs, root),  # moves what runs of one configuration share out of them
        "runs": runs,
        "evaluations": [_evaluation(behind, root, encodings) for behind in members.values()],
        "agreement": agreements(frame),
    }


def agreements(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each data set, fingerprint and number of images by itself: its scores and the matrices of their correlations.

    "spearman", "kendall" and "runs" (how many have both scores) are square, in the order of "scores"; see
    analysis.agreements.
    """
    found = []
    pairs = analysis.agreements(frame)
    for place, part in pairs.groupby(["dataset", "fingerprint", "num_images"]):
        scores = sorted({*part["first"], *part["second"]})
        dataset, fingerprint, num_images = place
        board: dict[str, Any] = {"dataset": dataset, "fingerprint": fingerprint, "num_images": int(num_images)}
        board["scores"] = scores
        for name in ("spearman", "kendall", "runs"):
            square: list[list[Any]] = [[None] * len(scores) for _ in scores]
            for pair in _plain(part[["first", "second", name]]):
                i, j = scores.index(pair["first"]), scores.index(pair["second"])
                square[i][j] = square[j][i] = pair[name]
            board[name] = square
        found.append(board)
    return found


def _records(frame: pd.DataFrame) -> list[Record]:
    """The rows of the frame with the columns a board is made of; a column that the frame lacks has no values."""
    scores = [name for name in frame.columns if name.startswith("evaluation_results.") and name != SCORE_NAMES]
    wanted = dict.fromkeys(["path", RUN, MODEL, SUPERVISION, *KEYS.values(), *of_runs.COLUMNS, *scores])
    return _plain(frame.reindex(columns=list(wanted)))


def _plain(frame: pd.DataFrame) -> list[Record]:
    """Rows as dictionaries of Python's own values, None where there is none."""
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _configs(runs: Sequence[dict[str, Any]], root: Path) -> dict[str, of_runs.Settings]:
    """By configuration hash what its runs were all told; what a run was told beside goes into its "own"."""
    by_hash: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        by_hash[run["config"]].append(run)
    shared = {}
    for config, every in sorted(by_hash.items()):
        told = [of_runs.settings_of(root / run["path"] / "train", "train") for run in every]
        shared[config], own = of_runs.shared_and_own(told)
        for run, rest in zip(every, own, strict=True):
            run["own"] = rest
    return shared


def _evaluation(records: Sequence[Record], root: Path, encodings: dict[Path, of_runs.Settings]) -> dict[str, Any]:
    """What evaluations that are pooled were told: all of them, and by path what is some evaluation's own."""
    told = [of_runs.evaluation_settings(root / record["path"], encodings) for record in records]
    shared, own = of_runs.shared_and_own(told)
    paths = [record["path"] for record in records]
    found = {"settings": shared, "own": {path: rest for path, rest in zip(paths, own, strict=True) if rest}}
    if records[0][KEYS["metric"]] in RUN_SET_METRICS:
        found["run_set"] = of_runs.run_set(root / paths[0])
    return found


def _order(row: dict[str, Any]) -> tuple:
    """By what is compared, then the best first."""
    compared = [row[name] for name in ("dataset", "fingerprint", "metric", "score", "num_images")]
    rank = math.inf if row["rank"] is None else row["rank"]
    worth = row["mean"] if row["higher_is_better"] is False else -row["mean"]
    return *compared, str(row["metric_parameters"]), rank, worth, row["model"], row["id"]
