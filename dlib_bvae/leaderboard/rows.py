"""One row of a board: a cell's names, its statistics, what its runs cost on average, and each seed's value."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from dlib_bvae.analysis.cells import score_info
from dlib_bvae.analysis.references import REFERENCES
from dlib_bvae.analysis.tables import GROUP, RUN
from dlib_bvae.leaderboard.provenance import BROUGHT, method_of, origin_of, supervision_of

TRAINED_HERE = "trained here"
SCORED_HERE = "scored here"  # codes of others, which are no submission
STATISTICS = ("mean", "std", "median", "iqm", "low", "high", "seeds", "rank", "normalised")
COSTS = ("parameters", "seconds", "images", "reconstruction")
MODEL = "train_config.model.model"
SUPERVISION = "train_results.supervision"  # not in results of versions before 0.2
_ID_DIGITS = 10

Record = Mapping[str, Any]


def make_row(
    cell: Record, records: Sequence[Record], runs: Sequence[Mapping[str, Any]], places: Mapping[str, int]
) -> dict[str, Any]:
    """The row of a `cell` of statistics.cells from the `records` of its evaluations.

    runs: those of the board; places: where the run with this uuid stands among them.
    """
    names = {name: cell[name] for name in GROUP}
    method = method_of({"model.model": records[0][MODEL]})
    values = _values(f"evaluation_results.{cell['score']}", records, places)
    known = score_info(cell["metric"], cell["score"])
    recorded = next((record[SUPERVISION] for record in records if record[SUPERVISION]), None)
    return {
        "id": row_id(names),
        **names,
        "metric_parameters": json.loads(cell["metric_parameters"]),
        "method": method,
        "supervision": cell.get("supervision") or recorded or supervision_of(method),
        "evidence": cell.get("evidence") or (SCORED_HERE if method == BROUGHT else TRAINED_HERE),
        "reference": (cell["model"] if method == BROUGHT else method) in REFERENCES,
        "origin": origin_of(cell["dataset"]),
        **{name: cell[name] for name in STATISTICS},
        "higher_is_better": known.higher_is_better,
        "range": [known.low, known.high],
        **{name: _mean([runs[each["run"]][name] for each in values]) for name in COSTS},
        "exact_factors": sorted({name for each in values for name in runs[each["run"]]["exact_factors"]}),
        "runs": values,
    }


def row_id(names: Mapping[str, Any]) -> str:
    """Hexadecimal digits for permalinks: the same row has the same ones in every board."""
    text = json.dumps([names[name] for name in GROUP])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:_ID_DIGITS]


def _values(column: str, records: Sequence[Record], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each run's value, the mean over its evaluations, by seed."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record[column] is not None:
            found.setdefault(record[RUN], []).append(record)
    values = [
        {
            "run": places[uuid],
            "seed": of_run[0]["train_results.seed"],
            "value": _mean([each[column] for each in of_run]),
            "paths": [each["path"] for each in of_run],
        }
        for uuid, of_run in found.items()
    ]
    return sorted(values, key=lambda value: (value["seed"], value["run"]))


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if numbers else None
