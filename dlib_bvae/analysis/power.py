"""A frame of evaluations → what each score can tell apart: its spread over seeds and steps, the smallest difference it shows."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.cells import BOARD, REFERENCES, methods
from dlib_bvae.analysis.equal_codes import counted_once
from dlib_bvae.analysis.frame import KEYS, RUN, SCORE_NAMES, SEED, collect_some
from dlib_bvae.analysis.tables import GROUP, csv_lines, per_run, per_seed
from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.errors import UserError, check_integer, check_number
from dlib_bvae.models.baselines import BASELINES

if TYPE_CHECKING:
    import pandas as pd

POWER, ALPHA = 0.8, 0.05
LEAST_FREEDOM = 10  # with fewer degrees of freedom a standard deviation is not known
SOURCES = ("metric seed", "training seed", "exported step")
DIFFERENCES = (0.05, 0.1)  # that the table says the seeds of
NEEDED = {difference: f"seeds_for_{difference:g}" for difference in DIFFERENCES}
TABLE = [*BOARD, "representation"]  # what a standard deviation is of
COLUMNS = [
    *TABLE,
    *("source", "sd", "degrees_of_freedom", "groups", "seeds", "smallest_difference", *NEEDED.values(), "missing"),
]
OF_ROWS = ["training_sd", "training_df", "smallest_difference", "smallest_difference_missing"]
FILES = ("power.csv",)
_FLAG = "--output_dir"
_STEP, _LAST = "postprocess_results.step", "train_results.steps"
_RANDOM_SEED, _REPEATS = "evaluation_results.random_seed", "evaluation_results.repeats."
_NONE = (math.nan, 0, 0, 0)
_OF_STEP = re.compile(r"-step\d+$")
_MOST_SEEDS = 10**6  # beyond, the noncentral distribution is not accurate


def smallest_difference(sd: float, n: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """The difference between two means of n values each that a two-sided two-sample t test at `alpha` finds with chance `power`.

    sd >= 0: the standard deviation of single values, in both groups alike; the result has its unit and is proportional to it.
    n >= 2. The power is exact, by the noncentral t distribution with 2 n − 2 degrees of freedom. With sd 1 and n 4 it is 2.38.
    Raises UserError for numbers out of range.
    """
    sd = check_number("sd", sd, 0)
    check_integer("n", n, 2, _MOST_SEEDS)
    _check_test(power, alpha)
    return sd * _effect(int(n), float(power), float(alpha))


def seeds_needed(sd: float, difference: float, power: float = POWER, alpha: float = ALPHA) -> int:
    """The fewest values n >= 2 in each of two groups with which `difference` > 0 is found: the inverse of smallest_difference.

    sd, power, alpha: as there. Raises UserError for numbers out of range, and where it takes more than 10⁶.
    """
    sd, difference = check_number("sd", sd, 0), check_number("difference", difference)
    _check_test(power, alpha)
    if difference <= 0:
        raise UserError(f"difference must be a finite number > 0; got {difference!r}")

    def enough(n: int) -> bool:
        return smallest_difference(sd, n, power, alpha) <= difference

    high = 2
    while not enough(high):
        if high >= _MOST_SEEDS:
            raise UserError(f"a difference of {difference:g} takes more than {_MOST_SEEDS:,} seeds at sd {sd:g}")
        high = min(2 * high, _MOST_SEEDS)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check_test(power: float, alpha: float) -> None:
    check_number("alpha", alpha)
    check_number("power", power)
    if not 0 < alpha < power < 1:
        raise UserError(f"0 < alpha < power < 1 must hold; got alpha {alpha!r} and power {power!r}")


@functools.lru_cache(maxsize=4_096)
def _effect(n: int, power: float, alpha: float) -> float:
    """smallest_difference of standard deviation 1."""
    from scipy import optimize, special, stats

    freedom = 2 * n - 2
    limit = stats.t.isf(alpha / 2, freedom)

    def missed(shift: float) -> float:
        # the squared noncentral t is a noncentral F; both tails are in it
        return float(special.ncfdtr(1, freedom, shift**2, limit**2)) - (1 - power)

    high = limit + 1
    while missed(high) > 0:
        high *= 2
    return float(optimize.brentq(missed, 0, high, xtol=1e-12)) * math.sqrt(2 / n)


def run(places: Sequence[Path], output_dir: Path) -> list[Path]:
    """What the scores of all evaluations below `places` can tell apart, written to `output_dir`; returns the files' paths.

    Writes power.csv (see spreads). What had to be left out is named on standard error. Raises UserError for a place that is no
    directory or has no evaluation.
    """
    for place in places:
        if not place.is_dir():
            raise UserError(
                f"there is no directory {place}; name the directories of runs that are trained and evaluated"
            )
    check_outputs(output_dir, FILES, _FLAG)
    frame = collect_all(places)
    table = spreads(frame)
    return write_outputs(output_dir, {"power.csv": lambda: csv_lines(table)}, _FLAG)


def collect_all(places: Sequence[Path]) -> pd.DataFrame:
    """The frame of `collect` of several directories; an evaluation that lies below two of them is in it once.

    Raises UserError for no directory, and for one without an evaluation.
    """
    import pandas as pd

    if not places:
        raise UserError("name at least one directory of runs")
    frames = []
    for place in places:
        found = collect_some(place, "be compared")
        frames.append(found.assign(path=[(place / each).resolve().as_posix() for each in found["path"]]))
    if len(frames) == 1:
        return frames[0]
    return pd.concat(frames, ignore_index=True).drop_duplicates("path", ignore_index=True)


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """The evaluations of trained models: without baselines and reference rows. Codes from elsewhere count by their name."""
    found = methods(frame) if len(frame) else []
    untrained = {name for name in set(found) if name in REFERENCES or name in BASELINES}
    return frame[[name not in untrained for name in found]]


def spreads(frame: pd.DataFrame, power: float = POWER, alpha: float = ALPHA) -> pd.DataFrame:
    """The standard deviation of every score of trained models in a frame of `collect`, from each of SOURCES; see COLUMNS.

    metric seed: of the scores of the same codes by several evaluation.random_seed, also those of evaluation.repeats.
    training seed: of the seeds of one configuration, each the mean of its evaluations; of the codes after training.
    exported step: of the codes of one training at its exported steps and its end, each the mean of its evaluations.
    sd is pooled within `groups` of at least two values (same codes, configurations, trainings), √(Σ squares / Σ degrees of
    freedom); runs of equal codes count once. It is missing below LEAST_FREEDOM degrees of freedom: `missing` says so.
    seeds: the fewest of a group. Of training seeds, smallest_difference is of as many, and seeds_for_0.05 and seeds_for_0.1
    are the seeds that such a difference needs (see smallest_difference, seeds_needed; missing beyond 10⁶).
    """
    import pandas as pd

    values = score_values(trained(frame))
    if values.empty:
        return pd.DataFrame(columns=COLUMNS)
    runs = [*TABLE, "model", "config", "run", "seed"]
    drawn = _means(values, [*runs, "step", "metric_seed"])
    steps = _means(drawn, [*runs, "step"])
    ends = _means(values[values["last"]], [*runs, "metric_seed"])
    seeds = _means(_means(ends, runs), [*TABLE, "model", "config", "seed"])
    parts = {
        "metric seed": _pooled(drawn, ["model", "config", "run", "step"]),
        "training seed": _pooled(seeds, ["model", "config"]),
        "exported step": _pooled(steps, ["model", "config", "run"]),
    }
    every = pd.MultiIndex.from_frame(values[TABLE].drop_duplicates().sort_values(TABLE, ignore_index=True))
    rows = []
    for place in every:
        for source, found in parts.items():
            rows.append([*place, source, *_told_apart(source, found.get(place, _NONE), power, alpha)])
    return pd.DataFrame(rows, columns=COLUMNS)


def row_differences(frame: pd.DataFrame, power: float = POWER, alpha: float = ALPHA) -> pd.DataFrame:
    """What each row of a board can tell apart: one row for each of GROUP in a frame of `collect`, with it and OF_ROWS.

    training_sd, training_df: as `spreads` pools them for the row's data set, score and representation (codes at an exported
    step have those of the codes after training). smallest_difference: to another row of as many seeds as this one; missing
    where smallest_difference_missing says why.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*GROUP, *OF_ROWS])
    seeds = per_seed(per_run(frame)).groupby(GROUP).size().rename("n").reset_index()
    base = after_training(frame)
    table = spreads(frame, power, alpha)
    table = table[table["source"] == "training seed"].set_index(TABLE)
    known = table[["sd", "degrees_of_freedom"]].to_dict("index")
    rows = []
    for row in seeds.to_dict("records"):
        place = tuple({**row, "representation": base[row["representation"]]}[name] for name in TABLE)
        found = known.get(place, {"sd": math.nan, "degrees_of_freedom": 0})
        sd, freedom = float(found["sd"]), int(found["degrees_of_freedom"])
        missing = _why(freedom) or ("one seed" if row["n"] < 2 else None)
        least = math.nan if missing else smallest_difference(sd, row["n"], power, alpha)
        rows.append([*(row[name] for name in GROUP), sd, freedom, least, missing])
    return pd.DataFrame(rows, columns=[*GROUP, *OF_ROWS])


def _why(freedom: int) -> str | None:
    if freedom >= LEAST_FREEDOM:
        return None
    return f"not known: {freedom} degrees of freedom, fewer than {LEAST_FREEDOM}"


def _told_apart(source: str, found: tuple[float, int, int, int], power: float, alpha: float) -> list[Any]:
    """The columns after `source` of one row of `spreads`. found: standard deviation, degrees of freedom, groups, seeds."""
    sd, freedom, groups, seeds = found
    missing = _why(freedom)
    if missing or source != "training seed":
        least = math.nan
        needed: list[int | None] = [None] * len(DIFFERENCES)
    else:
        least = smallest_difference(sd, seeds, power, alpha)
        needed = [_needed(sd, difference, power, alpha) for difference in DIFFERENCES]
    return [math.nan if missing else sd, freedom, groups, seeds, least, *needed, missing]


def _needed(sd: float, difference: float, power: float, alpha: float) -> int | None:
    try:
        return seeds_needed(sd, difference, power, alpha)
    except UserError:  # more than anybody trains
        return None


def _pooled(values: pd.DataFrame, within: Sequence[str]) -> dict[tuple, tuple[float, int, int, int]]:
    """{TABLE: (standard deviation pooled within groups of >= 2 values, degrees of freedom, groups, fewest of a group)}."""
    groups = values.groupby([*TABLE, *within])["value"].agg(["var", "size"])
    groups = groups[groups["size"] > 1]
    groups = groups.assign(freedom=groups["size"] - 1, squares=groups["var"] * (groups["size"] - 1))
    found = groups.groupby(level=TABLE).agg({"squares": "sum", "freedom": "sum", "size": ["size", "min"]})
    return {
        place: (math.sqrt(squares / freedom), int(freedom), int(number), int(fewest))
        for place, (squares, freedom, number, fewest) in zip(found.index, found.to_numpy(), strict=True)
    }


def after_training(frame: pd.DataFrame) -> dict[str, str]:
    """Name of codes → that of the codes of the same kind after training: "mean-step5000" → "mean"."""
    import pandas as pd

    at_step = pd.Series(False, frame.index) if _STEP not in frame else frame[_STEP].notna()
    pairs = zip(frame[KEYS["representation"]], at_step, strict=True)
    return {name: _OF_STEP.sub("", name) if stepped else name for name, stepped in dict.fromkeys(pairs)}


def score_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Every score of every evaluation in a frame of `collect`, once for each seed it was scored with.

    Columns: TABLE, where the representation is that of the codes after training; model, config, seed, run; step: of training
    that the codes are of (∞ where it is not known of those after training), last: whether these are the codes after it;
    metric_seed and value. Runs of equal codes, and scores of one seed, are one.
    """
    import pandas as pd

    keys = [*TABLE, "model", "config", "seed", "run", "step", "last", "metric_seed"]
    if frame.empty:
        return pd.DataFrame(columns=[*keys, "value"])
    base, once = after_training(frame), counted_once(frame)
    columns = {**KEYS, "seed": SEED, "run": RUN}
    entries = pd.DataFrame({name: once.get(column, frame[column]) for name, column in columns.items()})
    entries["last"] = entries["representation"].map(base) == entries["representation"]
    entries["representation"] = entries["representation"].map(base)
    at = [pd.to_numeric(frame[name], errors="coerce") if name in frame else None for name in (_STEP, _LAST)]
    steps = [pd.Series(math.nan, frame.index) if each is None else each.astype("Float64").astype(float) for each in at]
    entries["step"] = steps[0].where(~entries["last"], steps[1]).fillna(math.inf)
    names = {text: json.loads(text) for text in frame[SCORE_NAMES].unique()}
    parts = []
    for score in sorted(set().union(*names.values())):
        here = frame[SCORE_NAMES].map({text: score in each for text, each in names.items()}).to_numpy(bool)
        drawn = pd.DataFrame(_by_seed(frame[here], score), columns=["place", "metric_seed", "value"])
        parts.append(entries[here].iloc[drawn.pop("place")].reset_index(drop=True).assign(score=score, **drawn))
    return _means(pd.concat(parts, ignore_index=True), keys)


def _by_seed(frame: pd.DataFrame, score: str) -> Iterator[tuple[int, int, float]]:
    """(Place in the frame, seed of the metric, value) of a score, several of an evaluation with repeats."""
    import pandas as pd

    values = (
        pd.to_numeric(frame[f"evaluation_results.{score}"], errors="coerce")
        .astype("Float64")
        .to_numpy(float, na_value=math.nan)
    )
    empty = pd.Series(None, frame.index, dtype="object")
    columns = (_RANDOM_SEED, f"{_REPEATS}seeds", f"{_REPEATS}scores.{score}")
    seeds, repeated, scores = (frame.get(name, empty) for name in columns)
    for place, value in enumerate(values):
        if isinstance(repeated.iloc[place], str) and isinstance(scores.iloc[place], str):
            pairs = zip(json.loads(repeated.iloc[place]), json.loads(scores.iloc[place]), strict=False)
            yield from ((place, int(seed), float(each)) for seed, each in pairs)
        elif not math.isnan(value):
            seed = seeds.iloc[place]
            yield place, 0 if seed is None or seed != seed else int(seed), float(value)


def _means(values: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    return values.groupby(list(keys), as_index=False)["value"].mean()
