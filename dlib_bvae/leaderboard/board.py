"""Takes a frame of evaluations, hands on the board as JSON values: its rows (cells with their seeds) and the runs behind them."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlib_bvae
from dlib_bvae import analysis
from dlib_bvae.analysis.budget import BATCH, BUDGET, STEPS
from dlib_bvae.analysis.cells import CLAIMED, NOT_COMPETING, REFERENCE, STATISTICS, adjusted_scores, score_info
from dlib_bvae.analysis.equal_codes import EQUAL
from dlib_bvae.analysis.frame import KEYS, OBJECTIVE, ORIGIN, RUN, STEP, VERSIONS, null_columns, rows_of_scores
from dlib_bvae.analysis.names import columns_of, named
from dlib_bvae.analysis.supervision import EXTERNAL, SUPERVISION, method_of
from dlib_bvae.analysis.tables import GROUP
from dlib_bvae.analysis.values import after_training
from dlib_bvae.errors import visible, warn_once
from dlib_bvae.leaderboard.agreements import agreements, mark_headlines
from dlib_bvae.leaderboard.answer import answers
from dlib_bvae.leaderboard.badges import (
    active_latents,
    help_of,
    judged,
    numbers_of_factors,
    plain,
    with_badges,
    without_rank,
)
from dlib_bvae.leaderboard.cite import cited
from dlib_bvae.leaderboard.differences import squares
from dlib_bvae.leaderboard.provenance import origin_of
from dlib_bvae.leaderboard.settings import Behind, Settings, shared_and_differing
from dlib_bvae.leaderboard.summary import summaries
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 3
ALL = "board.parquet"  # the file with the rows of all scores
TRAINED_HERE = "trained here"
SCORED_HERE = "scored here"  # external codes that are no submission
COSTS = ("parameters", "seconds", "images", "reconstruction")
_ID_DIGITS = 10
_LARGEST = 1e150  # of a number whose products with others are finite
Record = Mapping[str, Any]
_PICTURES = ("visualize/sheet.png", "train/reconstructions.png", "visualize/*.png", "visualize/*.gif")
_COSTS = {  # in the board → column of the frame of `collect`
    "parameters": "train_results.num_parameters",
    "seconds": "train_results.elapsed_time",
    "reconstruction": "train_results.reconstruction",
}
_FACTS = {
    "seed": "train_results.seed",
    "model": "train_results.model",
    "config": "config",
    "started": "train_results.started",
    "device": "train_results.device",
    "package_version": "train_results.environment.package_version",
    "git_commit": "train_results.environment.git_commit",
    "source": "postprocess_results.source",
    "saved_model": "postprocess_results.saved_model",
    "submission": "submission_results.name",
    "told": "submission_results.method",
    "paper": "submission_results.paper",
    "code": "submission_results.code",
}
_EXACT = "submission_results.exact_factors"
COLUMNS = [*_COSTS.values(), *_FACTS.values(), STEPS, BATCH, _EXACT]


def build(frame: pd.DataFrame, root: Path, output: Path, seed: int = 0, behind: Behind | None = None) -> dict[str, Any]:
    """The board of a `frame` of analysis.frame.collect(root), as JSON values; what has no value is None.

    output: the folder it will stand in, where links start. seed: of the bootstrap. behind: of `root`, with what was read
    before. Its parts: "rows", sorted by data set, metric and score, the best mean first; "runs", "configs" and "evaluations",
    which the rows refer to; "agreement" (see agreements.agreements); "differences" (see differences.squares); "summary" and
    "answers" (see summary.summaries and answer.answers); "settings", {data set: gin names of what differs there}; "cite" (see
    cite.cited); "figures", empty (see figures.listed).
    Rows differ in one of KEYS (such as fingerprint or metric parameters) or in the score; their statistics are those of
    analysis.cells. Runs of equal codes count once; a row's "equal_codes" says which seeds these are, and which other rows have
    the same codes (None: none). "adjusted" has a row's statistics of scores adjusted for chance (None: no null).
    Raises UserError for an evaluation that behind.check refuses.
    """
    behind = behind or Behind(root)
    records = _records(frame)
    members: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        members[tuple(record[column] for column in KEYS.values())].append(record)
    first = {record[RUN]: record for record in reversed(records)}
    places = {uuid: place for place, uuid in enumerate(sorted(first, key=lambda uuid: first[uuid]["path"]))}
    runs = [describe(first[uuid], root, output) for uuid in places]
    evaluations, evaluation_of = _evaluations(members, behind)
    chance, latents, factors = judged(frame, seed), active_latents(frame), numbers_of_factors(frame)
    after, names = after_training(frame), named(frame)
    rows = []
    for cell in plain(analysis.cells(frame, seed=seed, unranked=without_rank(chance))):
        key = tuple(cell[name] for name in KEYS)
        row = {
            **make_row(cell, members[key], runs, places),
            **_step(members[key], after),
            "evaluation": evaluation_of[key],
        }
        said = names[cell["dataset"], cell["model"], cell["config"]]
        row |= {"name": said.name, "settings": said.settings, "clauses": [list(each) for each in said.clauses]}
        codes = {(record[RUN], cell["representation"]) for record in members[key]}
        known = [latents[each] for each in sorted(codes & latents.keys())]
        of_data = factors.get((cell["dataset"], cell["fingerprint"]))
        rows.append(with_badges(row, chance.get((*key, cell["score"]), {}), known, of_data))
    rows.sort(key=_order)
    mark_headlines(rows)
    shown = {"rows": rows, "summary": summaries(rows), "differences": squares(rows)}
    return {
        "format": FORMAT,
        "package_version": dlib_bvae.__version__,
        **shown,
        "answers": answers(shown),
        "settings": {name: columns_of(names, name) for name in sorted({row["dataset"] for row in rows})},
        "cite": cited(runs, rows),
        "figures": [],
        "configs": _configs(runs, behind),  # moves what runs of one configuration share out of them
        "runs": runs,
        "evaluations": evaluations,
        "agreement": agreements(frame, rows),
        "agreement_adjusted": agreements(adjusted_scores(frame), rows) if any(row["adjusted"] for row in rows) else [],
        "metrics": {name: text for name in sorted({row["metric"] for row in rows}) if (text := help_of(name))},
    }


def main_part(board: Mapping[str, Any]) -> dict[str, Any]:
    """A board with the rows of main scores only, and "note", the sentence that says where the others are."""
    rows = [row for row in board["rows"] if row["main"]]
    note = f"Main scores of each metric, {len(rows):,} of {len(board['rows']):,} rows; all are in {ALL}."
    places = {each: place for place, each in enumerate(sorted({row["evaluation"] for row in rows}))}
    return {
        **board,
        "rows": [{**row, "evaluation": places[row["evaluation"]]} for row in rows],
        "evaluations": [board["evaluations"][each] for each in places],
        "note": note,
    }


def _records(frame: pd.DataFrame) -> list[Record]:
    """The rows of the frame with the columns a board needs; a column that the frame lacks has no values."""
    import pandas as pd

    named = rows_of_scores(frame)
    nulls = [column for name in named if (column := null_columns(name)["adjusted"]) in frame]
    scores = [*(f"evaluation_results.{name}" for name in sorted(named)), *sorted(nulls)]
    wanted = dict.fromkeys(["path", RUN, STEP, OBJECTIVE, ORIGIN, *KEYS.values(), *COLUMNS, *scores])
    # A key that is a score of one metric and a matrix of another is a column of texts.
    counted = [*scores, *(name for name in (*_COSTS.values(), STEPS, BATCH) if name in frame)]
    numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in counted}
    numbers = {name: each.where(each.abs() <= _LARGEST) for name, each in numbers.items()}
    return plain(frame.reindex(columns=list(wanted)).assign(**numbers))


def _configs(runs: Sequence[dict[str, Any]], behind: Behind) -> dict[str, Settings]:
    """Configuration hash → the settings that all its runs share; the others of a run go into its "own"."""
    by_hash: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        by_hash[run["config"]].append(run)
    shared = {}
    for config, every in sorted(by_hash.items()):
        settings = [behind.of_training(run["path"]) for run in every]
        shared[config], differing = shared_and_differing(settings)
        for run, others in zip(every, differing, strict=True):
            run["own"] = others
    return shared


def _evaluations(
    members: Mapping[tuple, Sequence[Record]], behind: Behind
) -> tuple[list[dict[str, Any]], dict[tuple, int]]:
    """How scores were made, each way once; and key of `members` → the place of its way."""
    places: dict[str, int] = {}
    texts = {key: json.dumps(_evaluation(records, behind), sort_keys=True) for key, records in members.items()}
    numbers = {key: places.setdefault(text, len(places)) for key, text in texts.items()}
    return [json.loads(text) for text in places], numbers


def _evaluation(records: Sequence[Record], behind: Behind) -> dict[str, Any]:
    """The settings of evaluations that are pooled: those that all share, and by path those of some only."""
    settings = [behind.of_evaluation(record["path"]) for record in records]
    shared, differing = shared_and_differing(settings)
    paths = [record["path"] for record in records]
    parameters = json.loads(records[0][KEYS["metric_parameters"]])
    found = {
        "metric_parameters": parameters,
        "settings": shared,
        "own": {path: others for path, others in zip(paths, differing, strict=True) if others},
    }
    if records[0][KEYS["metric"]] in RUN_SET_METRICS:
        found["run_set"] = behind.run_set(paths[0])
    return found


def _order(row: dict[str, Any]) -> tuple:
    """By what is compared, then the best mean first; what does not compete follows, and at the end what is not above chance."""
    compared = [row[name] for name in ("dataset", "fingerprint", "metric", "score", "num_images")]
    compared += [-row[name] for name in VERSIONS]
    worth = row["mean"] if row["higher_is_better"] is False else -row["mean"]
    apart = not row["competes"] or row["evidence"] == CLAIMED
    return *compared, str(row["metric_parameters"]), row["above_chance"] is False, apart, worth, row["model"], row["id"]


def make_row(
    cell: Record, records: Sequence[Record], runs: Sequence[Mapping[str, Any]], places: Mapping[str, int]
) -> dict[str, Any]:
    """The row of a `cell` of analysis.cells from the `records` of its evaluations.

    runs: those of the board; places: where the run with this uuid stands among them.
    """
    names = {name: cell[name] for name in GROUP}
    method = method_of({"model.model": records[0][OBJECTIVE]})
    values = _values(cell["score"], records, places)
    known = score_info(cell["metric"], cell["score"])
    competes = (cell["model"] if method == EXTERNAL else method) not in NOT_COMPETING
    return {
        "id": row_id(names),
        **names,
        "metric_parameters": json.loads(cell["metric_parameters"]),
        "method": method,
        "supervision": cell[SUPERVISION],
        "budget": cell[BUDGET],
        "evidence": cell.get("evidence") or (SCORED_HERE if method == EXTERNAL else TRAINED_HERE),
        "reference": cell["unranked"] == REFERENCE,
        "competes": competes,
        "origin": origin_of(cell["dataset"], [record[ORIGIN] for record in records]),
        **{name: cell[name] for name in STATISTICS},
        "higher_is_better": known.higher_is_better,
        "range": [known.low, known.high],
        **{name: _mean([runs[each["run"]][name] for each in values]) for name in COSTS},
        "equal_codes": cell.get(EQUAL),
        "exact_factors": sorted({name for each in values for name in runs[each["run"]]["exact_factors"]}),
        "runs": values,
    }


def _step(records: Sequence[Record], after: Mapping[str, str]) -> dict[str, Any]:
    """Of how many training steps the codes are (None: not known), whether that is the end, and the codes' name after training."""
    name = records[0][KEYS["representation"]]
    steps = {record[STEP] if after[name] != name else record[STEPS] for record in records}
    (step,) = steps if len(steps) == 1 else (None,)
    return {"step": None if step is None else int(step), "last": after[name] == name, "codes": after[name]}


def row_id(names: Mapping[str, Any]) -> str:
    """Hexadecimal digits for permalinks: the same row has the same ones in every board."""
    text = json.dumps([names[name] for name in GROUP if name not in VERSIONS or names[name] != 1])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:_ID_DIGITS]


def _values(score: str, records: Sequence[Record], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each run's value, and that adjusted for chance, the means over its evaluations, by seed."""
    column, adjusted = f"evaluation_results.{score}", null_columns(score)["adjusted"]
    found: dict[str, list[Record]] = {}
    for record in records:
        if record[column] is not None:
            found.setdefault(record[RUN], []).append(record)
    values = [
        {
            "run": places[uuid],
            "seed": of_run[0]["train_results.seed"],
            "value": _mean([each[column] for each in of_run]),
            "adjusted": _mean([each.get(adjusted) for each in of_run]),
            "paths": [each["path"] for each in of_run],
        }
        for uuid, of_run in found.items()
    ]
    return sorted(values, key=lambda value: (value["seed"], value["run"]))


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if numbers else None


def describe(record: Mapping[str, Any], root: Path, output: Path) -> dict[str, Any]:
    """One run of a board from the `record` of one of its evaluations (COLUMNS and path; None where something is missing).

    Costs: parameters of the model, seconds of training, images that training saw, reconstruction at its end (nats).
    path: of the run directory, from `root`; directory: as commands name it; pictures, page: of their files, from the
    folder `output`. exact_factors: those that a submission's codes hold as they are.
    """
    directory = (root / record["path"]).parents[2]
    path = directory.relative_to(root)
    # A page shows no path of its maker's machine.
    home = Path(root.name) if root.is_absolute() or ".." in root.parts else root
    steps, batch = record[STEPS], record[BATCH]
    page = directory / "visualize" / "index.html"
    return {
        "path": path.as_posix(),
        "directory": (home / path).as_posix(),
        **{name: record[column] for name, column in {**_FACTS, **_COSTS}.items()},
        "images": None if steps is None or batch is None else steps * batch,
        "exact_factors": json.loads(record[_EXACT] or "[]"),
        "pictures": [relative(picture, output) for picture in pictures_of(directory, root)],
        "page": relative(page, output) if page.exists() and _is_inside(page, root) else None,
    }


def pictures_of(directory: Path, root: Path) -> Iterable[Path]:
    """The pictures of a run directory, in the order of _PICTURES; what is no regular file inside `root` is left out."""
    found = [path for pattern in _PICTURES for path in sorted(directory.glob(pattern))]
    return [path for path in dict.fromkeys(found) if _is_inside(path, root)]


def _is_inside(path: Path, root: Path) -> bool:
    """Whether `path` is a regular file inside `root`, links followed: a page shows no other; says so where it is none."""
    real = os.path.realpath(path)
    inside = os.path.isfile(real) and Path(real).is_relative_to(os.path.realpath(root))
    if not inside:
        warn_once(f"left out: {visible(str(path))} is no regular file inside {visible(str(root))}")
    return inside


def relative(path: Path, output: Path) -> str:
    """`path` as seen from the folder `output`, with forward slashes."""
    return Path(os.path.relpath(path.resolve(), output.resolve())).as_posix()
