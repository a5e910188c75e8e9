"""The validity bench: what metrics make of codes that are perturbed in known ways, as a table and a picture."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gin
import numpy as np

from dlib_bvae import metrics
from dlib_bvae.artifacts import config_dict
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError, check_integer, unknown
from dlib_bvae.metrics.constructed import PERTURBATIONS, FactorGrid
from dlib_bvae.metrics.score_info import info_of
from dlib_bvae.progress_line import progress
from dlib_bvae.runtime import RUNS
from dlib_bvae.visualize.diagrams import Axes, grid_of_curves

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = "beta_vae,factor_vae_score,mig,sap,modularity_explicitness,irs,dci,dci_lasso,mig_sup,dcimig,jemmig,med,infomec,snc,fos"
# Small enough for a minute; a configuration says otherwise metric by metric.
_QUICK = {
    "n_estimators": 10,
    "num_eval": 500,
    "num_test": 500,
    "num_train": 1_000,
    "num_variance_estimate": 1_000,
}
_GRID = (6, 8, 10, 12)
_MOST_CURVES = 5
_FILES, _FLAG = ("validity.csv", "validity.md", "validity.png"), "--output_dir"
COLUMNS = ["perturbation", "value", "metric", "score", "seed", "result"]


def run(
    metric: str = DEFAULT,
    perturbations: str = "all",
    seeds: int = 1,
    output_dir: Path = RUNS / "validity",
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
) -> list[Path]:
    """Scores codes of a grid of 6 × 8 × 10 × 12 factor values, perturbed in each way, and returns the files written.

    metric, perturbations: names with commas between, or all. seeds: how many; each makes other noise and draws other images.
    Metrics run with few images unless the configuration says how many. Writes validity.csv (one row a score), validity.md
    (each score without and with the most of each perturbation) and validity.png. Raises UserError for unknown names.
    """
    check_integer("--seeds", seeds, 1)
    names, chosen = _metrics(metric), _perturbations(perturbations)
    check_outputs(output_dir, _FILES, _FLAG)
    rows: list[dict[str, Any]] = []
    for name in names:
        with configuration(gin_config, gin_bindings, [metrics.METRICS, metrics.CLASSIFIERS]):
            quick = _quick(name)
            with progress(name, len(chosen)) as advance:
                for perturbation in chosen:
                    rows += [row for seed in range(seeds) for row in _scores(name, perturbation, seed, quick)]
                    advance()
        print(f"{name}: done", flush=True)
    return write(rows, output_dir)


def write(rows: list[dict[str, Any]], output_dir: Path) -> list[Path]:
    """Writes the table, the summary and the picture of `rows` (with COLUMNS). Raises UserError when there is no score."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=COLUMNS)
    if frame.empty:
        raise UserError("no metric could score any of these codes; the lines above say why")
    labels = {name: PERTURBATIONS[name].label for name in dict.fromkeys(frame["perturbation"])}
    picture = grid_of_curves(_drawn(frame), Axes("metric", "perturbation", "value", "score", "result"), labels)
    contents: tuple[Content, ...] = (frame.to_csv(index=False), summary(frame), picture)
    paths = write_outputs(output_dir, dict(zip(_FILES, contents, strict=True)), _FLAG)
    for path in paths:
        print(path)
    return paths


def summary(frame: pd.DataFrame) -> str:
    """A Markdown table: a row a score; a column a perturbation, with the score at its least and at its most, means."""
    chosen = list(dict.fromkeys(frame["perturbation"]))
    header = ["metric", "score", *chosen]
    lines = [
        header,
        ["---"] * len(header),
        ["*ideal*", "", *(f"*{PERTURBATIONS[name].ideal}*" for name in chosen)],
    ]
    for (metric, score), part in frame.groupby(["metric", "score"], sort=False):
        cells = []
        for perturbation in chosen:
            means = part[part["perturbation"] == perturbation].groupby("value")["result"].mean()
            cells.append(f"{means.iloc[0]:.2f} → {means.iloc[-1]:.2f}" if len(means) else "")
        lines.append([metric, score, *cells])
    turned = "; ".join(
        f"{name}: {each.label}, {each.values[0]:g} to {each.values[-1]:g}"
        for name, each in ((name, PERTURBATIONS[name]) for name in chosen)
    )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{turned[0].upper()}{turned[1:]}.\n"


def _scores(name: str, perturbation: str, seed: int, quick: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one metric on all values of a perturbation."""
    grid, known_scores = FactorGrid(*_GRID), metrics.scores_of(name)
    rows = []
    for value in PERTURBATIONS[perturbation].values:
        codes = PERTURBATIONS[perturbation].make(grid, value, np.random.default_rng(seed))
        try:
            found = metrics.score(name, grid, codes, seed, **quick)
        except UserError as refusal:
            print(f"left out: {name} of {perturbation} = {value:g}: {refusal}", file=sys.stderr)
            continue
        for key, result in found.items():
            known = info_of(known_scores, key)
            if type(result) in (int, float) and known is not None and known.higher_is_better is not None:
                place = {"perturbation": perturbation, "value": value, "metric": name, "score": key, "seed": seed}
                rows.append({**place, "result": float(result)})
    return rows


def _drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """What is in the picture: of each metric a few scores, none of training images."""
    kept = frame[~frame["score"].str.contains("train")]
    few = {metric: list(dict.fromkeys(part["score"]))[:_MOST_CURVES] for metric, part in kept.groupby("metric")}
    return kept[[score in few[metric] for metric, score in zip(kept["metric"], kept["score"], strict=True)]]


def _quick(name: str) -> dict[str, Any]:
    """Small values for those parameters of the metric that the open configuration does not set."""
    bound = config_dict(gin.config_str())
    parameters = inspect.signature(metrics.METRICS.get(name)).parameters
    return {
        key: (value,) if isinstance(parameters[key].default, tuple) else value
        for key, value in _QUICK.items()
        if key in parameters and f"{name}.{key}" not in bound
    }


def _metrics(text: str) -> list[str]:
    """Names in `text`, each once, without those that need a model's decoder. Raises UnknownName."""
    of_codes = [n for n in metrics.installed() if "decode" not in inspect.signature(metrics.METRICS.get(n)).parameters]
    names = of_codes if text == "all" else metrics.split(text)
    for name in names:
        metrics.METRICS.get(name)
        if name not in of_codes:
            raise UserError(f"{name} needs a model; leave it out, as there are only codes here")
    return names


def _perturbations(text: str) -> list[str]:
    names = list(PERTURBATIONS) if text == "all" else [each.strip() for each in text.split(",")]
    for name in names:
        if name not in PERTURBATIONS:
            raise unknown("perturbation", name, PERTURBATIONS)
    return list(dict.fromkeys(names))
