"""Seconds and peak memory of dlib_bvae_aggregate over many result folders.

    python benchmarks/aggregate_cost.py [--folders=100000] [--keep=FOLDER]

A β-VAE is trained for ten steps on dummy_data and scored by every metric that applies; its folders are copied, each copy with
its own seed, identifiers, times and scores, until there are as many evaluations as asked for: 5 configurations, any number
of seeds. The command then runs in a process of its own. --keep: make the folders there, use those that are there already, and
leave them. What is cold or warm in the disk's cache is as the machine has it; after making the folders it is warm.
Writes results/aggregate_cost.json.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.analysis.frame import SCORE_NAMES
from dlib_bvae.stages import evaluate, train

OUTPUT = Path(__file__).parent / "results" / "aggregate_cost.json"
COMMAND = Path(__file__).parents[1] / "bin" / "dlib_bvae_aggregate"
TRAINING = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.log_every = 10",
    "model.checkpoint_every = 10",
    "model.training_steps = 10",
]
SIZES = ("num_train", "num_test", "num_eval", "num_variance_estimate")
# The scores do not matter here, their number does.
FEW = {"n_estimators": 2, "n_experiment": 1, "widths": [8, 32], **dict.fromkeys(SIZES, 200)}
BETAS = (0.1, 1.0, 4.0, 10.0, 16.0)


def original(folder: Path) -> Path:
    """A real run scored by every metric of codes."""
    bindings = []
    for name in metrics.names():
        parameters = inspect.signature(metrics.METRICS.get(name)).parameters
        for key in sorted(FEW.keys() & parameters.keys()):
            several = key in SIZES and isinstance(parameters[key].default, (list, tuple))
            bindings.append(f"{name}.{key} = {[50] if several else FEW[key]}")
    run = train.run(["gin/beta4_dsprites.gin"], TRAINING, folder / "original")
    evaluate.run("all", [], bindings, run)
    return run


def copy_runs(run: Path, folder: Path, wanted: int) -> int:
    """Copies `run` below `folder` until there are `wanted` evaluations; returns how many files there are."""
    evaluations = sorted(run.glob("*/metrics/*/results/aggregate/evaluation.json"))
    texts = {
        path.relative_to(run): path.read_text(encoding="utf-8") for path in run.rglob("results/*/*") if path.is_file()
    }
    entries = {path.relative_to(run): json.loads(path.read_text(encoding="utf-8")) for path in evaluations}
    lines = {path: {key: _line(key, value) for key, value in each.items()} for path, each in entries.items()}
    rng, made, files = np.random.default_rng(0), 0, 0
    for number in itertools.count():
        seed, which = divmod(number, len(BETAS))
        kept = list(entries)[: wanted - made]
        places = [path.parents[2] for path in kept]
        own = _own(seed, BETAS[which], rng)
        for path, text in texts.items():
            if "metrics" in path.parts and path.parents[2] not in places:
                continue
            target = folder / f"run{number:06d}" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in kept:
                changed = {key: _line(key, value) for key, value in _changed(entries[path], own, rng).items()}
                text = "{\n" + ",\n".join({**lines[path], **changed}.values()) + "\n}\n"
            target.write_text(text, encoding="utf-8")
            files += 1
        made += len(kept)
        if made >= wanted:
            return files


def _line(key: str, value: Any) -> str:
    return f"  {json.dumps(key)}: {json.dumps(value)}"


def _own(seed: int, beta: float, rng: np.random.Generator) -> dict[str, Any]:
    """The entries of a run that differ from other runs'."""
    return {
        "train_results.uuid": str(uuid.UUID(bytes=rng.bytes(16))),
        "train_results.seed": seed,
        "train_config.model.random_seed": seed,
        "train_config.vae.beta": beta,
        "train_config.model.name": f"beta{beta:g}",
        "train_results.model": f"beta{beta:g}",
    }


def _changed(entries: dict[str, Any], own: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """What is otherwise in an evaluation of another run: its identifiers, times and scores."""
    changed = {**own, "evaluation_results.uuid": str(uuid.UUID(bytes=rng.bytes(16)))}
    for key, value in entries.items():
        if isinstance(value, float) and "_results." in key and ".metric_parameters." not in key:
            changed[key] = value * float(rng.uniform(0.5, 1.0))
    for name in entries[SCORE_NAMES]:
        if isinstance(entries[f"evaluation_results.{name}"], int):
            changed[f"evaluation_results.{name}"] = int(rng.integers(10))
    return changed


def measure(folder: Path, output: Path) -> dict[str, float]:
    """Runs the command over `folder`; the seconds and the peak memory of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, str(COMMAND), f"--results_dir={folder}", f"--output_dir={output}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_memory_mib": round(after.ru_maxrss / 1024),
        "written_mib": round(sum(path.stat().st_size for path in output.iterdir()) / 2**20),
    }


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=100_000)
    parser.add_argument("--keep", type=Path)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        runs = flags.keep or Path(scratch) / "runs"
        if not runs.is_dir():
            copy_runs(original(Path(scratch)), runs, flags.folders)
        found = measure(runs, Path(scratch) / "tables")
    record = {"folders": flags.folders, "cores": os.cpu_count(), **found}
    print(json.dumps(record, indent=1))
    OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
