"""Rows of evaluations → the study's scores by cell: what stands behind each table, chart and verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from dlib_bvae.analysis.equal_codes import first_of_equal
from dlib_bvae.analysis.frame import ORIGIN, RUN, SEED
from dlib_bvae.leaderboard.provenance import origin_of
from dlib_bvae.re_beta_vae import paper
from dlib_bvae.re_beta_vae.rows import DEFINITION, METRIC, column, value

if TYPE_CHECKING:
    import pandas as pd

Seeds: TypeAlias = Sequence[float] | np.ndarray  # values (seeds,)

_ARCHITECTURES = {("@burgess_encoder", "@burgess_decoder"): "Conv", ("@higgins_encoder", "@higgins_decoder"): "MLP"}
_BASELINES = {"@pca()": "PCA", "@fast_ica()": "ICA"}
_LIKELIHOOD = "@bernoulli_loss"
# What a cell is of, whatever the configuration.
CELL = ["dataset", "architecture", "model"]
PAIRS, CLASSIFIER = 64, "logistic_regression"  # of every table and chart that does not vary them
ALL, FOUR = "all", "without shape"
_KEYS = [*CELL, "seed"]
_CONFIG = ("model.model", "reconstruction_loss.loss_fn", "encoder.encoder_fn", "decoder.decoder_fn")
_LABELLED = ["dataset", "beta", "train_results.model", *(f"train_config.{name}" for name in _CONFIG)]  # of `_labels`
_STEM = "evaluation_results."
_REPRESENTATION = "postprocess_results.representation"
_IMAGES = f"{_STEM}protocol.images_each_side"
_ALWAYS = ("fid_reconstruction", "fid_sample")


def of_study(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows that the report's tables are about, with columns in its terms; and what else there was, in sentences.

    Added: run, seed, dataset, architecture (Conv, MLP, "" of PCA and ICA), model (4-VAE, PCA …), beta, steps, size (steps, or
    images fitted to). A data set whose files are not known to be the official ones is another
    one, see paper.labelled. Of a metric the newest version that is there counts. The β-VAEs of a data set and an architecture are
    those of one number of steps, that of most runs, of several the largest, as claims compare them. Where a cell (data set,
    architecture, model) has several configurations, that with the most steps, or images, is kept, of those the one with the
    most seeds. Seeds whose codes are equal count once, as the first of them.
    """
    rows = rows.copy()
    rows["run"], rows["seed"] = rows[RUN].astype(str), rows[SEED].map(_whole)
    rows["dataset"] = [
        paper.labelled(name, origin_of(name, [value(origin)]))
        for name, origin in zip(column(rows, "train_results.dataset"), column(rows, ORIGIN), strict=True)
    ]
    rows, others = _newest_versions(rows)
    rows["steps"] = column(rows, "train_results.steps").map(_whole)
    rows["size"] = rows["steps"].fillna(column(rows, "train_results.num_samples").map(_whole)).fillna(0)
    rows["beta"] = column(rows, "train_config.vae.beta").map(value)
    labels = [_labels(record) for record in rows.reindex(columns=_LABELLED).to_dict("records")]
    rows["model"], rows["architecture"], reasons = ([label[k] for label in labels] for k in range(3))
    others += sorted({f"{name}: {reason}" for name, reason in zip(rows["dataset"], reasons, strict=True) if reason})
    rows = rows[[reason is None for reason in reasons]]
    return _equal_codes_once(*_one_configuration(rows, others))


def _newest_versions(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the newest version of each metric on each data set; what is left out, in sentences."""
    rows["data_version"] = _first_known(rows, "data_version")
    rows["metric_version"] = _first_known(rows, "metric_version", DEFINITION)
    older = rows["metric_version"] < rows.groupby(["dataset", METRIC])["metric_version"].transform("max")
    left = rows.loc[older, ["dataset", METRIC, "metric_version"]].drop_duplicates().itertuples(index=False, name=None)
    return rows[~older].copy(), sorted(f"{dataset}: {metric} of version {version}" for dataset, metric, version in left)


def _first_known(rows: pd.DataFrame, *names: str) -> pd.Series:
    """A version in the first of the columns that has it; 1 where none has."""
    found = column(rows, names[0]).map(value)
    for name in names[1:]:
        found = found.where(found.notna(), column(rows, name).map(value))
    return found.where(found.notna(), 1).astype(int)


def _whole(entry: Any) -> int | None:
    found = value(entry)
    return None if found is None else int(found)


def _labels(record: dict[str, Any]) -> tuple[str, str, str | None]:
    """Model, architecture, and why the row is not of the study, or None."""
    get = lambda name: value(record.get(f"train_config.{name}"))
    kind, beta = get("model.model"), record["beta"]
    if paper.family(record["dataset"]) is None:
        return "", "", "a data set that the report does not have"
    if kind in _BASELINES:
        return _BASELINES[kind], "", None
    if kind != "@vae()":
        return "", "", f"{record.get('train_results.model')} is no β-VAE, PCA or ICA"
    if not isinstance(beta, (int, float)):
        return "", "", f"a β that changes ({beta})"
    if beta not in paper.BETAS:
        return "", "", f"β = {beta:g}, which the report does not have"
    if (likelihood := get("reconstruction_loss.loss_fn")) != _LIKELIHOOD:
        return "", "", f"likelihood {likelihood} instead of {_LIKELIHOOD}"
    pair = (str(get("encoder.encoder_fn")), str(get("decoder.decoder_fn")))
    if pair not in _ARCHITECTURES:
        return "", "", f"architecture {' and '.join(pair)}"
    return f"{beta:g}-VAE", _ARCHITECTURES[pair], None


def _one_configuration(rows: pd.DataFrame, others: list[str]) -> tuple[pd.DataFrame, list[str]]:
    kept = []
    notes = list(others)
    prints = column(rows, "train_results.fingerprint").astype(str) + " " + rows["data_version"].astype(str)
    steps = _steps(rows)
    for (dataset, architecture, model), part in rows.groupby(CELL, sort=True):
        groups = [each for _, each in part.groupby([part["config"], prints[part.index]], sort=True, dropna=False)]
        groups.sort(key=lambda each: (-each["size"].max(), -each["seed"].nunique()))
        wanted = steps.get((dataset, architecture))
        first = next((each for each in groups if wanted is None or each["size"].max() == wanted), None)
        if first is not None:
            kept.append(first)
        for each in (each for each in groups if each is not first):
            notes.append(
                f"{dataset}: another configuration of {' '.join(filter(None, (model, architecture)))} "
                f"({each['size'].max():,.0f} steps or images, {counted(each['seed'].nunique(), 'seed')})"
            )
    import pandas as pd

    return (pd.concat(kept, ignore_index=True) if kept else rows), notes


def _steps(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """(Data set, architecture) → the number of steps by which most runs of its β-VAEs were trained; of several the largest."""
    found = {}
    trained = rows[rows["architecture"] != ""]
    for place, part in trained.groupby(["dataset", "architecture"]):
        runs = part.groupby("size")["run"].nunique()
        found[place] = max(runs.index, key=lambda size: (runs[size], size))
    return found


def _equal_codes_once(rows: pd.DataFrame, others: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Gives runs of equal codes the seed of the first of them, and says so."""
    once = first_of_equal(rows, [*CELL, *(name for name in [_REPRESENTATION] if name in rows)], ["seed", "run"])
    for (dataset, architecture, model), part in rows[once["seed"] != rows["seed"]].groupby(CELL):
        seeds = ", ".join(map(str, sorted({*part["seed"]})))
        name = " ".join(filter(None, (model, architecture)))
        others.append(f"{dataset}: the codes of {name} by seed {seeds} are those of a lower seed and count once")
    return rows.assign(**once), others


class Subject(NamedTuple):
    """A data set and an architecture, e.g. dsprites_rendered and MLP."""

    dataset: str
    architecture: str

    @property
    def family(self) -> str:
        """The report's name of the data set."""
        return paper.family(self.dataset) or self.dataset

    @property
    def slug(self) -> str:
        """The subject in the name of a file; a data set of the user may have any name."""
        return re.sub(r"[^A-Za-z0-9]+", "_", f"{self.dataset} {self.architecture}").strip("_")

    def __str__(self) -> str:
        return f"{self.dataset}, {self.architecture}"


class Evidence:
    """rows: of the study, see rows.of_study. Values are arrays (seeds,) in the order of the seeds, each seed once."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows.assign(representation=column(rows, _REPRESENTATION))
        self._cells = dict(iter(self.rows.groupby(CELL)))
        self._scores: dict[tuple, dict[int, float]] = {}
        for record in _beta_vae(self.rows).itertuples():
            key = (record.dataset, record.architecture, record.model, record.pairs, record.classifier, record.asked)
            self._scores.setdefault(key, {})[int(record.seed)] = 100 * float(record.value)

    def datasets(self, family: str) -> list[str]:
        """The data sets of the report's `family` that have runs; where none has, the official one."""
        names = paper.DATA_SETS[family]
        there = {name for name in self.rows["dataset"] if paper.family(name) == family}
        return [name for name in names if name in there] + sorted(there - {*names}) or [names[0]]

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
        found = self.score_by_seed(subject, model, pairs=pairs, classifier=classifier, asked=asked)
        return np.array([found[seed] for seed in sorted(found)])

    def by_seed(self, subject: Subject, model: str, name: str, **only: object) -> dict[int, float]:
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

    def score_by_seed(
        self, subject: Subject, model: str, *, pairs: int = PAIRS, classifier: str = CLASSIFIER, asked: str = ALL
    ) -> dict[int, float]:
        """Training seed → accuracy in percent."""
        return self._scores.get((*_place(subject, model), pairs, classifier, asked), {})

    def cell(self, subject: Subject, model: str) -> pd.DataFrame:
        """The rows of a cell."""
        return self._cells.get(_place(subject, model), self.rows.iloc[:0])


def _place(subject: Subject, model: str) -> tuple[str, str, str]:
    """A cell's CELL; PCA and ICA have no architecture: they stand with every one."""
    return subject.dataset, subject.architecture if model.endswith("-VAE") else "", model


def _beta_vae(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a cell, seed and setting: pairs (L), classifier, asked, value in [0, 1]."""
    wanted = (rows["evaluation_results.metric"] == "beta_vae") & (rows["representation"] == "mean")
    wanted &= column(rows, "evaluation_config.evaluation.split").astype(object).fillna("all") == "all"
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


class Distance(NamedTuple):
    """name: the score's, e.g. fid_sample; codes: mean or sampled, None where nothing was run; images: of each side."""

    name: str
    codes: str | None
    images: int | None

    def __str__(self) -> str:
        if self.codes is None:
            return self.name
        return f"{self.name} ({self.codes} codes{f', {self.images:,} images a side' if self.images else ''})"


def distances(evidence: Evidence, subject: Subject) -> dict[Distance, dict[str, dict[int, float]]]:
    """Distance → β-VAE → seed → value. FID of reconstructions and of samples are there even where nothing was run."""
    rows = evidence.rows[
        (evidence.rows["dataset"] == subject.dataset) & (evidence.rows["architecture"] == subject.architecture)
    ]
    found: dict[Distance, dict[str, dict[int, float]]] = {}
    for name in sorted(_names(rows.columns), key=lambda each: (not each.startswith("fid_"), each)):
        scored = rows[column(rows, f"{_STEM}{name}").notna()].assign(
            images=lambda part: column(part, _IMAGES).map(value)
        )
        for (codes, images), part in scored.groupby(["representation", "images"], dropna=False):
            key = Distance(name, str(codes), None if images is None or images != images else int(images))
            found[key] = {model: _values(part[part["model"] == model], name) for model in paper.VAES}
    for name in _ALWAYS:
        if not any(each.name == name for each in found):
            found[Distance(name, None, None)] = {model: {} for model in paper.VAES}
    return found


def _names(columns: list[str]) -> set[str]:
    names = {name.removeprefix(_STEM) for name in columns if name.startswith((f"{_STEM}fid_", f"{_STEM}fd_"))}
    return {name for name in names if not name.endswith("_std")}


def _values(part: pd.DataFrame, name: str) -> dict[int, float]:
    numbers = part[f"{_STEM}{name}"].map(value).astype(float)
    return {int(seed): float(each) for seed, each in numbers.groupby(part["seed"]).mean().items()}


class Summary(NamedTuple):
    """mean and std (divisor n − 1; None for one seed) of `seeds` seeds."""

    mean: float
    std: float | None
    seeds: int


def summary(values: Seeds) -> Summary | None:
    """Mean and standard deviation of values (n,); None where there is none."""
    array = np.asarray(values, float)
    if not array.size:
        return None
    return Summary(float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None, array.size)


def counted(number: int, what: str) -> str:
    """A number with its noun, which gets an s unless it is one: "1 seed", "1,200 steps"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def best_half(values: Seeds) -> np.ndarray:
    """The better half of values (n,), largest first: n / 2 rounded up, as Higgins et al. 2016 keep."""
    array = np.sort(np.asarray(values, float))[::-1]
    return array[: (array.size + 1) // 2]


def median(values: Seeds) -> float | None:
    """The median of values (n,), None where there is none."""
    array = np.asarray(values, float)
    return float(np.median(array)) if array.size else None
