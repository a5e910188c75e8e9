"""What mpi3d_toy_rendered costs: drawing a pose (12 objects, once), and looking up batches of 64 random images.

    python benchmarks/mpi3d_toy_cost.py

The cache is drawn first if it is not there. Writes results/mpi3d_toy_cost.json; drawing images singly is timed in the
same run, as the alternative without a cache.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlib_bvae.datasets.rendered.mpi3d_toy import MPI3DToyRendered

BATCH = 64


def seconds(call: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    """The median processor time of a call over batches, which other programs on the machine disturb least."""
    times = []
    for batch in batches:
        began = time.process_time()
        call(batch)
        times.append(time.process_time() - began)
    return float(np.median(times))


def main() -> None:
    """Prints and writes the figures."""
    data = MPI3DToyRendered()
    rng = np.random.default_rng(0)
    batches = [rng.integers(data.num_images, size=BATCH) for _ in range(110)]
    began = time.perf_counter()
    data.images_at(batches[0])
    opened = time.perf_counter() - began
    cached = seconds(data.images_at, batches[10:])
    singly = seconds(lambda batch: data.draw(data.factors_at(batch)), batches[:3])
    record = {
        "seconds_to_draw_or_open_the_grid": round(opened, 2),
        "cache_mebibytes": round(data.cache_path.stat().st_size / 2**20, 1),
        "processor_milliseconds_a_batch_of_64": round(cached * 1e3, 2),
        "processor_milliseconds_a_batch_of_64_without_the_cache": round(singly * 1e3, 1),
        "ratio": round(singly / cached, 1),
        "fingerprint": data.fingerprint,
    }
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "mpi3d_toy_cost.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
