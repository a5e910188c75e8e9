"""dci by trees from histograms, as the package grows them, against scikit-learn's GradientBoostingClassifier on the same images.

    python benchmarks/boosted_trees.py RUN [--seeds=3] [--stages=100]

RUN: a run on dsprites_rendered that has codes. For each seed both fit the same 10,000 images and are tested on the same 5,000;
what is told is how far each score moves from one way to the other, beside its standard deviation over the seeds. With 100 stages
a seed takes several minutes. Writes results/boosted_trees.json.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from dlib_bvae import datasets, metrics

OUTPUT = Path(__file__).parent / "results" / "boosted_trees.json"
SCORES = ("disentanglement", "completeness", "informativeness_train", "informativeness_test")


def exact(n_estimators: int, random_state: int) -> GradientBoostingClassifier:
    """In the place of the package's trees."""
    return GradientBoostingClassifier(n_estimators=n_estimators, random_state=random_state)


def main() -> None:
    """Prints and writes both ways' scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stages", type=int, default=100)
    flags = parser.parse_args()
    data, codes = datasets.load("dsprites_rendered"), np.load(flags.run / "mean" / "codes.npy", mmap_mode="r")
    score = functools.partial(metrics.score, "dci", data, codes, n_estimators=flags.stages)
    results: dict[str, list[dict]] = {"histograms": [], "exact": []}
    for seed in range(flags.seeds):
        results["histograms"].append(score(seed))
        with mock.patch("dlib_bvae.metrics.dci.boosted_trees", exact):
            results["exact"].append(score(seed))
        print(seed, {way: [round(runs[-1][name], 4) for name in SCORES] for way, runs in results.items()}, flush=True)
    record = {"stages": flags.stages, "seeds": flags.seeds, "scores": {}}
    for name in SCORES:
        ours, theirs = (np.array([each[name] for each in results[way]]) for way in ("histograms", "exact"))
        record["scores"][name] = {
            "histograms": ours.round(4).tolist(),
            "exact": theirs.round(4).tolist(),
            "largest_difference": round(float(np.abs(ours - theirs).max()), 4),
            "deviation_over_seeds": round(float(theirs.std(ddof=1)), 4),
        }
        print(name, record["scores"][name])
    ours, theirs = (np.array([each["importance"] for each in results[way]]) for way in ("histograms", "exact"))
    record["largest_difference_of_an_importance"] = round(float(np.abs(ours - theirs).max()), 4)
    record["largest_deviation_of_an_importance_over_seeds"] = round(float(theirs.std(axis=0, ddof=1).max()), 4)
    OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
