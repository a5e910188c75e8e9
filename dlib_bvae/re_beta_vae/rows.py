"""Run directories and tables of evaluations → one frame with what the report uses, each entry checked; tables are streamed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.frame import CODES, ORIGIN, RUN, SEED, VERSIONS, collect, current_column, is_number
from dlib_bvae.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_UUID, METRIC = "evaluation_results.uuid", "evaluation_results.metric"
_NEEDED = (_UUID, METRIC, "config", RUN)
STARTED, FINGERPRINT = "train_results.started", "train_results.fingerprint"
VERSION, COMMIT = (f"evaluation_results.environment.{name}" for name in ("package_version", "git_commit"))
_TEXTS = (
    *("train_results.dataset", FINGERPRINT, "train_results.model", ORIGIN, STARTED, VERSION, COMMIT),
    *("postprocess_results.representation", "evaluation_config.evaluation.split", "path", CODES),
)
_STEM = "evaluation_results.metric_parameters"
DEFINITION = f"{_STEM}.definition"  # where tables of before versions were recorded have that of a metric
_WHOLE = ("train_results.steps", "train_results.num_samples", *VERSIONS, DEFINITION)
_NUMBERS = (
    *("evaluation_results.eval_accuracy", "evaluation_results.discrete_mig", "train_results.reconstruction"),
    "evaluation_results.protocol.images_each_side",
)
_CURVE = re.compile(r"train_results\.(frechet|fid)_curve\.(name|steps|values|reconstruction_loss)")
_DISTANCE = re.compile(r"evaluation_results\.(fid|fd)_\w+")
_OTHER = re.compile(
    r"train_config\.(vae\.beta|model\.(model|batch_size|optimizer)|encoder\.(encoder_fn|num_latent)|decoder\.decoder_fn"
    r"|reconstruction_loss\.loss_fn|[\w./]+\.learning_rate)"
)
_OF_BETA_VAE = [f"{_STEM}.{name}" for name in ("batch_size", "num_train", "classifier", "factors")]
_NAMES = ("train_config.model.model", f"{_STEM}.classifier")
_EXACT = {*_NEEDED, SEED, *_TEXTS, *_WHOLE, *_NUMBERS, *_OF_BETA_VAE}
_BLOCK = 8 * 2**20  # bytes of a CSV that are read at a time; a row is shorter
_ROWS = 4096  # of a Parquet file that are read at a time
_QUOTED = re.compile(r"'(?=[=+\-@\t\r])")  # how a table in CSV begins a text that a spreadsheet would run
_MOST_SHOWN = 60  # characters of a wrong entry in a message


def read(results: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """All evaluations in `results`, each a directory of runs or a runs.parquet or runs.csv of dlib_bvae_aggregate.

    Columns as of analysis.frame.collect, of tables those that the report uses; and `folder`: the run's directory as text,
    missing where there are rows only. An evaluation that two of `results` have is there once. Also what was left out and
    why. Raises UserError when there is no evaluation, and for a table that is damaged.
    """
    import pandas as pd

    frames, problems = [], []
    for place in results:
        if place.is_dir():
            frame, left_out = collect(place)
            frame = frame.astype(object)
            if not frame.empty:
                frame["folder"] = [str(place.joinpath(*Path(path).parts[:-3])) for path in frame["path"]]
                for sentence, wrong in _faults(frame):
                    problems += [f"{place / path}: {sentence}" for path in frame["path"][wrong.to_numpy()]]
                    frame = frame[~wrong.reindex(frame.index).to_numpy()]
            problems += left_out
        else:
            frame = _table(place)
        frames.append(frame)
    frames = [frame for frame in frames if not frame.empty]
    if not frames:
        reason = f" ({problems[0]})" if problems else ""
        raise UserError(
            f"no evaluation in {', '.join(map(str, results))} is finished{reason}; run dlib_bvae_study first, or name a "
            "directory of runs or a runs.parquet"
        )
    rows = pd.concat(frames, ignore_index=True).drop_duplicates(_UUID, ignore_index=True)
    return rows, problems


def column(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column, or one of missing values where no row has it."""
    import pandas as pd

    return rows[name] if name in rows else pd.Series([None] * len(rows), index=rows.index, dtype=object)


def value(entry: Any) -> Any:
    """An entry as it was written: text that is JSON is read, a missing one is None."""
    import pandas as pd

    if isinstance(entry, str):
        try:
            return json.loads(entry)
        except (ValueError, RecursionError):
            return entry
    return None if pd.isna(entry) else entry


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise UserError(f"there is no {path}; name a directory of runs, or a runs.parquet or runs.csv")
    parts: dict[str, list[Any]] = {}
    known: dict[str, str] = {}  # equal texts once
    try:
        for batch in (_of_csv if path.suffix == ".csv" else _of_parquet)(path):
            for name, entries in zip(batch.schema.names, batch.columns, strict=True):
                parts.setdefault(name, []).extend(_entries(entries, path.suffix == ".csv", known))
    except UserError:
        raise
    except (ValueError, OSError, KeyError, TypeError, NotImplementedError, MemoryError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} is no table that dlib_bvae_aggregate wrote: {reason}") from error
    frame = pd.DataFrame({current_column(name): entries for name, entries in parts.items()}, dtype=object)
    for sentence, wrong in _faults(frame):
        raise UserError(
            f"{path}, row {int(wrong.to_numpy().argmax()) + 1}: {sentence}; write it again by dlib_bvae_aggregate"
        )
    return frame


def _of_csv(path: Path) -> Iterator[pa.RecordBatch]:
    """The used columns as text, a block at a time."""
    import pyarrow as pa
    from pyarrow import csv

    options = csv.ReadOptions(use_threads=False, block_size=_BLOCK)
    lines = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, options, lines) as reader:
        names = _used(path, reader.schema.names)
    converted = csv.ConvertOptions(  # as text: a hash such as 1e10 is no number
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=names,
        null_values=[""],
        strings_can_be_null=True,
    )
    with csv.open_csv(path, options, lines, converted) as reader:
        yield from reader


def _of_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    """The used columns, some rows at a time."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(_ROWS, columns=_used(path, file.schema_arrow.names), use_threads=False)


def _used(path: Path, names: Sequence[str]) -> list[str]:
    """Those of a table's columns that the report uses. Raises UserError where one that it needs is not there, or there twice."""
    today = [current_column(name) for name in names]
    used = [name for name, now in zip(names, today, strict=True) if _is_used(now)]
    if lacking := {*_NEEDED, SEED} - set(today):
        raise UserError(
            f"{path} lacks the columns {', '.join(sorted(lacking))}; give a runs.parquet of dlib_bvae_aggregate"
        )
    if twice := [now for now in dict.fromkeys(today) if _is_used(now) and today.count(now) > 1]:
        raise UserError(f"{path} has the column {twice[0]} twice; give a runs.parquet of dlib_bvae_aggregate")
    return used


def _is_used(name: str) -> bool:
    return name in _EXACT or any(pattern.fullmatch(name) for pattern in (_CURVE, _DISTANCE, _OTHER))


def _entries(array: pa.Array, quoted: bool, known: dict[str, str]) -> list[Any]:
    """A column's entries as Python's own text, numbers and None."""
    entries = array.to_pylist()
    if quoted:
        entries = [
            None if each is None else _QUOTED.sub("", each, count=1) if each[:1] == "'" else each for each in entries
        ]
    if kinds := {type(each) for each in entries} - {str, int, float, bool, type(None)}:
        raise TypeError(f"a column holds entries of the type {kinds.pop().__name__}")
    return [known.setdefault(each, each) if isinstance(each, str) else each for each in entries]


def _faults(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """(What is wrong with an entry, the rows that have such a one) for each column in which some is."""
    import pandas as pd

    everywhere = pd.Series(True, index=frame.index)
    of_beta_vae = frame[METRIC] == "beta_vae" if METRIC in frame else everywhere
    for name in frame.columns:
        kind, fits = _expected(name)
        if not kind:
            continue
        part = frame[name][of_beta_vae if name in _OF_BETA_VAE else everywhere]
        if name not in (*_NEEDED, SEED):
            part = part.dropna()
        bad = {entry for entry in set(part.tolist()) if not fits(None if entry is pd.NA else entry)}
        if bad:
            shown = sorted(map(repr, bad))[0]
            shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}…"
            wrong = everywhere & False
            wrong[part.index] = part.isin(bad) | (part.isna() if bad & {None, pd.NA} else False)
            yield f"{name} must be {kind}, not {shown}", wrong


def _expected(name: str) -> tuple[str, Callable[[Any], bool]]:
    """What an entry of a column must be, in words and as a test; "" where nothing is asked of it."""
    if name in _NEEDED or name in _TEXTS:
        return "text", lambda entry: isinstance(entry, str)
    if name in _NAMES:
        return "a name", lambda entry: isinstance(value(entry), str)
    if name == SEED or name in _WHOLE:
        return "an integer", lambda entry: is_number(value(entry)) and float(value(entry)).is_integer()
    if name in _NUMBERS or name in _OF_BETA_VAE[:2] or _DISTANCE.fullmatch(name):
        return "a finite number", lambda entry: is_number(value(entry))
    if name == f"{_STEM}.factors":
        return "a list of names", lambda entry: _is_list(entry, str)
    if curve := _CURVE.fullmatch(name):
        if curve[2] == "name":
            return "text", lambda entry: isinstance(entry, str)
        return "a list of numbers", lambda entry: _is_list(entry, int, float)
    if _OTHER.fullmatch(name):  # a number, a reference or a schedule
        return "at most 64 bits", lambda entry: not isinstance(value(entry), int) or abs(value(entry)) < 2**63
    return "", bool


def _is_list(entry: Any, *kinds: type) -> bool:
    found = value(entry)
    return isinstance(found, list) and all(
        isinstance(each, kinds) and (isinstance(each, str) or is_number(each)) for each in found
    )
