"""The table of the recipes that recipe.gin tries, by the loss on images that training never saw; the first row is the common one.

    dlib_bvae_study run --study=benchmarks/recipe.gin --results_dir=runs/recipe --workers=2
    python benchmarks/recipe.py runs/recipe

results/recipe_runs.tar.xz has the results of runs that are done (study_results.py unpacks it); with them the study goes on.

A row a part of the study, the best first: the validation loss at the end in nats per image, β = 4 included, the mean over seeds
and their range. Writes results/recipe.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from dlib_bvae.runs import Run
from dlib_bvae.studies import study

STUDY = Path(__file__).with_name("recipe.gin")
OUTPUT = Path(__file__).parent / "results" / "recipe.csv"


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    flags = parser.parse_args()
    found = []
    for run in study.load([str(STUDY)]).runs:
        directory = run.directory(flags.store)
        if (directory / "train" / "results").is_dir():
            results = Run(directory).results
            found.append({"recipe": run.part, "loss": results["validation"]["last_loss"]})
    losses = pd.DataFrame(found).groupby("recipe")["loss"]
    table = losses.agg(["mean", "min", "max", "count"]).sort_values("mean").round(2)
    print(table)
    table.to_csv(OUTPUT)


if __name__ == "__main__":
    main()
