"""A frame of evaluations → which of its runs have equal codes, value by value, and its runs with those counted once."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dlib_bvae.analysis.frame import CODES, KEYS, RUN, SEED
from dlib_bvae.errors import visible

if TYPE_CHECKING:
    import pandas as pd

EQUAL = "equal_codes"  # the column of `notes` that says which
SET = "set_of_codes"  # the column of `notes` that is the same for rows with the same codes
_IMAGES = [KEYS[name] for name in ("dataset", "fingerprint", "data_version", "num_images")]
_NAMES = [KEYS[name] for name in ("model", "config", "representation")]
_METRIC = [KEYS[name] for name in ("metric", "metric_version", "metric_parameters")]
_MOST_LISTED = 5  # seeds or names in a note


def counted_once(frame: pd.DataFrame, across: bool = False) -> pd.DataFrame:
    """What tells the runs of a frame of `collect` apart (names, seed, uuid), where runs of equal codes are the first of them.

    Runs are compared within a model, its configuration and representation; `across`: all that are on the same images. The first
    is that with the lowest seed. Runs whose codes are not known (see frame.CODES) are never equal.
    """
    same = [*_IMAGES, *([] if across else _NAMES)]
    return first_of_equal(frame, same, [*(_NAMES if across else []), SEED, RUN])


def first_of_equal(frame: pd.DataFrame, same: Sequence[str], replaced: Sequence[str]) -> pd.DataFrame:
    """The columns `replaced`, where rows of equal codes and equal `same` have the values of the first of them, by seed."""
    found = frame[list(replaced)].copy()
    if CODES not in frame:
        return found
    keys = [*same, CODES]
    known = frame[[*keys, *replaced]].dropna(subset=[CODES])
    runs = known.drop_duplicates().sort_values([SEED, *replaced] if SEED in replaced else list(replaced), kind="stable")
    first = runs.drop_duplicates(keys)
    if len(first) < len(runs):
        found.loc[known.index] = known[keys].merge(first, on=keys, how="left")[list(replaced)].set_axis(known.index)
    return found


def notes(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each combination of KEYS with a run whose codes another run on the same images has too: KEYS, EQUAL, SET.

    EQUAL says which seeds count once and which other rows, scored by the same metric, have the same codes or some of them.
    """
    import pandas as pd

    columns = [*KEYS, EQUAL, SET]
    if CODES not in frame:
        return pd.DataFrame(columns=columns)
    board = [*_IMAGES, *_METRIC]
    runs = frame[[*board, *_NAMES, SEED, RUN, CODES]].drop_duplicates()
    equal = runs[runs[CODES].notna() & runs.duplicated([*board, CODES], keep=False)]
    every = runs.merge(equal[[*board, *_NAMES]].drop_duplicates(), on=[*board, *_NAMES])
    rows = []
    for _, part in every.groupby(board, dropna=False):
        cells = dict(iter(part.groupby(_NAMES, dropna=False)))
        codes = {cell: {*each[CODES].fillna(each[RUN] + " " + cell[2])} for cell, each in cells.items()}
        for cell, each in cells.items():
            texts = [*_seeds(each), *_others(cell, codes)]
            names = each[list(KEYS.values())].iloc[0]
            if texts:
                rows.append([*names, "; ".join(texts), "\n".join(sorted(codes[cell]))])
    return pd.DataFrame(rows, columns=columns)


def _seeds(runs: pd.DataFrame) -> Iterable[str]:
    """Which seeds of a model have equal codes."""
    for _, part in runs[runs[CODES].notna() & runs.duplicated(CODES, keep=False)].groupby(CODES):
        seeds = sorted({*part[SEED]})
        if len(seeds) > 1:
            yield f"the seeds {_listed(list(map(str, seeds)))} have equal codes and count once"


def _others(cell: tuple, codes: dict[tuple, set[str]]) -> Iterable[str]:
    """Which other rows have the same codes, and which have some of them."""
    others = {other: found for other, found in codes.items() if other != cell and found & codes[cell]}
    same = [_name(other, cell) for other, found in others.items() if found == codes[cell]]
    some = [_name(other, cell) for other, found in others.items() if found != codes[cell]]
    if same:
        yield f"the same codes as {_listed(same)}"
    if some:
        yield f"some codes are those of {_listed(some)}"


def _name(other: tuple, cell: tuple) -> str:
    """What a row is called, with as much as it takes to tell it from another."""
    model, config, representation = other
    if model != cell[0]:
        return model
    return f"{model} ({representation})" if representation != cell[2] else f"{model} {config}"


def _listed(texts: list[str]) -> str:
    shown, more = texts[:_MOST_LISTED], len(texts) - _MOST_LISTED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def say_equal(frame: pd.DataFrame) -> None:
    """Names on standard error which runs have equal codes."""
    for text in sentences(frame):
        print(f"equal codes: {visible(text)}", file=sys.stderr)


def sentences(frame: pd.DataFrame) -> list[str]:
    """What `notes` say, one sentence a model and data set."""
    found = notes(frame)
    lines = [f"{model} on {dataset}: {text}" for model, dataset, text in found[["model", "dataset", EQUAL]].to_numpy()]
    return list(dict.fromkeys(lines))
