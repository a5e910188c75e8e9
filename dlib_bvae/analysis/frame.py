"""Takes the finished evaluations below a folder of runs, hands on one pandas frame: a row an evaluation, a column an entry."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.analysis.columns import Columns
from dlib_bvae.artifacts.identity import config_hash, without_seeds
from dlib_bvae.artifacts.record import is_done, read_json
from dlib_bvae.errors import UserError, visible
from dlib_bvae.former_names import current_key
from dlib_bvae.representations.codes import recorded_digest
from dlib_bvae.runtime import without_collection

if TYPE_CHECKING:
    import pandas as pd

# What must be equal for two results to be pooled → its column in the frame of `collect`.
KEYS = {
    "model": "train_results.model",
    "config": "config",
    "dataset": "train_results.dataset",
    "fingerprint": "train_results.fingerprint",
    "data_version": "data_version",
    "representation": "postprocess_results.representation",
    "num_images": "postprocess_results.num_images",
    "metric": "evaluation_results.metric",
    "metric_version": "metric_version",
    "metric_parameters": "metric_parameters",
}
VERSIONS = ("data_version", "metric_version")  # those of KEYS that tables of before they were recorded lack
SEED = "train_results.seed"
RUN = "train_results.uuid"
ORIGIN = "train_results.origin"  # of the images; results of earlier versions lack it
CODES = "postprocess_results.codes_digest"  # equal for equal codes (see codes_digest); missing where they are not known
SCORE_NAMES = "evaluation_results.score_names"
NULL = {"null_mean": "mean", "null_std": "std", "z": "z", "p": "p", "adjusted": "adjusted"}  # column of tables → entry
OBJECTIVE = "train_config.model.model"  # "@vae()", "@train/factor_vae()"; codes from elsewhere have none
RECORDED_SUPERVISION = "train_results.supervision"
EVIDENCE = ("claimed", "recomputed", "retrained")  # of a submission's scores, least first
LEFTOVERS = (".part", ".old")  # endings of directories that a stage works in and replaces

# External codes have no training here: the column of a training → the one that stands for it.
_UNTRAINED = {
    "train_results.model": "postprocess_results.model",
    "train_results.dataset": "postprocess_results.dataset",
    "train_results.fingerprint": "postprocess_results.fingerprint",
    ORIGIN: "postprocess_results.origin",
    "train_results.data_version": "postprocess_results.data_version",
    SEED: "postprocess_results.training_seed",
    RUN: "postprocess_results.uuid",
}
_SUBMITTED = "submission_results.supervision"
_DERIVED = ("config", "metric_parameters", *VERSIONS)
_REQUIRED = [name for name in (*KEYS.values(), SEED, RUN, SCORE_NAMES) if name not in _DERIVED]
_SEEDS = "_identity.seeds"  # which parameters of a stage are seeds
# What must be text or a number where it is there: tables and pages count with it.
_TEXT_ENTRIES = (
    *(f"train_results.{name}" for name in ("model", "dataset", "fingerprint", "uuid", "origin", "supervision")),
    *(f"train_results.{name}" for name in ("started", "device")),
    *(f"train_results.environment.{name}" for name in ("package_version", "git_commit")),
    *(f"postprocess_results.{name}" for name in ("representation", "source", "saved_model", "codes_digest")),
    *(f"submission_results.{name}" for name in ("name", "method", "paper", "code", "supervision")),
    KEYS["metric"],
)
_NUMBERS = [f"train_results.{name}" for name in ("num_parameters", "elapsed_time", "reconstruction", "steps")]
STEP = "postprocess_results.step"  # of training that codes are of; missing for those at its end
METRIC_SEED = "evaluation_results.random_seed"
REPEATED_SEEDS = "evaluation_results.repeats.seeds"
_WHOLE = (SEED, KEYS["num_images"], STEP, METRIC_SEED, *VERSIONS)
_LISTS = ("submission_results.exact_factors", "train_identity.seeds", "evaluation_identity.seeds", SCORE_NAMES)
_CONFIG, _PARAMETERS = "train_config.", "evaluation_results.metric_parameters."
# Where results say their versions, the former place of a metric's last; where none does it is 1.
_RECORDED_VERSIONS = {
    "data_version": ("train_results.data_version",),
    "metric_version": ("evaluation_results.metric_version", f"{_PARAMETERS}definition"),
}
_EVALUATION = "results/aggregate/evaluation.json"
_OF_A_STAGE = ("aggregate", "gin", "json")
_LARGEST = 1e150
_MOST_SHOWN = 100  # characters of a wrong value in a message


def collect(root: Path, check: Callable[[str], object] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Every finished evaluation below `root`: (one row an evaluation with all its entries, what was left out and why).

    Added columns: `path` (of the evaluation's directory, from `root`), `config` (see `config_hash`), `data_version`,
    `metric_version` (1 in results of before they were recorded) and `metric_parameters` (JSON text, without seeds); where there
    are submissions (see leaderboard.submissions.verify), `evidence` and `supervision`, missing for runs trained here. A list, or
    any value in a column of mixed types, is its JSON text.

    check: is called with the path of each evaluation; one for which it raises UserError is left out.
    """
    import pandas as pd

    directories, problems = _evaluations(root)
    # Rows are very many containers without a cycle; looking through them again and again takes a third of the time.
    with without_collection():
        columns = _columns(root, directories, problems, check)
    return pd.DataFrame(columns.arrays()), problems


def with_versions(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of `collect` that was kept as a table before versions were recorded, with the columns VERSIONS.

    A metric's version stood among its parameters, as definition. A frame that has the columns is returned as it is.
    """
    import pandas as pd

    if not {*VERSIONS} - {*frame.columns}:
        return frame
    found = {}
    for name, places in _RECORDED_VERSIONS.items():
        known = frame.reindex(columns=[name, *places]).apply(pd.to_numeric)
        found[name] = known.bfill(axis=1).iloc[:, 0].fillna(1).astype("Int64")
    texts = {text: _without_definition(text) for text in frame["metric_parameters"].unique()}
    return frame.assign(**found, metric_parameters=frame["metric_parameters"].map(texts))


def _without_definition(parameters: str) -> str:
    known = json.loads(parameters)
    return without_seeds({name: known[name] for name in known if name != "definition"}, ())


def collect_some(root: Path, use: str, check: Callable[[str], object] | None = None) -> pd.DataFrame:
    """The frame of `collect`; names on standard error what was left out. Raises UserError when no evaluation can `use`."""
    frame, problems = collect(root, check)
    for problem in problems:
        print(f"left out: {visible(problem)}", file=sys.stderr)
    if frame.empty:
        reason = f"all {len(problems)} found were left out" if problems else "none was found"
        raise UserError(f"no evaluation below {root} can {use} ({reason}); run dlib_bvae_evaluate first")
    return frame


def _columns(
    root: Path, directories: Iterable[str], problems: list[str], check: Callable[[str], object] | None
) -> Columns:
    """The entries of the evaluations in `directories`; what is left out is added to `problems`."""
    columns = Columns()
    texts = {
        "config": _Texts(_CONFIG, config_hash, f"train{_SEEDS}"),
        "metric_parameters": _Texts(_PARAMETERS, without_seeds, f"evaluation{_SEEDS}"),
    }
    for relative in directories:
        directory = root / relative
        path = directory / _EVALUATION
        try:
            row = {"path": relative or ".", **_row(directory, path)}
            _check_values(path, row)
            row |= {name: each.of(row) for name, each in texts.items()}
            if check is not None:
                check(relative or ".")
        except (UserError, OSError) as error:
            problems.append(str(error))
            continue
        except RecursionError:
            problems.append(f"{path}: an entry is nested too deeply")
            continue
        problems += [
            f"{path}: the score {name} has no value{_why(row, name)}; it is left out"
            for name in row[SCORE_NAMES]
            if row[f"evaluation_results.{name}"] is None
        ]
        columns.add({name: row[name] for name in row if not name.endswith(_SEEDS)})
    return columns


def _why(row: Mapping[str, Any], score: str) -> str:
    reason = row.get(f"evaluation_results.missing_scores.{score}")
    return f" ({reason})" if isinstance(reason, str) else ""


class _Texts:
    """Texts of a row's entries below a prefix, made once for equal entries: few configurations have many evaluations.

    seeds: the entry that names those of them that are seeds.
    """

    def __init__(self, prefix: str, make: Callable[[dict[str, Any], list[str] | None], str], seeds: str):
        self._prefix, self._make, self._seeds = prefix, make, seeds
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # of a row → those of them below the prefix
        self._known: dict[tuple[tuple[str, ...], str], str] = {}

    def of(self, row: Mapping[str, Any]) -> str:
        """The text of `row`."""
        every = tuple(row)
        if every not in self._names:  # the evaluations of one metric and model mostly have the same
            self._names[every] = tuple(name for name in every if name.startswith(self._prefix))
        names = self._names[every]
        seeds = row.get(self._seeds)  # results of earlier versions do not say them
        # repr tells 1, 1.0 and True apart, unlike the entries themselves
        key = (names, repr([seeds, *(row[name] for name in names)]))
        if key not in self._known:
            self._known[key] = self._make({name.removeprefix(self._prefix): row[name] for name in names}, seeds)
        return self._known[key]


def _evaluations(root: Path) -> tuple[list[str], list[str]]:
    """(Directories of evaluations, as paths from `root` in order; directories that cannot be read).

    Links to directories are not followed, and nothing is looked for within the files of a stage.
    """
    found: list[str] = []
    problems: list[str] = []
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        directory = os.path.join(root, relative) if relative else os.fspath(root)
        try:
            with os.scandir(directory) as entries:
                names = [each.name for each in entries if each.name == "results" or each.is_dir(follow_symlinks=False)]
        except OSError as error:
            problems.append(f"{directory} cannot be read ({error.strerror})")
            continue
        if "results" in names and os.path.exists(os.path.join(directory, _EVALUATION)):
            found.append(relative)
            names.remove("results")
        elif relative.endswith("results"):
            names = [name for name in names if name not in _OF_A_STAGE]
        waiting += [f"{relative}/{name}" if relative else name for name in names]
    return sorted(found, key=lambda each: [*each.split("/"), "results"]), problems


def _row(directory: Path, path: Path) -> dict[str, Any]:
    """The checked entries of one evaluation."""
    # the evaluation and its representation: next to each a killed command can leave what it was replacing
    for stage in (directory, *directory.parents[1:2]):
        if stage.suffix in LEFTOVERS:
            raise UserError(f"{path}: {stage.name} is left from an interrupted command; run that again")
    if not is_done(directory, "evaluation"):
        raise UserError(f"{path}: the evaluation was not finished; run dlib_bvae_evaluate again")
    row = {current_column(key): entry for key, entry in read_json(path, "evaluation").items()}
    if "postprocess_results.training_seed" in row:
        row |= {column: row.get(external) for column, external in _UNTRAINED.items()}
    if row.get(CODES) is None and (digest := recorded_digest(directory.parents[1], row)):
        row[CODES] = digest
    lacking = [name for name in _REQUIRED if row.get(name) is None]
    if lacking:
        raise UserError(f"{path}: it lacks {', '.join(lacking)}, so it cannot be compared with others")
    row |= {name: _first(row, places) for name, places in _RECORDED_VERSIONS.items()}
    row.pop(f"{_PARAMETERS}definition", None)
    _check_kinds(path, row)
    _check_scores(path, row)
    if _SUBMITTED in row:
        row["evidence"] = row.get("evaluation_results.evidence") or row.get("submission_results.evidence")
        if row["evidence"] not in EVIDENCE:
            raise UserError(f"{path}: the evidence must be one of {', '.join(EVIDENCE)}, not {row['evidence']!r}")
        row["supervision"] = row[_SUBMITTED]
    return row


def _first(row: Mapping[str, Any], places: Iterable[str]) -> Any:
    return next((row[place] for place in places if row.get(place) is not None), 1)


@functools.cache
def current_column(key: str) -> str:
    """The column of an entry today; results of earlier versions, and tables of them, have some former gin names."""
    return _CONFIG + current_key(key.removeprefix(_CONFIG)) if key.startswith(_CONFIG) else key


def _check_kinds(path: Path, row: Mapping[str, Any]) -> None:
    """Raises UserError where an entry that every table or page uses is not of its type."""
    for names, fits, kind in (
        (_TEXT_ENTRIES, lambda entry: isinstance(entry, str), "text"),
        (_NUMBERS, is_number, "a finite number"),
        (_WHOLE, lambda entry: is_number(entry) and isinstance(entry, int), "an integer of 64 bits"),
        (_LISTS, _is_list_of_names, "a list of names"),
    ):
        for name in names:
            entry = row.get(name)
            if entry is not None and not fits(entry):
                raise UserError(f"{path}: {name} must be {kind}, not {_short(entry)}")


def is_number(entry: object) -> bool:
    """Whether an entry is a finite number, no truth value, that 64 bits hold and whose square does, too."""
    if isinstance(entry, int):
        return not isinstance(entry, bool) and abs(entry) < 2**63
    return isinstance(entry, float) and abs(entry) <= _LARGEST


def _is_list_of_names(entry: object) -> bool:
    return isinstance(entry, list) and all(isinstance(each, str) for each in entry)


def _short(entry: object) -> str:
    text = repr(entry)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _check_scores(path: Path, row: dict[str, Any]) -> None:
    if not row[SCORE_NAMES]:
        raise UserError(f"{path}: {SCORE_NAMES} must be a list of names, not {row[SCORE_NAMES]!r}")
    for name in row[SCORE_NAMES]:
        value = row.get(f"evaluation_results.{name}", "missing")
        if value is not None and not is_number(value):
            raise UserError(f"{path}: the score {name} must be a finite number, not {_short(value)}")
        for column in null_columns(name).values():
            entry = row.get(column)
            if entry is not None and not is_number(entry):
                raise UserError(f"{path}: {column} must be a finite number, not {_short(entry)}")
        for column, fits, kind in (
            (
                null_count(name),
                lambda entry: isinstance(entry, int) and is_number(entry) and entry > 0,
                "an integer > 0",
            ),
            (repeated(name), _is_list_of_numbers, "a list of finite numbers"),
            (REPEATED_SEEDS, _is_list_of_numbers, "a list of finite numbers"),
        ):
            entry = row.get(column)
            if entry is not None and not fits(entry):
                raise UserError(f"{path}: {column} must be {kind}, not {_short(entry)}")


def _is_list_of_numbers(entry: object) -> bool:
    return isinstance(entry, list) and all(map(is_number, entry))


def rows_of_scores(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """{score: the places of the rows that have it, int64, ascending} of a frame of `collect`; scores in alphabetical order."""
    import pandas as pd

    if frame.empty:
        return {}
    places, texts = pd.factorize(frame[SCORE_NAMES])
    named = [set(json.loads(text)) for text in texts]
    return {
        score: np.flatnonzero(np.isin(places, [place for place, names in enumerate(named) if score in names]))
        for score in sorted(set().union(*named))
    }


def repeated(score: str) -> str:
    """The column of the frame with a score by each of REPEATED_SEEDS (see metrics.engine.repeats)."""
    return f"evaluation_results.repeats.scores.{score}"


def null_count(score: str) -> str:
    """The column of the frame with the number of matchings that a score's null is of."""
    return f"evaluation_results.null.{score}.n"


@functools.cache
def null_columns(score: str) -> dict[str, str]:
    """{column of tables: the one of the frame} of what a score's null says (see metrics.engine.null)."""
    return {name: f"evaluation_results.null.{score}.{entry}" for name, entry in NULL.items()}


def _check_values(path: Path, row: Mapping[str, Any]) -> None:
    """Raises UserError where something cannot be written in a table: text that is no Unicode, a number that is none."""
    try:
        texts = [*row]
        for entry in row.values():
            if type(entry) is str:
                texts.append(entry)
            elif isinstance(entry, (list, dict)):
                texts.append(json.dumps(entry, ensure_ascii=False, allow_nan=False))
            elif type(entry) is float and not math.isfinite(entry):
                raise ValueError(f"{entry} is no finite number")
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{path}: a name or text in it is no Unicode ({error.reason})") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
