"""What the drawn RGB sets cost: opening the cache, and looking up batches of 64 random images; what those off the grid cost.

    python benchmarks/drawn_sets_cost.py

A cache is drawn first if it is not there. For MPI3D-toy, drawing images singly is timed in the same run, as the
alternative without a cache; of the continuous sets, the new images of a training step. Writes results/drawn_sets_cost.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets.drawn import DrawnImages
from dlib_bvae.datasets.images import drawn_sample
from dlib_bvae.datasets.rendered.dsprites_continuous import DSpritesContinuous
from dlib_bvae.datasets.rendered.mpi3d_toy import MPI3DToyRendered
from dlib_bvae.datasets.rendered.shapes3d import Shapes3DRendered
from dlib_bvae.datasets.rendered.shapes3d_continuous import Shapes3DContinuous

BATCH = 64


def seconds(call: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    """The median processor time of a call over batches, which other programs on the machine disturb least."""
    times = []
    for batch in batches:
        began = time.process_time()
        call(batch)
        times.append(time.process_time() - began)
    return float(np.median(times))


def cost(data: Any) -> dict[str, Any]:
    """The figures of one data set."""
    rng = np.random.default_rng(0)
    batches = [rng.integers(data.num_images, size=BATCH) for _ in range(310)]
    began = time.perf_counter()
    data.images_at(batches[0])
    opened = time.perf_counter() - began
    cached = seconds(data.images_at, batches[10:])
    record = {
        "seconds_to_draw_or_open_the_grid": round(opened, 2),
        "cache_mebibytes": round(data.cache_path.stat().st_size / 2**20, 1),
        "processor_milliseconds_a_batch_of_64": round(cached * 1e3, 2),
        "fingerprint": data.fingerprint,
    }
    if hasattr(data, "draw"):
        singly = seconds(lambda batch: data.render(data.factors_at(batch)), batches[:3])
        record["without_the_cache_times_as_long"] = round(singly / cached, 1)
    return record


def cost_of_new_images(data: DrawnImages) -> dict[str, Any]:
    """The figures of a data set that draws images for training: a batch of new ones."""
    batches = [drawn_sample(data, BATCH, seed) for seed in range(12)]
    new = seconds(data.images_at, batches[2:])
    return {"processor_milliseconds_a_batch_of_64_new_images": round(new * 1e3, 1), "fingerprint": data.fingerprint}


def main() -> None:
    """Prints and writes the figures."""
    record = {data.name: cost(data) for data in (Shapes3DRendered(), MPI3DToyRendered())}
    record |= {data.name: cost_of_new_images(data) for data in (DSpritesContinuous(), Shapes3DContinuous())}
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "drawn_sets_cost.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
