"""Seconds of every metric, with its default parameters, on cached codes of dsprites_rendered.

    python benchmarks/metrics_cost.py [--metric=mig,sap] [--codes=runs/quickstart/mean/codes.npy]

Without --codes the codes are made here: 10 latents, six of which follow the factors, bent, mixed and noisy, four dead.
Where other work runs at the same time, cpu_seconds are what the metric took and seconds are too many.
Writes results/metrics_cost.json; the metrics that are not named keep the entries of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from dlib_bvae import datasets, metrics

OUTPUT = Path(__file__).parent / "results" / "metrics_cost.json"


def made(data: datasets.GroundTruthData) -> np.ndarray:
    """Codes float32 (images, 10) as a β-VAE's could be."""
    rng = np.random.default_rng(0)
    factors = data.factors_at(np.arange(data.num_images)) / (np.array(data.factor_sizes) - 1)
    shape, scale, angle, x, y = factors.T
    noise = rng.normal(size=(data.num_images, 10))
    alive = [
        3.4 * (x - 0.5),
        3.4 * (y - 0.5) + 0.2 * scale,
        3 * (scale - 0.5) + 0.3 * np.sin(6 * angle),
        np.sin(2 * np.pi * angle) + 0.3 * shape,
        np.cos(2 * np.pi * angle) * (1 + shape),
        shape + 0.5 * x * y,
    ]
    codes = 0.03 * (noise + 0.2 * np.hstack([factors, factors]))
    codes[:, :6] = np.stack(alive, axis=1) + 0.15 * noise[:, :6]
    return codes.astype(np.float32)


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default=",".join(metrics.names()))
    parser.add_argument("--codes", type=Path)
    flags = parser.parse_args()
    data = datasets.load("dsprites_rendered")
    codes = np.load(flags.codes, mmap_mode="r") if flags.codes else made(data)
    metrics.score("mig", data, codes, num_train=100)  # imports
    record = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    for name in flags.metric.split(","):
        began, cpu = time.perf_counter(), time.process_time()
        metrics.score(name, data, codes, 0)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        record[name] = {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "cores": os.cpu_count()}
        print(name, record[name], flush=True)
        OUTPUT.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
