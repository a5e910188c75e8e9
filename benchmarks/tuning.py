"""The table of the values that tuning.gin tries of each method.

    dlib_bvae_study run --study=benchmarks/tuning.gin --results_dir=runs/tuning --workers=2
    python benchmarks/tuning.py runs/tuning

A row a method and its values: the mean over seeds of the validation loss (nats per image; of different kernels not comparable),
the squared error of reconstructions (per image), the number of active latents, the least and the largest variance of their
codes and the seconds of a training. A method's rows are in the order of the squared error, those with at least three active
latents first. Of capacities and controllers the KL ends near the same value, so that the squared error tells how much it holds.
The first row is taken, with three exceptions. A kernel that sees little pulls little, as a small strength does, and so
reconstructs best; of kernels that learn the one is taken whose codes have variances nearest to the prior's, 1. HFS sums over its
pairs, so their number is a strength too. There, and where rows differ by less than seeds do (JointVAE, and the clips), what
stood before stays. Two seeds have the rows that could be taken; the others, of one seed, were tried no further.
results/tuning_runs.tar.xz has the results of runs that are done (study_results.py unpacks it). Writes results/tuning.csv.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dlib_bvae.artifacts import read_results
from dlib_bvae.studies import study
from dlib_bvae.studies.evaluation import scored

STUDY = Path(__file__).with_name("tuning.gin")
OUTPUT = Path(__file__).parent / "results" / "tuning.csv"
LEAST_ACTIVE = 3
ACTIVE = 0.01  # the variance of an active latent, as active_units has it
SEED = "model.random_seed"


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    flags = parser.parse_args()
    runs = study.load([str(STUDY)]).runs
    rows = [row_of(run, values_of(run, runs), flags.store) for run in runs if run.is_complete(flags.store)]
    if not rows:
        raise SystemExit(f"no run of {STUDY.name} is done in {flags.store}")
    of = pd.DataFrame(rows).groupby(["method", "values"])
    table = of.mean().assign(seeds=of.size()).reset_index()
    enough = table["active"] >= LEAST_ACTIVE
    table = table.assign(enough=enough).sort_values(
        ["method", "enough", "squared_error"], ascending=[True, False, True]
    )
    table = table.drop(columns="enough").round(2)
    print(table.to_string(index=False))
    table.to_csv(OUTPUT, index=False)


def values_of(run: study.Run, runs: Sequence[study.Run]) -> str:
    """What the run binds that not all of its part do, but for the seed."""
    shared = set.intersection(*(set(each.gin_bindings) for each in runs if each.part == run.part))
    return ", ".join(text for text in run.gin_bindings if text not in shared and not text.startswith(SEED))


def row_of(run: study.Run, values: str, store: Path) -> dict[str, object]:
    """What a run came to."""
    train = read_results(run.directory(store) / "train", "train")
    found = {
        each.metric: read_results(folder, "evaluation")
        for each, folder in scored(run.directory(store), run.evaluations).items()
    }
    variances = [each for each in found["active_units"]["variances"] if each > ACTIVE]
    return {
        "method": run.part,
        "values": values,
        "loss": train["validation"]["last_loss"],
        "squared_error": found["reconstruction_error"]["squared_error"],
        "active": found["active_units"]["active_units"],
        "least_variance": min(variances, default=math.nan),
        "largest_variance": max(variances, default=math.nan),
        "seconds": train["elapsed_time"],
    }


if __name__ == "__main__":
    main()
