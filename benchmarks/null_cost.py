"""Seconds of every metric without and with its null, on codes of dSprites' grid (737,280 images, 10 latents), defaults.

    python benchmarks/null_cost.py [--metric=mig,sap] [--costly]

Codes are the five factors, standardised and rotated into ten latents, with noise of 0.3 (seed 0): a metric finds something in
them, and no code is dead. Metrics whose null is costly (metrics.is_costly) are left out, or with --costly are the only ones,
with their 5 matchings. cpu_seconds include the processes of matchings; where other work runs beside it, they are what it took
and seconds are too many. Writes results/null_cost.json; metrics that are not named keep the entries of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import datasets, metrics

OUTPUT = Path(__file__).parent / "results" / "null_cost.json"
LATENTS, NOISE, NULL = 10, 0.3, 20


def rotated(data: datasets.GroundTruthData) -> np.ndarray:
    """Codes float32 (images, 10)."""
    rng = np.random.default_rng(0)
    factors = data.factors_at(np.arange(data.num_images)).astype(np.float64)
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    rotation = np.linalg.qr(rng.normal(size=(LATENTS, LATENTS)))[0][: factors.shape[1]]
    return (factors @ rotation + NOISE * rng.normal(size=(data.num_images, LATENTS))).astype(np.float32)


def timed(name: str, data: Any, codes: np.ndarray, null: int) -> tuple[float, float]:
    """Seconds, and seconds of processors, of a score with `null` matchings."""
    began, cpu = time.perf_counter(), _cpu()
    metrics.score(name, data, codes, 0, null=null)
    return time.perf_counter() - began, _cpu() - cpu


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default=",".join(metrics.names()))
    flags = parser.parse_args()
    data = datasets.load("dsprites_rendered")
    codes = rotated(data)
    metrics.score("mig", data, codes, num_train=100)
    record = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    for name in flags.metric.split(","):
        a, b = timed(name, data, codes, 0), timed(name, data, codes, NULL)
        record[name] = {
            "seconds": round(a[0], 2),
            "cpu_seconds": round(a[1], 2),
            "null_seconds": round(b[0], 2),
            "null_cpu_seconds": round(b[1], 2),
            "cores": os.cpu_count(),
        }
        print(name, record[name], flush=True)
        OUTPUT.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
