"""The reference rows of a board: scores are read between `random_encoder` (0) and `oracle` (1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dlib_bvae.analysis.tables import GROUP, KEYS, per_run, per_seed

if TYPE_CHECKING:
    import pandas as pd

REFERENCES = ("random_encoder", "oracle")
# What must be equal for two rows to be compared; methods, configurations and representations compete.
BOARD = ["dataset", "fingerprint", "num_images", "metric", "metric_parameters", "score"]
OBJECTIVE = "train_config.model.model"  # "@vae()", "@train/factor_vae()"; codes from elsewhere have none


def methods(frame: pd.DataFrame) -> pd.Series:
    """The method of every row of a frame of `collect`: the objective's name in its configuration, else the model's name."""
    named = frame[KEYS["model"]].astype(str)
    if OBJECTIVE not in frame:
        return named
    objective = frame[OBJECTIVE].astype("string").map(_selector, na_action="ignore")
    return objective.fillna(named).astype(str)


def references(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean scores of the reference rows: one row a board, the columns BOARD, random_encoder and oracle (NaN: no such row).

    A mean over the seeds of each reference, then over its configurations and representations.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=[*BOARD, *REFERENCES])
    found = methods(frame)
    boards = per_seed(per_run(frame)).reset_index()[BOARD].drop_duplicates()
    for reference in REFERENCES:
        rows = frame[found == reference]
        if rows.empty:
            boards[reference] = float("nan")
            continue
        means = per_seed(per_run(rows)).groupby(GROUP).mean().groupby(BOARD).mean().astype(float)
        boards = boards.merge(means.rename(reference).reset_index(), on=BOARD, how="left")
    return boards.reset_index(drop=True)


def missing_references(frame: pd.DataFrame) -> list[str]:
    """One sentence for each data set and metric whose scores cannot be normalised, because a reference row is missing."""
    sentences = []
    for (dataset, metric), part in references(frame).groupby(["dataset", "metric"]):
        if lacking := [name for name in REFERENCES if part[name].isna().any()]:
            sentences.append(
                f"{metric} on {dataset} is not normalised: no row of {' and '.join(lacking)}; "
                f"train gin/{lacking[0]}_… on that data set and evaluate it by {metric} with the same parameters"
            )
    return sentences


def _selector(text: str) -> str:
    """ "@train/vae()" → "vae"; a text that is no reference stays."""
    found = re.fullmatch(r"@(?:.*/)?([\w.]+)(?:\(\))?", text)
    return found[1].split(".")[-1] if found else text
