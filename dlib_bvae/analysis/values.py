"""A frame of evaluations → a long table: every score, of which codes, by which seed of the metric it was scored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dlib_bvae.analysis.cells import BOARD, REFERENCES, methods
from dlib_bvae.analysis.equal_codes import counted_once
from dlib_bvae.analysis.frame import KEYS, METRIC_SEED, REPEATED_SEEDS, RUN, SEED, STEP, repeated, rows_of_scores
from dlib_bvae.models.baselines import BASELINES

if TYPE_CHECKING:
    import pandas as pd

TABLE = [*BOARD, "representation"]  # what scores of several trainings can be pooled over
_LAST = "train_results.steps"
_OF_STEP = re.compile(r"-step\d+$")


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """The evaluations of trained models: without baselines and reference rows. Codes from elsewhere count by their name."""
    found = methods(frame) if len(frame) else []
    untrained = {name for name in set(found) if name in REFERENCES or name in BASELINES}
    return frame[[name not in untrained for name in found]]


def after_training(frame: pd.DataFrame) -> dict[str, str]:
    """Name of codes → that of the codes of the same kind after training: "mean-step5000" → "mean"."""
    import pandas as pd

    at_step = pd.Series(False, frame.index) if STEP not in frame else frame[STEP].notna()
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
    at = [pd.to_numeric(frame[name], errors="coerce") if name in frame else None for name in (STEP, _LAST)]
    steps = [pd.Series(math.nan, frame.index) if each is None else each.astype("Float64").astype(float) for each in at]
    entries["step"] = steps[0].where(~entries["last"], steps[1]).fillna(math.inf)
    parts = []
    for score, here in rows_of_scores(frame).items():
        drawn = pd.DataFrame(_by_seed(frame.iloc[here], score), columns=["place", "metric_seed", "value"])
        parts.append(entries.iloc[here[drawn.pop("place")]].reset_index(drop=True).assign(score=score, **drawn))
    return means(pd.concat(parts, ignore_index=True), keys)


def _by_seed(frame: pd.DataFrame, score: str) -> Iterator[tuple[int, int, float]]:
    """(Place in the frame, seed of the metric, value) of a score, several of an evaluation with repeats."""
    import pandas as pd

    empty = pd.Series(None, frame.index, dtype="object")
    known = pd.to_numeric(frame.get(f"evaluation_results.{score}", empty), errors="coerce").astype("Float64")
    values = known.to_numpy(float, na_value=math.nan)
    columns = (METRIC_SEED, REPEATED_SEEDS, repeated(score))
    single, seeds, scores = (frame.get(name, empty) for name in columns)
    for place, value in enumerate(values):
        if isinstance(seeds.iloc[place], str) and isinstance(scores.iloc[place], str):
            pairs = zip(json.loads(seeds.iloc[place]), json.loads(scores.iloc[place]), strict=False)
            yield from ((place, int(seed), float(each)) for seed, each in pairs)
        elif not math.isnan(value):
            seed = single.iloc[place]
            yield place, 0 if pd.isna(seed) else int(seed), float(value)


def means(values: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The means of `value` for each combination of `keys`."""
    return values.groupby(list(keys), as_index=False)["value"].mean()
