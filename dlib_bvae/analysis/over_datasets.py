"""One number a model over several data sets, with a stratified bootstrap interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.analysis.comparison import pooled
from dlib_bvae.analysis.intervals import REPS
from dlib_bvae.analysis.references import BOARD, REFERENCES, references
from dlib_bvae.analysis.tables import per_run, per_seed

if TYPE_CHECKING:
    import pandas as pd

MODEL = ["model", "representation", "metric", "metric_parameters", "score"]
COLUMNS = [*MODEL, "value", "low", "high", "datasets", "runs"]


def normalised_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Every run's normalised scores: GROUP, seed and value, 0 the random encoder's and 1 the oracle's mean on that board.

    Scores of boards without both reference rows, or whose reference rows are equal, are left out.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*MODEL, "dataset", "fingerprint", "seed", "value"])
    runs = per_seed(per_run(frame)).astype(float).rename("value").reset_index().merge(references(frame), on=BOARD)
    zero, one = (runs[name].to_numpy(np.float64) for name in REFERENCES)
    span = np.where(one != zero, one - zero, np.nan)
    runs["value"] = (runs["value"] - zero) / span
    return runs.dropna(subset=["value"]).drop(columns=list(REFERENCES))


def over_datasets(frame: pd.DataFrame, statistic: str = "iqm", seed: int = 0, reps: int = REPS) -> pd.DataFrame:
    """`pooled` normalised scores of each model name over the data sets it was scored on; columns as in COLUMNS.

    Strata are data set and fingerprint; configurations of one name on one data set are runs alike. `datasets` names the
    sets, separated by ", ": only rows with the same ones can be compared.
    """
    import pandas as pd

    rows = []
    for place, part in normalised_runs(frame).groupby(MODEL):
        strata = {name: each["value"].to_numpy() for name, each in part.groupby(["dataset", "fingerprint"])}
        found = pooled(list(strata.values()), statistic, seed, reps)
        rows.append([*place, *found, ", ".join(dataset for dataset, _ in strata), len(part)])
    return pd.DataFrame(rows, columns=COLUMNS)
