"""The study's scores by cell: which numbers stand behind a table, a chart or a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.rows import CELL, column, value

if TYPE_CHECKING:
    import pandas as pd

PAIRS, CLASSIFIER = 64, "logistic_regression"  # of every table and chart that does not vary them
ALL, FOUR = "all", "without shape"
_KEYS = [*CELL, "seed"]


class Subject(NamedTuple):
    """A data set and an architecture, e.g. dsprites_rendered and MLP."""

    dataset: str
    architecture: str

    @property
    def family(self) -> str:
        """The report's name of the data set."""
        return paper.family(self.dataset) or self.dataset

    def __str__(self) -> str:
        return f"{self.dataset}, {self.architecture}"


class Evidence:
    """rows: of the study, see rows.of_study. Values are arrays (seeds,) in the order of the seeds, each seed once."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows.assign(representation=column(rows, "postprocess_results.representation"))
        self._cells = dict(iter(self.rows.groupby(CELL)))
        self._scores: dict[tuple, dict[int, float]] = {}
        for record in _beta_vae(self.rows).itertuples():
            key = (record.dataset, record.architecture, record.model, record.pairs, record.classifier, record.asked)
            self._scores.setdefault(key, {})[int(record.seed)] = 100 * float(record.value)

    def datasets(self, family: str) -> list[str]:
        """The data sets of the report's `family` that have runs; where none has, the official one."""
        names = paper.DATA_SETS[family]
        there = set(self.rows["dataset"])
        return [name for name in names if name in there] or [names[0]]

    def subjects(self, *families: str) -> list[Subject]:
        """What the report trained of `families`, and what else has runs; a data set by the names that have runs."""
        found = []
        for family in families:
            for dataset in self.datasets(family):
                named = [kind for name, kind in paper.PROTOCOLS if name == family]
                there = set(self.rows.loc[self.rows["dataset"] == dataset, "architecture"]) - {""}
                found += [Subject(dataset, kind) for kind in dict.fromkeys((*named, *sorted(there)))]
        return found

    def has_runs(self, subject: Subject) -> bool:
        """Whether a β-VAE of the subject was evaluated."""
        rows = self.rows
        return bool(((rows["dataset"] == subject.dataset) & (rows["architecture"] == subject.architecture)).any())

    def scores(
        self, subject: Subject, model: str, *, pairs: int = PAIRS, classifier: str = CLASSIFIER, asked: str = ALL
    ) -> np.ndarray:
        """The β-VAE metric's accuracies on points not fitted to, in percent."""
        found = self._scores.get((*_place(subject, model), pairs, classifier, asked), {})
        return np.array([found[seed] for seed in sorted(found)])

    def by_seed(self, subject: Subject, model: str, name: str, **only: Any) -> dict[int, float]:
        """Training seed → the mean of the column `name`, e.g. evaluation_results.discrete_mig, where it has a value.

        only: of the rows whose columns of these names have these values.
        """
        part = self.cell(subject, model)
        for key, wanted in only.items():
            part = part[part[key] == wanted]
        numbers = column(part, name).map(value).dropna().astype(float)
        return {
            int(seed): float(each) for seed, each in numbers.groupby(part.loc[numbers.index, "seed"]).mean().items()
        }

    def score_by_seed(self, subject: Subject, model: str, asked: str) -> dict[int, float]:
        """Training seed → accuracy in percent at the default L and classifier."""
        return self._scores.get((*_place(subject, model), PAIRS, CLASSIFIER, asked), {})

    def cell(self, subject: Subject, model: str) -> pd.DataFrame:
        """The rows of a cell."""
        return self._cells.get(_place(subject, model), self.rows.iloc[:0])


def _place(subject: Subject, model: str) -> tuple[str, str, str]:
    """A cell's CELL; PCA and ICA have no architecture: they stand beside every one."""
    return subject.dataset, subject.architecture if model.endswith("-VAE") else "", model


def _beta_vae(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a cell, seed and setting: pairs (L), classifier, asked, value in [0, 1]."""
    wanted = (rows["evaluation_results.metric"] == "beta_vae") & (rows["representation"] == "mean")
    wanted &= column(rows, "evaluation_config.evaluation.split").fillna("all") == "all"
    found = rows.loc[wanted, _KEYS].copy()
    part = rows[wanted]
    stem = "evaluation_results.metric_parameters"
    found["pairs"] = column(part, f"{stem}.batch_size").map(value)
    found["classifier"] = column(part, f"{stem}.classifier").map(value)
    found["asked"] = column(part, f"{stem}.factors").map(_asked)
    found["points"] = column(part, f"{stem}.num_train").map(value)
    found["value"] = column(part, "evaluation_results.eval_accuracy").map(value)
    found = found.dropna(subset=["value"]).astype({"value": float})
    setting = [*_KEYS, "pairs", "classifier", "asked"]
    if found.empty:
        return found
    most = found.groupby(setting)["points"].transform("max")  # two sizes of the same evaluation: the larger counts
    return found[found["points"] == most].groupby(setting, as_index=False)["value"].mean()


def _asked(entry: Any) -> str:
    names = value(entry)
    if names is None:
        return ALL
    return FOUR if set(names) == set(paper.WITHOUT_SHAPE) else ", ".join(names)
