"""Rows of finished evaluations, from run directories or from tables of them, in the terms of the study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.analysis.tables import RUN, SEED, collect
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import paper

if TYPE_CHECKING:
    import pandas as pd

_ARCHITECTURES = {("@burgess_encoder", "@burgess_decoder"): "Conv", ("@higgins_encoder", "@higgins_decoder"): "MLP"}
_BASELINES = {"@pca()": "PCA", "@fast_ica()": "ICA"}
_LIKELIHOOD = "@bernoulli_loss"
# What stands in a cell, beside which of its configurations.
CELL = ["dataset", "architecture", "model"]


def read(results: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """All evaluations in `results`, each a directory of runs or a runs.parquet or runs.csv of dlib_bvae_aggregate.

    Columns as of results.aggregate.collect, and `folder`: the run's directory as text, missing where there are rows only.
    An evaluation that two of `results` have is there once. Also what was left out and why. Raises UserError when there is none.
    """
    import pandas as pd

    frames, problems = [], []
    for place in results:
        if place.is_dir():
            frame, left_out = collect(place)
            if not frame.empty:
                frame["folder"] = [str(place.joinpath(*Path(path).parts[:-3])) for path in frame["path"]]
            problems += left_out
        else:
            frame = _table(place)
        frames.append(frame)
    frames = [frame.astype(object) for frame in frames if not frame.empty]
    if not frames:
        raise UserError(
            f"no evaluation in {', '.join(map(str, results))} is finished; run dlib_bvae_reproduce first, or name a directory "
            "of runs or a runs.parquet"
        )
    rows = pd.concat(frames, ignore_index=True).drop_duplicates("evaluation_results.uuid", ignore_index=True)
    return rows, problems


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise UserError(f"there is no {path}; name a directory of runs, or a runs.parquet or runs.csv")
    try:
        if path.suffix == ".csv":  # as text: a hash such as 1e10 is no number
            frame = pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
            frame = frame.apply(lambda column: column.str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True))
        else:
            frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no table that dlib_bvae_aggregate wrote: {str(error).splitlines()[0]}") from error
    if lacking := {"evaluation_results.uuid", "evaluation_results.metric", "config", SEED, RUN} - set(frame.columns):
        raise UserError(
            f"{path} lacks the columns {', '.join(sorted(lacking))}; give a runs.parquet of dlib_bvae_aggregate"
        )
    return frame


def of_study(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows that the report's tables are about, with columns in its terms; and what else there was, in sentences.

    Added: run, seed, dataset, architecture (Conv, MLP, "" of PCA and ICA), model (4-VAE, PCA …), beta, steps, size (steps, or
    images fitted to). Where a cell (data set, architecture, model) has several configurations, that with the most steps is
    kept, of those the one with the most seeds.
    """
    rows = rows.copy()
    rows["run"], rows["seed"] = rows[RUN].astype(str), rows[SEED].map(_whole)
    rows["dataset"] = column(rows, "train_results.dataset")
    rows["steps"] = column(rows, "train_results.steps").map(_whole)
    rows["size"] = rows["steps"].fillna(column(rows, "train_results.num_samples").map(_whole)).fillna(0)
    rows["beta"] = column(rows, "train_config.vae.beta").map(value)
    labels = [_labels(record) for record in rows.to_dict("records")]
    rows["model"], rows["architecture"], reasons = ([label[k] for label in labels] for k in range(3))
    others = sorted({f"{name}: {reason}" for name, reason in zip(rows["dataset"], reasons, strict=True) if reason})
    rows = rows[[reason is None for reason in reasons]]
    return _one_configuration(rows, others)


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
        except ValueError:
            return entry
    return None if pd.isna(entry) else entry


def _whole(entry: Any) -> int | None:
    found = value(entry)
    return None if found is None else int(found)


def _labels(record: dict[str, Any]) -> tuple[str, str, str | None]:
    """Model, architecture, and why the row is not of the study, or None."""
    get = lambda name: value(record.get(f"train_config.{name}"))
    kind, beta = get("model.model"), record["beta"]
    if paper.family(record["dataset"]) is None:
        return "", "", "a data set that the report has not"
    if kind in _BASELINES:
        return _BASELINES[kind], "", None
    if kind != "@vae()":
        return "", "", f"{record.get('train_results.model')} is no β-VAE, PCA or ICA"
    if not isinstance(beta, (int, float)):
        return "", "", f"a β that changes ({beta})"
    if beta not in paper.BETAS:
        return "", "", f"β = {beta:g}, which the report has not"
    if (likelihood := get("reconstruction_loss.loss_fn")) != _LIKELIHOOD:
        return "", "", f"likelihood {likelihood} instead of {_LIKELIHOOD}"
    pair = (str(get("encoder.encoder_fn")), str(get("decoder.decoder_fn")))
    if pair not in _ARCHITECTURES:
        return "", "", f"architecture {' and '.join(pair)}"
    return f"{beta:g}-VAE", _ARCHITECTURES[pair], None


def _one_configuration(rows: pd.DataFrame, others: list[str]) -> tuple[pd.DataFrame, list[str]]:
    kept = []
    notes = list(others)
    prints = column(rows, "train_results.fingerprint").astype(str)
    for (dataset, architecture, model), part in rows.groupby(CELL, sort=True):
        groups = [each for _, each in part.groupby([part["config"].astype(str), prints[part.index]], sort=True)]
        groups.sort(key=lambda each: (-each["size"].max(), -each["seed"].nunique()))
        kept.append(groups[0])
        for each in groups[1:]:
            notes.append(
                f"{dataset}: another configuration of {' '.join(filter(None, (model, architecture)))} "
                f"({each['size'].max():,.0f} steps or images, {each['seed'].nunique()} seeds)"
            )
    import pandas as pd

    return (pd.concat(kept, ignore_index=True) if kept else rows), notes
