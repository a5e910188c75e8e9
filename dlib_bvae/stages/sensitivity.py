"""The sensitivity study: the β-VAE metric of several runs under all its settings, as tables and a picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlib_bvae.artifacts import (
    Stage,
    Work,
    describe,
    device,
    peak_memory_mib,
    read_config,
    read_identity,
)
from dlib_bvae.artifacts.identity import config_hash
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.config import configuration, say_unused
from dlib_bvae.errors import check_integer, pluralize
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.sensitivity import beta_vae_sensitivity
from dlib_bvae.registry import configurable
from dlib_bvae.representations.codes import REPRESENTATIONS
from dlib_bvae.runtime import RUNS
from dlib_bvae.stages import postprocess
from dlib_bvae.stages.evaluate import of_standing
from dlib_bvae.stages.inputs import TrainedRun, opened_run, trained_run
from dlib_bvae.visualize.diagrams import Axes, grid_of_curves

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    *("run", "model", "dataset", "fingerprint", "training_seed", "random_seed"),
    *("factors", "classifier", "batch_size", "train_accuracy", "eval_accuracy", "classifier_converged"),
]
SENSITIVITY = Stage("sensitivity", again="scoring again")
_OF_A_CELL = {"factors": str, "classifier": str, "batch_size": int, "train_accuracy": float, "eval_accuracy": float}
_FILES, _FLAG = ("sensitivity.csv", "sensitivity.md", "sensitivity.png"), "--output_dir"
_LABEL = "L (pairs a point)"


def run(
    model_dirs: Sequence[Path] = (),
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    output_dir: Path = RUNS / "sensitivity",
    overwrite: bool = False,
) -> list[Path]:
    """Scores each run (none given: the most recent) by metrics.sensitivity.beta_vae_sensitivity; returns the files written.

    A run's cells go to <run>/mean/sensitivity and are not computed again while its codes and the configuration are the
    same. Writes sensitivity.csv (one row a run and cell), sensitivity.md (mean ± standard deviation over runs, in %, by
    classifier and by L) and sensitivity.png (accuracy against L). Runs that differ in their seed only are one model.
    """
    check_outputs(output_dir, _FILES, _FLAG)
    runs = [trained_run(each) for each in model_dirs] or [trained_run(None)]
    parts = [_cells(each, gin_config, gin_bindings, overwrite) for each in dict.fromkeys(runs)]
    return write(parts, output_dir)


@configurable("sensitivity", seeds=["random_seed"])
def settings(random_seed: int = 0) -> int:
    """The seed of the study."""
    check_integer("sensitivity.random_seed", random_seed, 0)
    return random_seed


def write(parts: list[dict[str, Any]], output_dir: Path) -> list[Path]:
    """Writes table, summary and picture of `parts`, one dictionary a run as in its results file."""
    import pandas as pd

    labels = model_labels([part["train_config"] for part in parts], [part["model"] for part in parts])
    rows = [
        {**part, **cell, "model": label} for part, label in zip(parts, labels, strict=True) for cell in part["cells"]
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    several = frame["dataset"].nunique() > 1
    frame["row"] = [
        f"{d}, {f}" if several else f"accuracy, {f}" for d, f in zip(frame["dataset"], frame["factors"], strict=True)
    ]
    axes = Axes("row", "classifier", "batch_size", "model", "eval_accuracy")
    x_labels = dict.fromkeys(frame["classifier"], _LABEL)
    picture = grid_of_curves(frame, axes, x_labels, panel=(2.2, 2.2), doubling=True)
    contents: tuple[Content, ...] = (frame.drop(columns="row").to_csv(index=False), summary(frame), picture)
    paths = write_outputs(output_dir, dict(zip(_FILES, contents, strict=True)), _FLAG)
    for path in paths:
        print(path)
    return paths


def summary(frame: pd.DataFrame) -> str:
    """Two Markdown tables in %: by classifier, over all runs (Table 2 of the report), and by L, over the runs of a model."""
    by_classifier = _table(frame, ["dataset", "factors", "batch_size"], "classifier")
    by_size = _table(frame, ["dataset", "factors", "model", "classifier"], "batch_size")
    return f"Accuracy in %, mean ± standard deviation over runs.\n\n{by_classifier}\n{by_size}"


def model_labels(configs: list[dict[str, Any]], models: list[str]) -> list[str]:
    """What each run is called: its model, and where one model was trained in several ways what tells them apart."""
    hashes = [config_hash(config) for config in configs]
    labels = []
    for model, config in zip(models, configs, strict=True):
        others = [c for c, m in zip(configs, models, strict=True) if m == model]
        differ = [key for key in sorted(set().union(*others)) if len({str(c.get(key)) for c in others}) > 1]
        shown = [key for key in differ if config_hash({key: 0}) != config_hash({})]  # seeds and names do not count
        several = len({h for h, m in zip(hashes, models, strict=True) if m == model}) > 1
        values = ", ".join(f"{key} = {config.get(key)}" for key in shown)
        labels.append(f"{model} ({values})" if several else model)
    return labels


def _cells(model_dir: Path, gin_config: Sequence[str], gin_bindings: Sequence[str], overwrite: bool) -> dict[str, Any]:
    """The results of one run, computed where they are not there."""
    registries = [CLASSIFIERS, REPRESENTATIONS]
    with trusting(gin_config, gin_bindings), opened_run(model_dir) as trained:
        with configuration(gin_config, gin_bindings, registries):
            encoded, data = postprocess.encode_once(trained)
            used = encoded.used()
        with configuration(gin_config, gin_bindings, registries) as configured:
            work = _score_once(trained, data, encoded, overwrite)
            say_unused(configured.typed, used | work.used())
        return {**of_standing(work, _with_cells), **_of_training(trained)}


def _with_cells(results: dict[str, Any]) -> dict[str, Any]:
    """The results. Raises TypeError or KeyError where their cells are not those of a study."""
    if not results["cells"]:
        raise KeyError("cells")
    for cell in results["cells"]:
        for name, kind in _OF_A_CELL.items():
            if not isinstance(cell[name], kind):
                raise TypeError(name)
    return {name: results[name] for name in ("run", "random_seed", "cells")}


def _of_training(trained: TrainedRun) -> dict[str, Any]:
    return {
        "model": trained.results["model"],
        "dataset": trained.results["dataset"],
        "fingerprint": trained.results["fingerprint"],
        "training_seed": trained.results["seed"],
        "train_config": read_config(trained.directory / "train", "train"),
    }


def _score_once(trained: TrainedRun, data: Any, encoding: Work, overwrite: bool) -> Work:
    representation, encoded = encoding.directory, encoding.results()["uuid"]
    work = Work(
        SENSITIVITY,
        representation / SENSITIVITY.name,
        inputs={"codes": read_identity(representation, "postprocess").digest},
        sources={"encoded": encoded},
    )
    if work.done(overwrite):
        print(f"{work.directory}: scored already")
        return work
    began = time.monotonic()
    seed = settings()
    codes = postprocess.codes_in(encoding, lambda: trained.encoder(data))
    cells = beta_vae_sensitivity(data, codes, seed)
    results = {
        "run": str(trained.directory),
        **_of_training(trained),
        "cells": cells,
        "random_seed": seed,
        "encoded": encoded,
        "elapsed_time": time.monotonic() - began,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    work.begin()
    work.finish(results, earlier=representation)
    print(f"{work.directory}: {pluralize(len(cells), 'cell')} in {results['elapsed_time']:,.0f} s", flush=True)
    return work


def _table(frame: pd.DataFrame, keys: list[str], across: str) -> str:
    """Markdown: a row for each combination of `keys`, a column for each value of `across`."""
    columns = list(dict.fromkeys(frame[across]))
    keys = [key for key in keys if frame[key].nunique() > 1] or keys[-1:]
    header = [
        *("L" if key == "batch_size" else key for key in keys),
        *(f"L = {value}" if across == "batch_size" else value for value in columns),
    ]
    lines = [header, ["---"] * len(header)]
    for values, part in frame.groupby(keys, sort=False):
        cells = []
        for column in columns:
            percent = 100 * part.loc[part[across] == column, "eval_accuracy"]
            cells.append(f"{percent.mean():.2f}" + (f" ± {percent.std():.2f}" if len(percent) > 1 else ""))
        lines.append([*map(str, values), *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
