"""Tables of many runs: one row an evaluation, then one row a score with its mean and spread over training seeds."""

from __future__ import annotations

import hashlib
import io
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.errors import UserError
from dlib_bvae.results.record import is_done, read_json, write_atomic

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
GROUP = [*KEYS, "score"]
COLUMNS = [*GROUP, "mean", "std", "median", "min", "max", "seeds", "runs"]

# Codes that were brought from elsewhere have no training here; what stands for it.
_UNTRAINED = {
    "train_results.model": "postprocess_results.model",
    "train_results.dataset": "postprocess_results.dataset",
    "train_results.fingerprint": "postprocess_results.fingerprint",
    SEED: "postprocess_results.training_seed",
    RUN: "postprocess_results.uuid",
}
_NO_EFFECT = ("model.name", "model.log_every", "model.checkpoint_every")

# Columns shown to people always, and those shown only when rows could not be told apart without them.
_ALWAYS = ["model", "dataset", "representation", "metric", "score"]
_IF_NEEDED = ["config", "metric_parameters", "fingerprint", "num_images"]


def collect(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Every finished evaluation below `root`: (one row an evaluation with all its entries, what was left out and why).

    Added columns: `path` (of the evaluation's directory, from `root`), `config` (see `config_hash`) and
    `metric_parameters` (JSON text, without seeds). A list, or any value in a column of mixed types, is its JSON text.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for path in sorted(root.glob("**/results/aggregate/evaluation.json")):
        directory = path.parents[2]
        try:
            row = _row(directory, path)
        except (UserError, OSError) as error:
            problems.append(str(error))
            continue
        problems += [
            f"{path}: the score {name} has no value; it is left out"
            for name in row[SCORE_NAMES]
            if row[f"evaluation_results.{name}"] is None
        ]
        rows.append({"path": directory.relative_to(root).as_posix(), **row})
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names}), problems


def config_hash(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that name a training configuration, given as {"vae.beta": 4.0, …}.

    What cannot change a result does not count: the run's name, how often it logs and saves, seeds (parameters called
    seed, random_seed or …_seed), and macros used by nothing else; 4 and 4.0 are one value.
    """
    kept = {key: value for key, value in config.items() if not _is_seed(key) and key.split("/")[-1] not in _NO_EFFECT}
    left_out = [value for key, value in config.items() if key not in kept and isinstance(value, str)]
    in_use = json.dumps(list(kept.values()))
    for macro in {value[1:] for value in left_out if value.startswith("%")}:
        if f'"%{macro}"' not in in_use:
            kept.pop(macro, None)
    return hashlib.sha1(_canonical(kept).encode(), usedforsecurity=False).hexdigest()[:10]


def aggregate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each combination of KEYS and score in a frame of `collect`, sorted by them; columns as in COLUMNS.

    Every training seed counts once: evaluations of one run are averaged first, then runs of one seed. mean, std
    (divisor n - 1; missing for one seed), median, min and max are over seeds; `seeds` and `runs` count what went in.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    runs = per_run(frame)
    seeds = per_seed(runs)
    groups = seeds.groupby(GROUP)
    table = groups.agg(["mean", "std", "median", "min", "max"]).astype(float)
    table["seeds"] = groups.size()
    table["runs"] = runs.groupby(GROUP).size()
    return table.reset_index()[COLUMNS]


def per_run(frame: pd.DataFrame) -> pd.Series:
    """The value of every score of every run in a frame of `collect` that is not empty, averaged over its evaluations.

    Float64, with the levels GROUP, seed and run.
    """
    import pandas as pd

    base = pd.DataFrame({name: frame[column] for name, column in {**KEYS, "seed": SEED, "run": RUN}.items()})
    named = frame[SCORE_NAMES].map(json.loads)
    parts = []
    for score in sorted(set().union(*named)):
        here = named.map(lambda names, score=score: score in names)
        values = pd.to_numeric(frame.loc[here, f"evaluation_results.{score}"]).astype("Float64")
        parts.append(base[here].assign(score=score, value=values))
    scores = pd.concat(parts).dropna(subset=["value"])
    return scores.groupby([*GROUP, "seed", "run"])["value"].mean()


def per_seed(runs: pd.Series) -> pd.Series:
    """`runs` (of `per_run`) averaged over the runs of one training seed; the levels GROUP and seed."""
    return runs.groupby([*GROUP, "seed"]).mean()


def write_tables(table: pd.DataFrame, runs: pd.DataFrame, output: Path) -> list[Path]:
    """Writes results.{csv,parquet,md} from `table` (of `aggregate`) and runs.{csv,parquet} from `runs` (of `collect`).

    In CSV a text that a spreadsheet would run as a formula is preceded by an apostrophe. Returns the paths.

    Raises UserError when the disk is full.
    """
    written: dict[str, str | bytes] = {
        "results.csv": _csv(table),
        "results.parquet": _parquet(table),
        "results.md": _markdown(table),
        "runs.csv": _csv(runs),
        "runs.parquet": _parquet(runs),
    }
    for name, content in written.items():
        write_atomic(output / name, content)
    return [output / name for name in written]


def render(table: pd.DataFrame) -> str:
    """`table` (see `aggregate`) for the terminal: as wide as that is, 200 columns where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    header, rows = _readable(table)
    shown = Table(*header)
    for row in rows:
        shown.add_row(*map(Text, row))  # Text: a name like [red] is a name
    console = Console(file=io.StringIO(), width=shutil.get_terminal_size(fallback=(200, 24)).columns)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def run(results_dir: Path, output_dir: Path) -> list[Path]:
    """Tables of all evaluations below `results_dir`, written to `output_dir` and printed; returns the files' paths.

    What had to be left out is named on standard error. Raises UserError when there is no result to aggregate.
    """
    if not results_dir.is_dir():
        raise UserError(
            f"there is no directory {results_dir}; train and evaluate first, or name the directory of the runs"
        )
    frame, problems = collect(results_dir)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if frame.empty:
        reason = f"all {len(problems)} found were left out" if problems else "none was found"
        raise UserError(f"no evaluation below {results_dir} can be aggregated ({reason}); run dlib_bvae_evaluate first")
    table = aggregate(frame)
    paths = write_tables(table, frame, output_dir)
    print(render(table))
    return paths


def _row(directory: Path, path: Path) -> dict[str, Any]:
    """The checked entries of one evaluation with its derived columns."""
    # the evaluation and its representation: beside each a command that was killed can leave what it was replacing
    for stage in (directory, directory.parents[1]):
        if stage.suffix in LEFTOVERS:
            raise UserError(f"{path}: {stage.name} is left from an interrupted command; run that again")
    if not is_done(directory, "evaluation"):
        raise UserError(f"{path}: the evaluation was not finished; run dlib_bvae_evaluate again")
    row = read_json(path, "evaluation")
    if "postprocess_results.training_seed" in row:
        row |= {column: row.get(brought) for column, brought in _UNTRAINED.items()}
    derived = ("config", "metric_parameters")
    lacking = [
        name for name in (*KEYS.values(), SEED, RUN, SCORE_NAMES) if row.get(name) is None and name not in derived
    ]
    if lacking:
        raise UserError(f"{path}: it lacks {', '.join(lacking)}, so it cannot be compared with others")
    if not isinstance(row[SCORE_NAMES], list) or not row[SCORE_NAMES]:
        raise UserError(f"{path}: {SCORE_NAMES} must be a list of names, not {row[SCORE_NAMES]!r}")
    for name in row[SCORE_NAMES]:
        value = row.get(f"evaluation_results.{name}", "missing")
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number and value is not None:
            raise UserError(f"{path}: the score {name} must be a finite number, not {value!r}")
    parameters = _below("evaluation_results.metric_parameters.", row)
    row["config"] = config_hash(_below("train_config.", row))
    row["metric_parameters"] = _canonical({key: value for key, value in parameters.items() if not _is_seed(key)})
    return row


def _below(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}


def _is_seed(key: str) -> bool:
    last = key.split("/")[-1].split(".")[-1]
    return last == "seed" or last.endswith("_seed")


def _canonical(value: Any) -> str:
    def whole(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {key: whole(each) for key, each in entry.items()}
        if isinstance(entry, list):
            return [whole(each) for each in entry]
        return int(entry) if isinstance(entry, float) and entry.is_integer() else entry

    return json.dumps(whole(value), sort_keys=True, ensure_ascii=False)


def _column(values: list[Any]) -> pd.Series:
    """A column of one type: whole numbers stay whole beside gaps; anything mixed, and lists, become JSON text."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    fits = all(abs(value) < 2**63 for value in values if isinstance(value, (int, float)) and int in kinds)
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int} and fits:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float} and fits:
        return pd.Series(values, dtype="Float64")
    if kinds <= {str}:
        return pd.Series(values, dtype="string")
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pd.Series(texts, dtype="string")


def _csv(frame: pd.DataFrame) -> str:
    safe = frame.copy()
    for name in safe.select_dtypes(include=["object", "string"]).columns:
        safe[name] = safe[name].map(_inert, na_action="ignore")
    return safe.rename(columns=_inert).to_csv(index=False)


def _inert(text: Any) -> Any:
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _markdown(table: pd.DataFrame) -> str:
    header, rows = _readable(table)
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _readable(table: pd.DataFrame) -> tuple[Sequence[str], list[list[str]]]:
    """(Header, rows of text) with mean ± std in one column and without the keys that nobody needs to read."""
    names = list(_ALWAYS)
    for name in _IF_NEEDED:
        if table.duplicated(subset=names).any() and table[name].nunique() > 1:
            names.append(name)
    rows = []
    for record in table.to_dict("records"):
        row = [str(record[name])[: 10 if name == "fingerprint" else None] for name in names]
        spread = f" ± {record['std']:.2g}" if record["seeds"] > 1 else ""
        rows.append([*row, f"{record['mean']:.4g}{spread}", str(record["seeds"])])
    return [*names, "mean ± std", "seeds"], rows
