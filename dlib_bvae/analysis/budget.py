"""How much training is behind each row of a frame of evaluations; methods are compared within one budget only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.frame import KEYS
from dlib_bvae.analysis.supervision import NOT_STATED
from dlib_bvae.errors import pluralize
from dlib_bvae.models.baselines import BASELINES

if TYPE_CHECKING:
    import pandas as pd

BUDGET = "budget"
STEPS, BATCH = "train_results.steps", "train_config.model.batch_size"  # columns of the frame of `collect`
_SUBMITTED = {STEPS: "submission_results.steps", BATCH: "submission_results.batch_size"}


def of_rows(frame: pd.DataFrame, methods: pd.Series) -> dict[tuple, str | None]:
    """{KEYS of a row: "10,000 steps of 64"} of a frame of `collect`: the steps of its training and the images of each.

    methods: of every row of the frame, see cells.methods. None for a baseline, which takes no steps; of codes from
    elsewhere what their submission says, NOT_STATED where none does. Of runs that are pooled the longest counts.
    """
    import pandas as pd

    columns = frame.reindex(columns=[*KEYS.values(), *_SUBMITTED, *_SUBMITTED.values()])
    number = lambda name: pd.to_numeric(columns[name], errors="coerce").astype("Float64")
    numbers = {name: number(name).fillna(number(other)) for name, other in _SUBMITTED.items()}
    numbers = {name: each.to_numpy(np.float64, na_value=np.nan) for name, each in numbers.items()}
    columns = columns[[*KEYS.values(), *_SUBMITTED]]
    rows = columns.assign(**numbers, method=methods).sort_values(STEPS, na_position="first").drop_duplicates()
    found: dict[tuple, str | None] = {}
    for *key, steps, batch, method in rows.itertuples(index=False, name=None):
        found[tuple(key)] = None if method in BASELINES else _text(steps, batch)
    return found


def _text(steps: float, batch: float) -> str:
    if not (0 < steps < math.inf and 0 < batch < math.inf):  # missing, too
        return NOT_STATED
    return f"{pluralize(int(steps), 'step')} of {int(batch):,}"
