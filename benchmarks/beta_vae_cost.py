"""Seconds of the β-VAE metric on cached codes, and of the same points when every image is encoded for them.

    python benchmarks/beta_vae_cost.py runs/quickstart

10,000 + 5,000 points, L = 64. The reference suite encodes both images of every pair: 1.92 million images; that cost is
computed from the throughput of this run's encoder in batches of 64, measured here. Writes results/beta_vae_cost.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae import datasets, metrics
from dlib_bvae.representations.codes import read_codes

PAIRS = (10_000 + 5_000) * 64


def encoder_rate(run: Path, data: datasets.GroundTruthData, batches: int = 100) -> float:
    """Images/s of gathering and encoding random batches of 64."""
    model = tf.saved_model.load(str(run / "train" / "saved_model"))
    encode = model.signatures["encode"]
    rng = np.random.default_rng(0)

    def one() -> None:
        factors = data.sample_factors(64, rng)
        encode(observations=tf.constant(data.sample_observations_from_factors(factors)))["mean"].numpy()

    one()
    began = time.perf_counter()
    for _ in range(batches):
        one()
    return 64 * batches / (time.perf_counter() - began)


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    flags = parser.parse_args()
    results = json.loads((flags.run / "train/results/json/train_results.json").read_text(encoding="utf-8"))
    data = datasets.load(results["dataset"])
    codes = read_codes(flags.run / "mean")
    record: dict[str, object] = {}
    seconds = {}
    for name in metrics.CLASSIFIERS.names():
        began = time.perf_counter()
        score = metrics.score("beta_vae", data, codes, 0, classifier=name)["eval_accuracy"]
        seconds[name] = time.perf_counter() - began
        record[name] = {"seconds": round(seconds[name], 2), "eval_accuracy": score}
    rate = encoder_rate(flags.run, data)
    record["encoding_per_point"] = {
        "images": 2 * PAIRS,
        "images_per_second": round(rate),
        "seconds": round(2 * PAIRS / rate),
        "times_the_cached_metric_with_logistic_regression": round(2 * PAIRS / rate / seconds["logistic_regression"]),
    }
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "beta_vae_cost.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
