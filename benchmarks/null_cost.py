"""Seconds of every metric that has a null, without and with it, on codes of dSprites' grid (737,280 images, 10 latents).

    python benchmarks/null_cost.py [--metric=mig,sap] [--null=20]

Codes are the five factors, standardised and rotated into ten latents, with noise of 0.3 (seed 0): a metric finds something in
them, and no code is dead. Metrics have their default parameters; costly ones (metrics.is_costly), which have 5 matchings, are
scored where they are named. Where other work runs at the same time, cpu_seconds are what it took and seconds are too many.
Writes results/null_cost.json, after every metric; the metrics that are not named keep the entries of earlier runs. "total" is of
all metrics that are not costly.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import datasets, metrics
from dlib_bvae.metrics.engine.null import has_null

OUTPUT = Path(__file__).parent / "results" / "null_cost.json"
LATENTS, NOISE, NULL, NULL_OF_COSTLY = 10, 0.3, 20, 5


def rotated(data: datasets.GroundTruthData) -> np.ndarray:
    """Codes float32 (images, 10)."""
    rng = np.random.default_rng(0)
    factors = data.factors_at(np.arange(data.num_images)).astype(np.float64)
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    rotation = np.linalg.qr(rng.normal(size=(LATENTS, LATENTS)))[0][: factors.shape[1]]
    return (factors @ rotation + NOISE * rng.normal(size=(data.num_images, LATENTS))).astype(np.float32)


def timed(name: str, data: Any, codes: np.ndarray, null: int) -> tuple[float, float]:
    """Seconds, and seconds of processors, of a score with `null` matchings."""
    began, cpu = time.perf_counter(), time.process_time()
    metrics.score(name, data, codes, 0, null=null)
    return round(time.perf_counter() - began, 2), round(time.process_time() - cpu, 2)


def total(record: dict[str, Any]) -> dict[str, float]:
    """The sums over the metrics that are not costly."""
    rows = [each for name, each in record.items() if not each["costly"]]
    return (
        {key: round(sum(each[key] for each in rows), 1) for key in rows[0] if key.endswith("seconds")} if rows else {}
    )


def main() -> None:
    """Prints and writes the table."""
    cheap = [each for each in metrics.names() if has_null(metrics.scores_of(each)) and not metrics.is_costly(each)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default=",".join(cheap))
    parser.add_argument("--null", type=int, default=NULL)
    flags = parser.parse_args()
    data = datasets.load("dsprites_rendered")
    codes = rotated(data)
    record = json.loads(OUTPUT.read_text(encoding="utf-8"))["metrics"] if OUTPUT.exists() else {}
    for name in flags.metric.split(","):
        metrics.score(name, data, codes, 0, **metrics.small_parameters(name, 200, 2))  # imports
        costly = metrics.is_costly(name)
        null = min(flags.null, NULL_OF_COSTLY) if costly else flags.null
        (alone, cpu_alone), (whole, cpu_whole) = (timed(name, data, codes, number) for number in (0, null))
        record[name] = {
            "null": null,
            "costly": costly,
            "cores": os.cpu_count(),
            "score_seconds": alone,
            "score_cpu_seconds": cpu_alone,
            "with_null_seconds": whole,
            "with_null_cpu_seconds": cpu_whole,
            "ratio": round(whole / max(alone, 0.01), 1),
        }
        print(name, record[name], flush=True)
        text = json.dumps({"metrics": record, "total": total(record)}, indent=1, sort_keys=True)
        OUTPUT.write_text(text + "\n", encoding="utf-8")
    print("total", total(record))


if __name__ == "__main__":
    main()
