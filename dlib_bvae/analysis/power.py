"""A frame of evaluations → what each score can tell apart: its spread over seeds and steps, the smallest difference it shows."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.frame import collect_some
from dlib_bvae.analysis.orders import orders
from dlib_bvae.analysis.tables import GROUP, csv_lines, per_run, per_seed
from dlib_bvae.analysis.values import TABLE, after_training, means, score_values, trained
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.errors import UserError, check_integer, check_number

if TYPE_CHECKING:
    import pandas as pd

POWER, ALPHA = 0.8, 0.05
LEAST_FREEDOM = 10  # with fewer degrees of freedom a standard deviation is not known
SOURCES = ("metric seed", "training seed", "exported step")
DIFFERENCES = (0.05, 0.1)  # that the table says the seeds of
NEEDED = {difference: f"seeds_for_{difference:g}" for difference in DIFFERENCES}
COLUMNS = [
    *TABLE,
    *("source", "sd", "degrees_of_freedom", "groups", "seeds", "smallest_difference", *NEEDED.values(), "missing"),
]
OF_ROWS = ["training_sd", "training_df", "smallest_difference", "smallest_difference_missing"]
FILES = ("power.csv", "orders.csv")
_FLAG = "--output_dir"
_NONE = (math.nan, 0, 0, 0)
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

    Writes power.csv (see spreads) and orders.csv (see orders.orders). What had to be left out is named on standard error.
    Raises UserError for a place that is no directory or has no evaluation.
    """
    for place in places:
        if not place.is_dir():
            raise UserError(
                f"there is no directory {place}; name the directories of runs that are trained and evaluated"
            )
    check_outputs(output_dir, FILES, _FLAG)
    frame = collect_all(places)
    table, ordered = spreads(frame), orders(frame)
    contents: tuple[Content, ...] = (lambda: csv_lines(table), lambda: csv_lines(ordered))
    paths = write_outputs(output_dir, dict(zip(FILES, contents, strict=True)), _FLAG)
    print(
        f"{len(table)} standard deviations, of which {int(table['sd'].notna().sum())} are known; {len(ordered)} orders"
    )
    return paths


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
    drawn = means(values, [*runs, "step", "metric_seed"])
    steps = means(drawn, [*runs, "step"])
    ends = means(values[values["last"]], [*runs, "metric_seed"])
    seeds = means(means(ends, runs), [*TABLE, "model", "config", "seed"])
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
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(NEEDED.values(), "Int64") | {"missing": "string"})


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
    return pd.DataFrame(rows, columns=[*GROUP, *OF_ROWS]).astype({"smallest_difference_missing": "string"})


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
