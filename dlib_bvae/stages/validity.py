"""The validity bench: curves of scores of codes that are perturbed, and whether scores agree with theory on known codes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gin
import numpy as np

from dlib_bvae import metrics
from dlib_bvae.artifacts import config_dict
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError, check_integer, unknown
from dlib_bvae.metrics.constructed import GRIDS, KNOWN_CODES, PERTURBATIONS, STRUCTURES, FactorGrid
from dlib_bvae.metrics.score_info import info_of
from dlib_bvae.progress_line import progress
from dlib_bvae.runtime import RUNS
from dlib_bvae.stages import identification
from dlib_bvae.visualize.diagrams import Axes, grid_of_curves

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = (
    "beta_vae,factor_vae_score,mig,sap,modularity_explicitness,irs,dci,dci_lasso,mig_sup,dcimig,jemmig,med,infomec,snc,fos,"
    "mcc,linear_identifiability,omes,t_mex"
)
_GRID = (6, 8, 10, 12)
_MOST_CURVES = 5
_FILES, _FLAG = ("validity.csv", "validity.md", "validity.png"), "--output_dir"
_TABLE = ("identification.csv", "identification.md", "identification.png")
COLUMNS = ["perturbation", "value", "metric", "score", "seed", "result"]


def run(
    metric: str = DEFAULT,
    perturbations: str | None = None,
    seeds: int = 1,
    output_dir: Path = RUNS / "validity",
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    structures: str | None = None,
    codes: str | None = None,
    sizes: str | None = None,
) -> list[Path]:
    """Scores known codes, and returns the files written.

    Curves: codes of a grid of 6 × 8 × 10 × 12 factor values, perturbed in each way; validity.csv (one row per score), validity.md
    (each score without and with the most of each perturbation) and validity.png. The table: factors of each structure, codes of
    which theory says how far they are identified, and data of each size (see identification.py); identification.csv, .md, .png.

    metric, perturbations, structures, codes: names with commas between, or all. sizes: numbers of images with commas between, of
    constructed.GRIDS, or all. Both are written, each with all; with perturbations alone only the curves, and with structures,
    codes or sizes alone only the table. seeds: how many; each makes other noise and draws other images. Metrics run with few
    images unless the configuration says how many. What an interrupted table has scored is scored once. Raises UserError for
    unknown names.
    """
    check_integer("--seeds", seeds, 1)
    names, parts = _metrics(metric), (structures, codes, sizes)
    with_table = perturbations is None or any(part is not None for part in parts)
    chosen = (
        None if perturbations is None and any(part is not None for part in parts) else _perturbations(perturbations)
    )
    wanted = _cells(names, parts, seeds) if with_table else []
    check_outputs(output_dir, [*(_FILES if chosen else ()), *(_TABLE if wanted else ())], _FLAG)
    paths = _curves(names, chosen, seeds, output_dir, gin_config, gin_bindings) if chosen else []
    if wanted:
        paths += write_table(identification.scored(wanted, output_dir, gin_config, gin_bindings), output_dir)
        (output_dir / identification.CHECKPOINT).unlink(missing_ok=True)
    return paths


def _curves(
    names: Sequence[str],
    chosen: Sequence[str],
    seeds: int,
    output_dir: Path,
    gin_config: Sequence[str],
    gin_bindings: Sequence[str],
) -> list[Path]:
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


def write_table(rows: list[dict[str, Any]], output_dir: Path) -> list[Path]:
    """Writes identification.csv, .md and .png of `rows` with identification.COLUMNS, and returns their paths."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=identification.COLUMNS)
    if frame["score"].notna().sum() == 0:
        raise UserError(f"no metric could score any of these codes: {frame['reason'].iloc[0]}")
    contents: tuple[Content, ...] = (
        frame.to_csv(index=False),
        identification.page(frame),
        identification.picture(frame),
    )
    paths = write_outputs(output_dir, dict(zip(_TABLE, contents, strict=True)), _FLAG)
    for path in paths:
        print(path)
    return paths


def _cells(names: Sequence[str], parts: Sequence[str | None], seeds: int) -> list[identification.Cell]:
    """What the table has of these metrics; those whose file does not say what their scores claim are named and left out."""
    kept = identification.judged(names)
    for name in set(names) - set(kept):
        print(
            f"left out of the table: {name}, whose file has no VALIDITY that says what its scores claim",
            file=sys.stderr,
        )
    known: tuple[Mapping[str, Any], ...] = (STRUCTURES, KNOWN_CODES, {str(size): size for size in GRIDS})
    kinds = ("structure of factors (--structures)", "codes (--codes)", "size (--sizes)")
    structures, codes, sizes = (_chosen(part, each, kind) for part, each, kind in zip(parts, known, kinds, strict=True))
    return identification.cells(kept, structures, codes, [int(size) for size in sizes], seeds)


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
        for key, value in identification.QUICK.items()
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


def _perturbations(text: str | None) -> list[str]:
    return _chosen(text, PERTURBATIONS, "perturbation")


def _chosen(text: str | None, known: Mapping[str, Any], kind: str) -> list[str]:
    """The names in `text`, each once; all of `known` for None and "all". Raises UnknownName, which says of what `kind`."""
    names = list(known) if text in (None, "all") else [each.strip() for each in str(text).split(",")]
    for name in names:
        if name not in known:
            raise unknown(kind, name, known)
    return list(dict.fromkeys(names))
