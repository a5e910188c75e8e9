"""What codes that know nothing score by every metric: the column "noise" of the cards in docs/reference/metrics.

    python benchmarks/noise_scores.py [--metric=mig,sap] [--grid=dsprites,cars3d] [--codes=3]

Codes are 10 independent normal latents, as those of null_calibration.py; metrics have their defaults, and random_state k for
code k. Writes results/noise_scores.json, {grid: {metric: {score: [mean, standard deviation]}}}, or why a metric refuses. What
stands there is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from null_calibration import GRIDS, LATENTS, Grid

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.score_info import said_by

OUTPUT = Path(__file__).parent / "results" / "noise_scores.json"


def main() -> None:
    """Scores what is lacking and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default=",".join(metrics.names()))
    parser.add_argument("--grid", default="dsprites,shapes3d,cars3d")
    parser.add_argument("--codes", type=int, default=3)
    flags = parser.parse_args()
    record: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    for name in flags.metric.split(","):
        for grid in flags.grid.split(","):
            if name not in (of_grid := record.setdefault(grid, {})):
                of_grid[name] = scored(grid, name, flags.codes)
                OUTPUT.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
                print(grid, name, of_grid[name], flush=True)


def scored(grid: str, name: str, number: int) -> dict[str, Any] | str:
    """{score to look at first: [mean, standard deviation]} of `number` codes, or why the metric refuses."""
    sizes, images_per_cell = GRIDS[grid]
    shown = said_by(METRICS, name, "ABOUT", {})[name].scores
    results = []
    for seed in range(number):
        codes = np.random.default_rng([list(GRIDS).index(grid), seed]).normal(
            size=(math.prod(sizes) * images_per_cell, LATENTS)
        )
        try:
            results.append(metrics.score(name, Grid(sizes, images_per_cell), codes.astype(np.float32), seed))
        except UserError as refusal:
            return str(refusal)
    found = {}
    for score in shown:
        values = [result[score] for result in results if isinstance(result.get(score), (int, float))]
        if values:
            found[score] = [round(float(np.mean(values)), 4), round(float(np.std(values, ddof=1)), 4)]
    return found


if __name__ == "__main__":
    main()
