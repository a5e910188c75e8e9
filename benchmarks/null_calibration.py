"""Whether the null of every score is right: codes that are pure noise must not be above it.

    python benchmarks/null_calibration.py [--metric=mig,sap] [--grid=dsprites,cars3d] [--codes=20] [--null=20]

Codes are 10 independent normal latents; code k of a grid has the seed (grid, k), metrics have random_state k, all fixed here. The
grids have the factors of dSprites, Shapes3D, MPI3D-toy, Cars3D and SmallNORB. What is asked of it:

- over the codes, the mean of `adjusted` differs from 0 for no score (t test; Holm at 1 % over scores × grids);
- over the codes of all grids, the share of p ≤ 0.05 of no score is above 1/21 (exact binomial test; Holm at 1 % over scores);
- a constant code is never above 0.

Costly metrics (metrics.is_costly) have 5 matchings, as by default, and so no p, and learn from 1,000 images, since their 10,000
would take days. Scores without a null, or without a value, are listed. Writes results/null_calibration.json; what stands there
is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.constructed import FactorGrid

OUTPUT = Path(__file__).parent / "results" / "null_calibration.json"
GRIDS = {  # factor sizes, images of each combination
    "dsprites": ((3, 6, 40, 32, 32), 1),
    "shapes3d": ((10, 10, 10, 8, 4, 15), 1),
    "mpi3d_toy": ((6, 6, 2, 3, 3, 40, 40), 1),
    "cars3d": ((4, 24, 183), 1),
    "smallnorb": ((5, 9, 18, 6), 10),
}
LATENTS, LEVEL = 10, 0.01
NULL_OF_COSTLY, IMAGES_OF_COSTLY = 5, {"num_train": 1_000, "num_test": 1_000}
CONSTANT = "constant"
_EQUAL = 1e-9

Record = dict[str, Any]  # {grid: {metric: {code: {score: {"adjusted", "p"}, or {"missing": why}}}}}


class Grid(FactorGrid):
    """A grid with several images of each combination of factors, which are neighbours and look alike."""

    def __init__(self, sizes: Sequence[int], images_per_cell: int):
        super().__init__(*sizes)
        self.images_per_cell = images_per_cell

    def observations_at(self, indices: np.ndarray) -> np.ndarray:
        """Indices of images (n,) → observations (n, 1, factors, 1)."""
        factors = np.stack(np.unravel_index(indices // self.images_per_cell, self.factors_num_values), axis=1)
        return self.sample_observations_from_factors(factors, None)


def main() -> None:
    """Scores what is lacking, prints and writes what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", default=",".join(metrics.names()))
    parser.add_argument("--grid", default=",".join(GRIDS))
    parser.add_argument("--codes", type=int, default=20)
    parser.add_argument("--null", type=int, default=20)
    flags = parser.parse_args()
    record: Record = json.loads(OUTPUT.read_text(encoding="utf-8"))["scores"] if OUTPUT.exists() else {}
    for grid in flags.grid.split(","):
        for name in flags.metric.split(","):
            cells = record.setdefault(grid, {}).setdefault(name, {})
            for code in map(str, [*range(flags.codes), CONSTANT]):
                if code not in cells:
                    cells[code] = scored(grid, name, code, flags.null)
            print(grid, name, flush=True)
            text = json.dumps({"found": found(record), "scores": record}, sort_keys=True)
            OUTPUT.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(found(record), indent=1))


def scored(grid: str, name: str, code: str, null: int) -> dict[str, Any]:
    """{score: {"adjusted", "p"}, or why it has none} of one code."""
    sizes, images_per_cell = GRIDS[grid]
    data = Grid(sizes, images_per_cell)
    shape = (math.prod(sizes) * images_per_cell, LATENTS)
    if code == CONSTANT:
        codes, seed = np.zeros(shape, np.float32), 0
    else:
        seed = int(code)
        codes = np.random.default_rng([list(GRIDS).index(grid), seed]).normal(size=shape).astype(np.float32)
    costly = metrics.is_costly(name)
    try:
        result = metrics.score(
            name,
            data,
            codes,
            seed,
            null=min(null, NULL_OF_COSTLY) if costly else null,
            **(IMAGES_OF_COSTLY if costly else {}),
        )
    except UserError as refusal:
        return {"": {"missing": str(refusal).splitlines()[0]}}  # gin adds lines to an error
    if "null" not in result:
        return {"": {"missing": "no score has a null"}}
    return {score: said(each) for score, each in result["null"].items()}


def said(each: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the null of a score."""
    if each["adjusted"] is None:
        return {"missing": each["missing"]["adjusted"]}
    return {"adjusted": round(each["adjusted"], 6), "p": each["p"] and round(each["p"], 6)}


def found(record: Record) -> dict[str, Any]:
    """What the hypotheses come to; scores that fail are listed with their p."""
    adjusted, ps, above, left_out = {}, dict[str, list[float]](), [], set()
    for grid, name, score, cells in _by_score(record):
        values = [each for code, each in cells.items() if code != CONSTANT and "missing" not in each]
        left_out |= {(name, score, each["missing"]) for code, each in cells.items() if "missing" in each}
        if len(values) > 1:
            adjusted[f"{grid} {name} {score}"] = p_of_zero([each["adjusted"] for each in values])
        ps.setdefault(f"{name} {score}", []).extend(each["p"] for each in values if each["p"] is not None)
        if cells.get(CONSTANT, {}).get("adjusted", 0) > _EQUAL:
            above.append(f"{grid} {name} {score}")
    few = {score: p_of_share(values) for score, values in ps.items() if values}
    shares = {score: float(np.mean(np.array(values) <= 0.05)) for score, values in ps.items() if values}
    return {
        "means_that_are_not_zero": holm(adjusted, LEVEL),
        "shares_above_one_in_21": holm(few, LEVEL),
        "constant_codes_above_zero": above,
        "number_of_means": len(adjusted),
        "least_p_of_a_mean": min(adjusted.items(), key=lambda item: item[1], default=None),
        "largest_share": max(shares.items(), key=lambda item: item[1], default=None),
        "left_out": sorted(map(list, left_out)),
    }


def _by_score(record: Record) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(grid, metric, score, {code: what is kept of it})."""
    for grid, of_grid in record.items():
        for name, codes in of_grid.items():
            for score in sorted({score for each in codes.values() for score in each}):
                yield grid, name, score, {code: each[score] for code, each in codes.items() if score in each}


def p_of_zero(values: Sequence[float]) -> float:
    """p, two-sided, that the mean of the values is 0, by Student's t."""
    if np.ptp(values) < _EQUAL:
        return 1.0 if abs(values[0]) < _EQUAL else 0.0
    return float(stats.ttest_1samp(values, 0).pvalue)


def p_of_share(ps: Sequence[float]) -> float:
    """p, one-sided, that no more than 1/21 of the p values are at most 0.05; exact."""
    return float(stats.binomtest(sum(p <= 0.05 for p in ps), len(ps), 1 / 21, alternative="greater").pvalue)


def holm(ps: Mapping[str, float], level: float) -> dict[str, float]:
    """Those of {hypothesis: p} that Holm's procedure rejects."""
    rejected = {}
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        if p > level / (len(ps) - rank):
            break
        rejected[name] = p
    return rejected


if __name__ == "__main__":
    main()
