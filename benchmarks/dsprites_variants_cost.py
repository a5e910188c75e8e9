"""Milliseconds of a batch of 64 images of the dSprites variants, and their ratio to the plain images.

    python benchmarks/dsprites_variants_cost.py

Random indices; the median of 100 batches, the sets in turn within one run. scream stands on a random picture. Writes
results/dsprites_variants_cost.json.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.datasets.derived import dsprites_variants as variants

BATCH, BATCHES = 64, 100


def main() -> None:
    """Prints and writes the table."""
    plain = datasets.load("dsprites_rendered")
    picture = np.random.default_rng(0).integers(0, 256, (*variants.PICTURE_SIZE, 3), np.uint8)
    made = {
        "plain": plain,
        "color": variants.colored(plain),
        "noisy": variants.noisy(plain),
        "scream": variants.on_picture(plain, picture),
        "noshape": variants.WithoutFactor(plain, "shape"),
    }
    rng = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(BATCHES):
        for name, data in made.items():
            rows = rng.integers(data.num_images, size=BATCH)
            began = time.perf_counter()
            data.images_at(rows)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    record = {
        name: {"milliseconds": round(1000 * value, 2), "times_plain": round(value / medians["plain"], 1)}
        for name, value in medians.items()
    }
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "dsprites_variants_cost.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
