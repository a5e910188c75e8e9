"""What theory says of known codes and what metrics say of them: cells of factors, codes and sizes, scored against their null."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gin
import numpy as np

import dlib_bvae
from dlib_bvae import metrics
from dlib_bvae.artifacts import config_dict
from dlib_bvae.artifacts.record import make_directory, writing
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.metrics.constructed import (
    ELEMENTWISE,
    GRIDS,
    GROUPED,
    KNOWN_CODES,
    LINEARLY,
    NOT_IDENTIFIED,
    STRUCTURES,
    KnownCodes,
    codes_of,
)
from dlib_bvae.metrics.score_info import (
    MISSING,
    MODULAR,
    ONE_TO_ONE,
    PERMUTATION,
    READABLE,
    ROTATION,
    UNJUDGED,
    info_of,
    said_by,
)
from dlib_bvae.visualize.diagrams import tiles

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["structure", "codes", "images", "seed", "metric", "score", "result", "null", "adjusted", "theory", "claim"]
COLUMNS += ["expected", "verdict", "reason"]
HIGH, LOW = 0.8, 0.6  # of the way from chance to the best value
AGREES, UNCLEAR, DISAGREES, NOT_JUDGED, NO_SCORE = VERDICTS = (
    "agrees",
    "unclear",
    "disagrees",
    "not judged",
    "not applicable",
)
MATCHINGS, FEW_MATCHINGS = (
    3,
    1,
)  # of the null; few where scores take seconds, and of many images, where the null varies little
MANY_IMAGES = 100_000
COSTLY_IMAGES = 3_000  # that metrics which take seconds draw, for training and tests together
MOST_FOR_COSTLY, MOST_UNJUDGED = (
    10_000,
    1_000,
)  # images of the largest data of metrics that take seconds, or claim nothing
CHECKPOINT = "identification.part"
# Small enough for minutes; a configuration says otherwise metric by metric.
QUICK = {"n_estimators": 10, "num_eval": 500, "num_test": 500, "num_train": 1_000, "num_variance_estimate": 1_000}

_IDENTIFIED = {
    ONE_TO_ONE: {ELEMENTWISE},
    MODULAR: {ELEMENTWISE, GROUPED},
    READABLE: {ELEMENTWISE, LINEARLY, GROUPED},
}


class Cell(NamedTuple):
    """One data set and its codes, scored by one metric: names in STRUCTURES and KNOWN_CODES, a key of GRIDS, the seed."""

    metric: str
    structure: str
    codes: str
    images: int
    seed: int


def cells(
    names: Sequence[str], structures: Sequence[str], codes: Sequence[str], sizes: Sequence[int], seeds: int
) -> list[Cell]:
    """Every cell of these, without data too large for metrics that take seconds, which get one seed."""
    found = []
    for name in names:
        costly, said = takes_seconds(name), metrics.validity(name)
        most = MOST_FOR_COSTLY if costly else MANY_IMAGES
        most = MOST_UNJUDGED if said is not None and set(said.claims.values()) == {UNJUDGED} else most
        for size in (size for size in sizes if size <= most):
            over = range(1 if costly else seeds)
            found += [Cell(name, each, code, size, seed) for each in structures for code in codes for seed in over]
    return found


def takes_seconds(name: str) -> bool:
    """Whether the table of metrics says of one that it takes a second or more."""
    about = said_by(metrics.METRICS, name, "ABOUT", {}).get(name)
    return about is None or about.cost != "< 1 s"


def judged(names: Sequence[str]) -> list[str]:
    """Those of the metrics that say what their scores claim."""
    return [name for name in names if metrics.validity(name) is not None]


def scored(
    wanted: Sequence[Cell], directory: Path, gin_config: Sequence[str], gin_bindings: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows, with COLUMNS, of the cells `wanted`. Each is kept in CHECKPOINT of `directory` as soon as it is scored.

    Those that are there, of the same configuration and version, are not scored again. Raises UserError where the file is not as
    this package writes it.
    """
    rows: list[dict[str, Any]] = []
    with (
        configuration(gin_config, gin_bindings, [metrics.METRICS, metrics.CLASSIFIERS]),
        _checkpoint(directory) as kept,
    ):
        for k, cell in enumerate(wanted):
            rows += kept(cell)
            if k + 1 == len(wanted) or wanted[k + 1].metric != cell.metric:
                print(f"{cell.metric}: done", flush=True)
    return rows


@contextlib.contextmanager
def _checkpoint(directory: Path) -> Iterator[Callable[[Cell], list[dict[str, Any]]]]:
    """Yields cell → rows, which scores a cell that the file has not, and appends it."""
    settings = {"version": dlib_bvae.__version__, "gin": config_dict(gin.config_str())}
    path, key = directory / CHECKPOINT, json.dumps(settings, sort_keys=True, default=str)
    known, length = _read(path, key)
    file: io.TextIOBase | None = None

    def rows_of(cell: Cell) -> list[dict[str, Any]]:
        nonlocal file
        if cell not in known:
            rows = score_cell(cell)
            with writing(path):
                if file is None:
                    make_directory(directory)
                    if path.exists():
                        with open(path, "r+b") as old:
                            old.truncate(length)  # a line that a kill cut short
                    file = open(path, "a", encoding="utf-8")  # noqa: SIM115
                file.write(json.dumps({"settings": key, "cell": cell, "rows": rows}) + "\n")
                file.flush()
            known[cell] = rows
        return known[cell]

    try:
        yield rows_of
    finally:
        if file is not None:
            file.close()


def _read(path: Path, key: str) -> tuple[dict[Cell, list[dict[str, Any]]], int]:
    """The cells in the file, of these settings, and up to which byte it is whole; other settings begin anew."""
    if not path.exists():
        return {}, 0
    with writing(path):
        content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.decode().splitlines()]
        if any(line["settings"] != key for line in lines):
            return {}, 0
        return {Cell(*line["cell"]): line["rows"] for line in lines}, len(whole)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not as this package wrote it, or another's; move it elsewhere") from error


def score_cell(cell: Cell) -> list[dict[str, Any]]:
    """The rows of one cell, a score each; one row with the reason where the metric refuses these factors or codes."""
    ranks = STRUCTURES[cell.structure].make(GRIDS[cell.images], np.random.default_rng([cell.seed, 0]))
    codes = codes_of(cell.codes, ranks, np.random.default_rng([cell.seed, 1]))
    few = takes_seconds(cell.metric) or cell.images >= MANY_IMAGES
    place = {**cell._asdict(), "theory": KNOWN_CODES[cell.codes].theory}
    try:
        found = metrics.score(
            cell.metric,
            factors=ranks,
            codes=codes,
            factor_kinds=["ordinal"] * ranks.shape[1],
            random_state=cell.seed,
            null=FEW_MATCHINGS if few else MATCHINGS,
            **parameters(cell.metric, len(ranks)),
        )
    except UserError as refusal:
        return [{**place, "verdict": NO_SCORE, "reason": str(refusal).splitlines()[0]}]  # gin adds lines
    return [{**place, **row} for row in _rows(cell, found)]


def parameters(name: str, images: int) -> dict[str, Any]:
    """How many images the metric draws of so many, for parameters that the open configuration does not set."""
    bound, known = config_dict(gin.config_str()), inspect.signature(metrics.METRICS.get(name)).parameters
    few = isinstance(known["num_train"].default, tuple)  # one fits to images that share a value
    if few or "batch_size" in known:
        chosen: dict[str, Any] = {**QUICK, "num_train": min(QUICK["num_train"], images // (10 if few else 2))}
    else:
        most = min(images, COSTLY_IMAGES) if takes_seconds(name) else images
        test = most // 3 if "num_test" in known else 0
        chosen = {"n_estimators": QUICK["n_estimators"], "num_train": most - test, "num_test": test}
    return {
        key: (value,) if isinstance(known[key].default, tuple) else value
        for key, value in chosen.items()
        if key in known and f"{name}.{key}" not in bound
    }


def _rows(cell: Cell, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each score of the metric that claims something of codes."""
    said, known = metrics.validity(cell.metric), metrics.scores_of(cell.metric)
    assert said is not None
    rows = []
    for pattern, claim in said.claims.items():
        for key in (key for key in found if fnmatchcase(key, pattern)):
            result, null = found[key], found.get("null", {}).get(key, {})
            row = {"score": key, "result": result, "null": null.get("mean"), "adjusted": null.get("adjusted")}
            info = info_of(known, key)
            expected = expected_of(claim, KNOWN_CODES[cell.codes])
            reason = found.get(MISSING, {}).get(key)
            if claim == UNJUDGED or info is None or info.null != PERMUTATION:
                verdict = NOT_JUDGED
            elif row["adjusted"] is None:
                verdict, reason = NO_SCORE, reason or null.get("missing", {}).get("adjusted")
            else:
                verdict = verdict_of(row["adjusted"], expected == "high")
            rows.append({**row, "claim": claim, "expected": expected, "verdict": verdict, "reason": reason})
    return rows


def expected_of(claim: str, codes: KnownCodes) -> str:
    """Whether a score that claims so should be "high" or "low" of these codes; "" of one that claims nothing."""
    if claim == UNJUDGED:
        return ""
    high = codes.rotation if claim == ROTATION else codes.theory in _IDENTIFIED[claim]
    return "high" if high else "low"


def verdict_of(adjusted: float, high: bool) -> str:
    """AGREES, DISAGREES or UNCLEAR: whether a score is above HIGH, or below LOW, of the way from chance to its best value."""
    if not math.isfinite(adjusted):
        return NO_SCORE
    if LOW < adjusted < HIGH:
        return UNCLEAR
    return AGREES if (adjusted >= HIGH) == high else DISAGREES


def page(frame: pd.DataFrame) -> str:
    """Markdown: what theory says of the codes, when each metric misleads, and the scores by structure. frame: with COLUMNS."""
    codes = [name for name in KNOWN_CODES if (frame["codes"] == name).any()]
    return "\n".join(
        [
            "# What theory says of codes, and what metrics say",
            "",
            f"A score agrees where it is at least {HIGH} of the way from its null to its best value of codes that are what it",
            f"claims, and at most {LOW} of all others; between both it is unclear.",
            "",
            *_lines(["codes", "what they are", "theory: identified"], [_of_codes(name) for name in codes]),
            "",
            *(line for metric in dict.fromkeys(frame["metric"]) for line in _of_metric(metric, frame)),
            *(line for name in dict.fromkeys(frame["structure"]) for line in _of_structure(name, codes, frame)),
        ]
    )


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def _of_codes(name: str) -> list[str]:
    known = KNOWN_CODES[name]
    words = {GROUPED: "elementwise, after grouping only", NOT_IDENTIFIED: "not identified"}
    return [name, known.label, words.get(known.theory, known.theory)]


def _of_metric(metric: str, frame: pd.DataFrame) -> list[str]:
    """When it misleads, how often each score agrees, and which codes it disagrees on."""
    part = frame[frame["metric"] == metric]
    lines = [f"## {metric}", "", metrics.caution(metric), ""]
    rows = []
    for score, of_score in part.dropna(subset=["score"]).groupby("score", sort=False):
        count = of_score["verdict"].value_counts()
        wrong = of_score[of_score["verdict"] == DISAGREES]
        named = [f"{code} ({_names(each['structure'])})" for code, each in wrong.groupby("codes", sort=False)]
        shown = [f"{count.get(verdict, 0)}" for verdict in (AGREES, UNCLEAR, DISAGREES)]
        rows.append([f"`{score}`", str(of_score["claim"].iloc[0]), *shown, "; ".join(named)])
    if rows:
        lines += [*_lines(["score", "claims", AGREES, UNCLEAR, DISAGREES, "disagrees on"], rows), ""]
    refused = part[part["verdict"] == NO_SCORE]
    for reason, each in refused.groupby(refused["reason"].map(_first_part), sort=False):
        lines += [f"not applicable in {pluralize(len(each), 'row')} ({_names(each['structure'])}): {reason}", ""]
    return lines


def _first_part(reason: str) -> str:
    return reason.partition(";")[0]


def _names(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _of_structure(structure: str, codes: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """A row a score, a column a code: the score of the largest data that all codes were scored on, and its verdict."""
    marks = {AGREES: "✓", UNCLEAR: "?", DISAGREES: "✗"}
    rows = []
    part = frame[(frame["structure"] == structure) & frame["result"].notna()]
    for (metric, score), each in part.groupby(["metric", "score"], sort=False):
        largest = each[each["images"] == each["images"].max()]
        cells = [f"`{metric}` `{score}`", f"{each['images'].max():,}"]
        for code in codes:
            of_code = largest[largest["codes"] == code]
            verdict = of_code["verdict"].iloc[0] if len(of_code) else ""
            cells.append(f"{of_code['result'].mean():.2f} {marks.get(verdict, '')}".strip() if len(of_code) else "")
        rows.append(cells)
    return (
        [f"## Factors: {STRUCTURES[structure].label}", "", *_lines(["score", "images", *codes], rows), ""]
        if rows
        else []
    )


def picture(frame: pd.DataFrame) -> bytes:
    """A PNG: a row a score, a column a structure and code, coloured by the verdict on the largest data of each."""
    import pandas as pd

    judged_rows = frame[frame["verdict"].isin([AGREES, UNCLEAR, DISAGREES, NO_SCORE]) & frame["score"].notna()]
    largest = judged_rows.sort_values("images", kind="stable").groupby(
        ["metric", "score", "structure", "codes"], sort=False
    )
    last = largest["verdict"].last().reset_index()
    last["row"], last["column"] = last["metric"] + " " + last["score"], last["structure"] + " " + last["codes"]
    rows = list(dict.fromkeys(judged_rows["metric"] + " " + judged_rows["score"]))
    columns = [
        f"{a} {b}" for a in STRUCTURES for b in KNOWN_CODES if ((last["structure"] == a) & (last["codes"] == b)).any()
    ]
    grid = pd.pivot(last, index="row", columns="column", values="verdict").reindex(index=rows, columns=columns)
    return tiles(grid.fillna(NO_SCORE), (AGREES, UNCLEAR, DISAGREES, NO_SCORE))
