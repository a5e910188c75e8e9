"""All evaluations below a folder → one frame, a row each."""

from __future__ import annotations

import contextlib
import functools
import gc
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.columns import Columns
from dlib_bvae.artifacts.identity import config_hash, without_seeds
from dlib_bvae.artifacts.record import is_done, read_json
from dlib_bvae.errors import UserError
from dlib_bvae.former_names import current_key

if TYPE_CHECKING:
    import pandas as pd

# What must be equal for two results to be pooled → its column in the frame of `collect`.
KEYS = {
    "model": "train_results.model",
    "config": "config",
    "dataset": "train_results.dataset",
    "fingerprint": "train_results.fingerprint",
    "representation": "postprocess_results.representation",
    "num_images": "postprocess_results.num_images",
    "metric": "evaluation_results.metric",
    "metric_parameters": "metric_parameters",
}
SEED = "train_results.seed"
RUN = "train_results.uuid"
SCORE_NAMES = "evaluation_results.score_names"
LEFTOVERS = (".part", ".old")  # endings of directories that a stage is made in and replaces

# Codes that were brought from elsewhere have no training here; what stands for it.
_UNTRAINED = {
    "train_results.model": "postprocess_results.model",
    "train_results.dataset": "postprocess_results.dataset",
    "train_results.fingerprint": "postprocess_results.fingerprint",
    SEED: "postprocess_results.training_seed",
    RUN: "postprocess_results.uuid",
}
_SUBMITTED = "submission_results.supervision"
_DERIVED = ("config", "metric_parameters")
_REQUIRED = [name for name in (*KEYS.values(), SEED, RUN, SCORE_NAMES) if name not in _DERIVED]
_CONFIG, _PARAMETERS = "train_config.", "evaluation_results.metric_parameters."
_EVALUATION = "results/aggregate/evaluation.json"
_OF_A_STAGE = ("aggregate", "gin", "json")


def collect(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Every finished evaluation below `root`: (one row an evaluation with all its entries, what was left out and why).

    Added columns: `path` (of the evaluation's directory, from `root`), `config` (see `config_hash`) and
    `metric_parameters` (JSON text, without seeds); where there are submissions (see leaderboard.submissions.verify), `evidence`
    and `supervision`, missing for what was trained here. A list, or any value in a column of mixed types, is its JSON text.
    """
    import pandas as pd

    directories, problems = _evaluations(root)
    with _no_cycles_sought():
        columns = _columns(root, directories, problems)
    return pd.DataFrame(columns.arrays()), problems


@contextlib.contextmanager
def _no_cycles_sought() -> Iterator[None]:
    """Rows are very many containers without a cycle; looking through them again and again takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _columns(root: Path, directories: Iterable[str], problems: list[str]) -> Columns:
    """The entries of the evaluations in `directories`; what is left out is added to `problems`."""
    columns = Columns()
    texts = {"config": _Texts(_CONFIG, config_hash), "metric_parameters": _Texts(_PARAMETERS, without_seeds)}
    for relative in directories:
        directory = root / relative
        path = directory / _EVALUATION
        try:
            row = _row(directory, path)
            row |= {name: each.of(row) for name, each in texts.items()}
        except (UserError, OSError) as error:
            problems.append(str(error))
            continue
        problems += [
            f"{path}: the score {name} has no value; it is left out"
            for name in row[SCORE_NAMES]
            if row[f"evaluation_results.{name}"] is None
        ]
        columns.add({"path": relative or ".", **row})
    return columns


class _Texts:
    """Texts made of a row's entries below a prefix, once for equal entries: few configurations make many evaluations."""

    def __init__(self, prefix: str, make: Callable[[dict[str, Any]], str]):
        self._prefix, self._make = prefix, make
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # of a row → those of them below the prefix
        self._made: dict[tuple[tuple[str, ...], str], str] = {}

    def of(self, row: Mapping[str, Any]) -> str:
        """The text of `row`."""
        every = tuple(row)
        if every not in self._names:  # the evaluations of one metric and model mostly have the same
            self._names[every] = tuple(name for name in every if name.startswith(self._prefix))
        names = self._names[every]
        key = (
            names,
            repr([row[name] for name in names]),
        )  # repr tells 1, 1.0 and True apart, unlike the entries themselves
        if key not in self._made:
            self._made[key] = self._make({name.removeprefix(self._prefix): row[name] for name in names})
        return self._made[key]


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
    # the evaluation and its representation: beside each a command that was killed can leave what it was replacing
    for stage in (directory, directory.parents[1]):
        if stage.suffix in LEFTOVERS:
            raise UserError(f"{path}: {stage.name} is left from an interrupted command; run that again")
    if not is_done(directory, "evaluation"):
        raise UserError(f"{path}: the evaluation was not finished; run dlib_bvae_evaluate again")
    row = {_current(key): entry for key, entry in read_json(path, "evaluation").items()}
    if "postprocess_results.training_seed" in row:
        row |= {column: row.get(brought) for column, brought in _UNTRAINED.items()}
    lacking = [name for name in _REQUIRED if row.get(name) is None]
    if lacking:
        raise UserError(f"{path}: it lacks {', '.join(lacking)}, so it cannot be compared with others")
    _check_scores(path, row)
    if _SUBMITTED in row:
        row["evidence"] = row.get("evaluation_results.evidence") or row["submission_results.evidence"]
        row["supervision"] = row[_SUBMITTED]
    return row


@functools.cache
def _current(key: str) -> str:
    """The name of an entry today; results of earlier versions have some former gin names."""
    return _CONFIG + current_key(key.removeprefix(_CONFIG)) if key.startswith(_CONFIG) else key


def _check_scores(path: Path, row: dict[str, Any]) -> None:
    if not isinstance(row[SCORE_NAMES], list) or not row[SCORE_NAMES]:
        raise UserError(f"{path}: {SCORE_NAMES} must be a list of names, not {row[SCORE_NAMES]!r}")
    for name in row[SCORE_NAMES]:
        value = row.get(f"evaluation_results.{name}", "missing")
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number and value is not None:
            raise UserError(f"{path}: the score {name} must be a finite number, not {value!r}")
