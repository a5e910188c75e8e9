"""Seconds and memory of every metric on wide, sparse codes of a subsample, or what it says instead.

    python benchmarks/wide_codes.py [--widths=1000,5000,20000] [--metric=mig,sap] [--images=10000] [--limit=1800]

Codes as a sparse autoencoder has them: 3 % of the numbers are not 0 and know nothing, but for one latent a value of a factor
(at most eight values each, 35 latents), which is 0 elsewhere; float32, some of them dead. The images are a probe of
dsprites_rendered, or for metrics that need a grid a subset of it with about as many images. Each metric runs in a process of
its own with its default parameters, one at a time; where other work runs at the same time, seconds are too many and
cpu_seconds right.
A metric above --limit seconds of processor time is stopped and recorded so. Writes results/wide_codes.json after each; what is
there already is not measured again unless its metric is named.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import datasets, metrics
from dlib_bvae.errors import NotApplicable, UserError

OUTPUT = Path(__file__).parent / "results" / "wide_codes.json"
VALUES = 8  # of a factor that have a latent, at most
SHARE = 0.03
GRID = {
    "scale": [0, 5],
    "orientation": list(range(0, 40, 5)),
    "position_x": list(range(14)),
    "position_y": list(range(14)),
}


def sparse(factors: np.ndarray, sizes: tuple[int, ...], latents: int) -> np.ndarray:
    """Codes float32 (images, latents); the first of them are those that know a value of a factor."""
    rng = np.random.default_rng(0)
    codes = np.zeros((len(factors), latents), np.float32)
    for row in codes:
        row[rng.random(latents, np.float32) < SHARE] = 1
    active = codes > 0
    codes[active] = rng.gamma(2, 1, active.sum())
    known = [(k, value) for k, size in enumerate(sizes) for value in range(min(size, VALUES))]
    for j, (k, value) in enumerate(known):
        step = max(1, sizes[k] // VALUES)
        codes[:, j] = np.where(factors[:, k] // step == value, 1 + 0.2 * rng.random(len(factors)), 0)
    codes[:, len(known) :: 10] = 0  # dead
    return codes


def data_set(grid: bool, images: int) -> datasets.LabelledImages:
    """A probe of the images, or a subset that is a grid."""
    from dlib_bvae.datasets.derived.subsets import Subsample, Subset

    return Subset("dsprites_rendered", GRID) if grid else Subsample("dsprites_rendered", images=images, seed=0)


def measured(name: str, path: Path, grid: bool, images: int, limit: int, connection: Any) -> None:
    """Sends what the metric does with the codes in the file."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
    data = data_set(grid, images)
    codes = np.load(path, mmap_mode="r")
    began, cpu = time.perf_counter(), time.process_time()
    try:
        result = metrics.score(name, data, codes, 0)
        known = [key for key, value in result.items() if isinstance(value, (int, float))]
        found = {"scores": {key: result[key] for key in known[:5]}}
        if "screening" in result:
            kept, alive = result["screening"]["kept"], sum(min(size, VALUES) for size in data.factor_sizes)
            found["screening"] = {
                "images": result["screening"]["images"],
                "kept": len(kept),
                "that know a value": f"{sum(j < alive for j in kept)} of {alive}",
            }
    except UserError as error:
        refused = str(error).partition("\n")[0]  # gin adds where it was called
        found = {"refused": refused, "n/a here": isinstance(error, NotApplicable) and "combination" in refused}
    used = time.process_time() - cpu
    found |= {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(used, 1)}
    connection.send(found | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024})


def in_a_process(name: str, path: Path, grid: bool, images: int, limit: int) -> dict[str, Any]:
    """What measured() sends, or that it took too long."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=measured, args=(name, path, grid, images, limit, there))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        process.join()
        slow = process.exitcode == -signal.SIGXCPU
        return {"stopped": f"after {limit} seconds of processor time" if slow else f"with {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric")
    parser.add_argument("--widths", default="1000,5000,20000")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=1_800)
    flags = parser.parse_args()
    record = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    named = flags.metric.split(",") if flags.metric else metrics.names()
    sets = {False: data_set(False, flags.images), True: data_set(True, flags.images)}
    record["images"] = {each.name: each.num_images for each in sets.values()}
    record["cores"] = os.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        for width in map(int, flags.widths.split(",")):
            paths = {grid: Path(folder, f"{grid}_{width}.npy") for grid in sets}
            for grid, data in sets.items():
                codes = sparse(data.factors_at(np.arange(data.num_images)), data.factor_sizes, width)
                np.save(paths[grid], codes)
            of_width = record.setdefault(str(width), {})
            for name in named:
                if name in of_width and not flags.metric:
                    continue
                found = in_a_process(name, paths[False], False, flags.images, flags.limit)
                if found.pop("n/a here", False):
                    found = in_a_process(name, paths[True], True, flags.images, flags.limit)
                    found["on"] = sets[True].name
                    found.pop("n/a here", None)
                of_width[name] = found
                print(width, name, found, flush=True)
                OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            for path in paths.values():
                path.unlink()


if __name__ == "__main__":
    main()
