"""The cells that identifiability-guard publishes, scored by our metrics: `python benchmarks/identifiability_guard.py RUNS`.

RUNS: experiments/runs of github.com/shrutij01/identifiability-guard ("Who guards the guardians?", UAI 2026), whose results.npz
have the means over five seeds and their 95 % intervals; d = 5 Gaussian factors and n = 1,000 images. Factors and codes are drawn
here from what its documentation says of them, by other random numbers. As there, a fifth of the images is scored (MCC, DCI, MIG,
InfoM, T-MEX) and R² is fitted to the others. A score is within the spread where both means differ by no more than 95 % of such
differences, by the larger standard deviation over seeds of both, plus 0.005. --trees: of dci, 100 as there by default. --code:
its folder src, whose metrics are then timed on the images of TIMED, with 100 trees. Writes results/identifiability_guard.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

from dlib_bvae import metrics  # noqa: E402

RESULT = Path(__file__).parent / "results" / "identifiability_guard.json"
IMAGES, FACTORS, SEEDS, TRAIN = 1_000, 5, 5, 800
SCORES = ("mcc_pearson", "mcc_spearman", "r2", "mig", "infom", "tmex", "dci_disentanglement")
T_FIVE, T_TEN = 2.776, 2.306  # Student's t, 97.5 %, of 4 and of 8 degrees of freedom
SLACK = 0.005
TIMED = ("D1 E1", "D1 E8", "D1 E9")

Draw = Callable[[np.random.Generator], np.ndarray]
Encode = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Cell(NamedTuple):
    """experiment, key, place: where its numbers stand. factors, encode: how images are drawn."""

    experiment: str
    key: str
    place: int | None
    factors: Draw
    encode: Encode


def normal(rng: np.random.Generator) -> np.ndarray:
    """D1: independent."""
    return rng.normal(size=(IMAGES, FACTORS))


def equicorrelated(rho: float) -> Draw:
    """D2: any two correlate by rho."""
    covariance = np.full((FACTORS, FACTORS), rho) + (1 - rho) * np.eye(FACTORS)
    return lambda rng: normal(rng) @ np.linalg.cholesky(covariance).T


def function_of_one(rng: np.random.Generator) -> np.ndarray:
    """D3: the second is a function of the first."""
    found = normal(rng)
    found[:, 1] = np.tanh(2 * found[:, 0] ** 3 - 0.1)
    return found


def function_of_two(rng: np.random.Generator) -> np.ndarray:
    """D4: the third is the product of the first and the second."""
    found = normal(rng)
    found[:, 2] = found[:, 0] * found[:, 1]
    return found


def scaled(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """E1: permuted, scaled by ±0.5 … 2."""
    return factors[:, rng.permutation(FACTORS)] * rng.uniform(0.5, 2, FACTORS) * rng.choice([-1, 1], FACTORS)


def bent(share: float) -> Encode:
    """E2: a mixture of each scaled factor and a monotone function of it, another for each code."""

    def encode(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        permuted = factors[:, rng.permutation(FACTORS)]
        bends = np.column_stack([bend(column) for bend, column in zip(FUNCTIONS[:FACTORS], permuted.T, strict=True)])
        return (1 - share) * rng.uniform(0.5, 2, FACTORS) * permuted + share * bends

    return encode


def mixed(latents: int) -> Encode:
    """E3, E7: a linear map of singular values 1 … 0.1 in random directions."""

    def encode(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        left = np.linalg.qr(rng.normal(size=(latents, latents)))[0][:, :FACTORS]
        right = np.linalg.qr(rng.normal(size=(FACTORS, FACTORS)))[0]
        return factors @ (left * np.linspace(1, 0.1, FACTORS) @ right.T).T

    return encode


def _sources(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.append(np.arange(FACTORS), rng.integers(FACTORS)))


def one_twice(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """E5: six codes, each a scaled factor."""
    return factors[:, _sources(rng)] * rng.uniform(0.5, 2, FACTORS + 1) * rng.choice([-1, 1], FACTORS + 1)


def one_twice_bent(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """E6: six codes, each another monotone function of a factor."""
    return np.column_stack([bend(factors[:, k]) for bend, k in zip(FUNCTIONS, _sources(rng), strict=True)])


def sine_cosine(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """E8: sine and cosine of each factor."""
    permuted = factors[:, rng.permutation(FACTORS)]
    return np.hstack([np.sin(permuted), np.cos(permuted)])


FUNCTIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda x: np.tanh(2 * x**3 - 0.1),
    lambda x: np.sinh(2 * x**3 + 0.1),
    lambda x: np.sign(x) * np.sqrt(abs(x)),
    lambda x: x**3,
    lambda x: x**5,
    np.exp,
)
GAUSSIAN: Encode = lambda factors, rng: rng.normal(size=factors.shape)
UNIFORM: Encode = lambda factors, rng: rng.uniform(-1, 1, factors.shape)
HALF = equicorrelated(0.5)
STRENGTHS, RHOS, NUMBERS = {0.1: 7, 0.3: 9, 1.0: 12}, {0.0: 10, 0.5: 15, 0.9: 19}, 4
CELLS = {
    **{
        f"D{k + 1} E1": Cell("exp01", "", k, d, scaled)
        for k, d in enumerate([normal, HALF, function_of_one, function_of_two])
    },
    **{f"D1 E2 {s}": Cell("exp02", "tanh__", k, normal, bent(s)) for s, k in STRENGTHS.items()},
    **{f"D2({r}) E1": Cell("exp03_d5", "E1__", k, equicorrelated(r), scaled) for r, k in RHOS.items()},
    **{f"D2({r}) E3": Cell("exp03_d5", "E3__", k, equicorrelated(r), mixed(FACTORS)) for r, k in RHOS.items()},
    "D1 E5": Cell("exp08", "scores__D1__E5__", None, normal, one_twice),
    "D1 E6": Cell("exp08", "scores__D1__E6__", None, normal, one_twice_bent),
    "D1 E8": Cell("exp08", "scores__D1__E8__", None, normal, sine_cosine),
    "D2 E8": Cell("exp08", "scores__D2__E8__", None, HALF, sine_cosine),
    "D1 E7": Cell("exp09", "scores__D1__E7__", None, normal, mixed(2 * FACTORS)),
    "D3 E3": Cell("exp10", "D3×E3__", NUMBERS, function_of_one, mixed(FACTORS)),
    "D4 E3": Cell("exp10", "D4×E3__", NUMBERS, function_of_two, mixed(FACTORS)),
    "D1 E9": Cell("exp11", "D1×E9__", NUMBERS, normal, GAUSSIAN),
    "D2 E9": Cell("exp11", "D2×E9__", NUMBERS, HALF, GAUSSIAN),
    "D1 E10": Cell("exp11", "D1×E10__", NUMBERS, normal, UNIFORM),
}


def published(runs: Path, cell: Cell) -> dict[str, tuple[float, float | None]]:
    """{score: mean and standard deviation over seeds, None where no interval is published}."""
    found = {}
    with np.load(runs / cell.experiment / "results.npz", allow_pickle=False) as arrays:
        for score in SCORES:
            if cell.place is None:
                found[score] = (float(arrays[f"{cell.key}{score}"]), None)
                continue
            mean, low, high = (
                float(arrays[f"{cell.key}{what}__{score}"][cell.place]) for what in ("means", "ci_lo", "ci_hi")
            )
            spread = (high - low) / 2 / T_FIVE * np.sqrt(SEEDS)
            found[score] = (mean, float(spread) if np.isfinite(spread) else None)
    return found


def drawn(cell: Cell, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors and codes of all images, those that are scored last. Codes have variance 1: those of E2 reach 1e55, too many."""
    rng = np.random.default_rng([seed, 7])
    factors = cell.factors(rng)
    codes = cell.encode(factors, rng)
    return factors, codes / codes.std(axis=0)


def bins(factors: np.ndarray) -> np.ndarray:
    """Factors in 20 bins of equal width, as identifiability-guard counts them."""
    edges = [np.linspace(column.min(), column.max(), 21)[1:-1] for column in factors.T]
    return np.column_stack([np.digitize(column, each) for column, each in zip(factors.T, edges, strict=True)])


def ours(factors: np.ndarray, codes: np.ndarray, seed: int, trees: int) -> tuple[dict[str, float], dict[str, float]]:
    """The scores of SCORES, and {metric: processor seconds}."""
    seconds: dict[str, float] = {}
    test = slice(TRAIN, IMAGES)
    with_more = slice(TRAIN - 40, IMAGES)  # infomec needs images to test its classifiers on

    def score(key: str, name: str, rows: slice, counted: bool, **parameters: Any) -> dict[str, Any]:
        given = bins(factors[rows]) if counted else factors[rows]
        kinds = ["ordinal" if counted else "continuous"] * FACTORS
        start = time.process_time()
        found = metrics.score(
            name, factors=given, codes=codes[rows], factor_kinds=kinds, random_state=seed, **parameters
        )
        seconds[key] = time.process_time() - start
        return found

    everything = slice(0, IMAGES)
    dependent = np.array(score("tmex", "t_mex", test, False, num_train=200)["dependent"])
    linear = score("r2", "linear_identifiability", everything, False, num_train=TRAIN, num_test=IMAGES - TRAIN)
    scores = {
        "mcc_pearson": score("mcc_pearson", "mcc", test, False, num_train=200)["matched"],
        "mcc_spearman": score("mcc_spearman", "mcc", test, False, num_train=200, correlation="spearman")["matched"],
        "r2": float(np.maximum(list(linear["r2_per_factor"].values()), 0).mean()),  # which it counts as 0 below 0
        "mig": score("mig", "mig", test, True, num_train=200)["discrete_mig"],
        "infom": score("infomec", "infomec", with_more, True, num_train=200, num_test=40)["infom"],
        "tmex": float(dependent[linear_sum_assignment(-dependent)].sum() / min(dependent.shape)),
        "dci_disentanglement": score("dci", "dci", test, False, num_train=160, num_test=40, n_estimators=trees)[
            "disentanglement"
        ],
    }
    return scores, seconds


def theirs(source: Path) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """factors, codes → {metric: processor seconds} of the metrics in the folder `source`."""
    sys.path.insert(0, str(source))
    from identifiability_guard.metrics import MetricRegistry  # type: ignore[import-not-found]

    registry = MetricRegistry()
    registry.register_defaults()
    warnings.simplefilter("ignore")
    names = {
        **{name: [name] for name in ("mcc_pearson", "mcc_spearman", "r2", "mig", "tmex", "dci")},
        "infomec": ["infom", "infoe", "infoc"],
    }

    def seconds_of(factors: np.ndarray, codes: np.ndarray) -> dict[str, float]:
        parts = factors[:TRAIN], codes[:TRAIN], factors[TRAIN:], codes[TRAIN:]
        seconds = {}
        for key, each in names.items():
            start = time.process_time()
            registry.compute_all_oos(*parts, metric_names=each)
            seconds[key] = time.process_time() - start
        return seconds

    return seconds_of


def timed(time_of: Callable[[np.ndarray, np.ndarray], dict[str, float]]) -> dict[str, dict[str, float]]:
    """{metric, or all: processor seconds of theirs and ours, and their ratio}; medians over the cells TIMED."""
    pairs = []
    for name in TIMED:
        factors, codes = drawn(CELLS[name], 0)
        ours(factors, codes, 0, 2)  # what is imported and compiled once does not count
        pairs.append((time_of(factors, codes), ours(factors, codes, 0, 100)[1]))
    table = {}
    for key in pairs[0][1]:
        table[key] = [float(np.median([pair[k][key] for pair in pairs])) for k in range(2)]
    table["all"] = [sum(each[k] for each in table.values()) for k in range(2)]
    return {
        key: {"theirs": round(a, 4), "ours": round(b, 4), "ratio": round(a / b, 2)} for key, (a, b) in table.items()
    }


def compared(mean: float, spread: float, other: float, other_spread: float | None) -> bool:
    """Whether two means of SEEDS values differ by no more than chance gives."""
    largest = max(spread, other_spread or 0.0)
    return abs(mean - other) <= T_TEN * largest * np.sqrt(2 / SEEDS) + SLACK


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("runs", type=Path, metavar="RUNS", help="its experiments/runs")
    flags.add_argument("--code", type=Path, help="its src, to time it")
    flags.add_argument("--trees", type=int, default=100, help="boosted trees of dci (default: 100)")
    given = flags.parse_args()
    table: dict[str, Any] = {}
    for name, cell in CELLS.items():
        values: dict[str, list[float]] = {score: [] for score in SCORES}
        for seed in range(SEEDS):
            factors, codes = drawn(cell, seed)
            for score, value in ours(factors, codes, seed, given.trees)[0].items():
                values[score].append(value)
        row = table[f"{cell.experiment} {name}"] = {}
        for score, (mean, spread) in published(given.runs, cell).items():
            of_ours = float(np.mean(values[score])), float(np.std(values[score], ddof=1))
            row[score] = {
                "published": round(mean, 4),
                "ours": round(of_ours[0], 4),
                "std": round(of_ours[1], 4),
                "within": bool(compared(*of_ours, mean, spread)),
            }
        print(
            name, {score: (each["published"], each["ours"], each["within"]) for score, each in row.items()}, flush=True
        )
    within = {score: f"{sum(row[score]['within'] for row in table.values())} of {len(table)}" for score in SCORES}
    record: dict[str, Any] = {"trees": given.trees, "cells": table, "within": within}
    if given.code:
        record["cpu_seconds"] = timed(theirs(given.code.resolve()))
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: record[key] for key in record if key != "cells"}, indent=1))


if __name__ == "__main__":
    main()
