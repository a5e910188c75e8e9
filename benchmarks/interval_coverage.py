"""How often the board's intervals hold the mean, and how often its ranks call equal configurations different.

    python benchmarks/interval_coverage.py

Scores are simulated: normal; exponential (skewed as scores near the end of their scale are, and more); and the best of a
Beta(8, 1) near 1. Of ranks the error is that of a whole board: some rank is above 1 though all configurations are equally good,
with one variance, with variances that differ by a factor of 16, and with half of the configurations at the end of the scale,
where they do not vary. Writes results/interval_coverage.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlib_bvae.analysis.intervals import mean_intervals
from dlib_bvae.analysis.ranks import Spread, ranges

SEEDS = (2, 3, 5, 9, 10, 20)
TRIALS, BLOCK, REPS = 4_000, 200, 2_000
BOARDS, CONFIGURATIONS, PER_CONFIGURATION = 4_000, 8, 5
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SHAPES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "exponential": (lambda rng, size: rng.exponential(size=size), 1.0),
    "beta(8, 1)": (lambda rng, size: rng.beta(8, 1, size=size), 8 / 9),
}
DEVIATIONS = {
    "equal": np.ones(CONFIGURATIONS),
    "from 0.5 to 2": np.linspace(0.5, 2, CONFIGURATIONS),
    "half 0": np.repeat([0.0, 1.0], CONFIGURATIONS // 2),
}


def coverage(draw: Draw, mean: float, n: int) -> float:
    """The share of TRIALS in which the interval of n values holds their mean."""
    rng = np.random.default_rng([1, n])
    held = 0
    for block in range(TRIALS // BLOCK):
        found, _ = mean_intervals(draw(rng, (BLOCK, n)), seed=block, reps=REPS)
        held += int(((found[:, 0] <= mean) & (mean <= found[:, 1])).sum())
    return round(held / TRIALS, 3)


def wrong_boards(deviations: np.ndarray) -> float:
    """The share of BOARDS of equally good configurations on which some configuration is called worse than another."""
    values = np.random.default_rng(2).normal(size=(BOARDS, CONFIGURATIONS, PER_CONFIGURATION)) * deviations[:, None]
    freedom = CONFIGURATIONS * (PER_CONFIGURATION - 1)
    seeds, wrong = np.full(CONFIGURATIONS, PER_CONFIGURATION), 0
    for board in values:
        spread = Spread(float(np.sqrt(board.var(axis=1, ddof=1).mean())), freedom)
        low, _, _ = ranges(board.mean(axis=1), seeds, spread, higher_is_better=True)
        wrong += int((low > 1).any())
    return round(wrong / BOARDS, 3)


def main() -> None:
    from dlib_bvae.artifacts.record import write_atomic

    results = {
        "coverage": {name: {str(n): coverage(*shape, n) for n in SEEDS} for name, shape in SHAPES.items()},
        "wrong_boards": {name: wrong_boards(deviations) for name, deviations in DEVIATIONS.items()},
        "trials": TRIALS,
        "configurations": CONFIGURATIONS,
        "seeds_of_a_configuration": PER_CONFIGURATION,
    }
    text = json.dumps(results, indent=1)
    print(text)
    write_atomic(Path(__file__).parent / "results" / "interval_coverage.json", text + "\n")


if __name__ == "__main__":
    main()
