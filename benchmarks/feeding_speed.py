"""Training throughput with images streamed from where they lie, against the same images held in memory.

    python benchmarks/feeding_speed.py --seconds=15 --rounds=3

The conv β-VAE, batch 64, through the real loop. "memory map": 64×64×3 images of random pixels in a .npy file, streamed or held;
"drawn": dsprites, shapes3d and mpi3d_toy as drawn here, drawn while training goes on, against the memory map held in memory
(dsprites: against itself). Rounds alternate, each measurement is a process of its own; ratios are of medians.
Writes results/feeding_speed.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = 65_536
CASES = {  # name → (data set, MiB that may be held)
    "memory map, held": ("memory map", 1 << 20),
    "memory map, streamed": ("memory map", 0),
    "dsprites, held": ("dsprites_rendered", 1 << 20),
    "dsprites, streamed": ("dsprites_rendered", 0),
    "shapes3d, drawn": ("shapes3d_rendered", 0),
    "mpi3d_toy, drawn": ("mpi3d_toy_rendered", 0),
}
AGAINST = {
    "memory map, streamed": "memory map, held",
    "dsprites, streamed": "dsprites, held",
    "shapes3d, drawn": "memory map, held",
    "mpi3d_toy, drawn": "memory map, held",
}


def random_images(path: Path) -> Any:
    """A data set of random pixels in a memory-mapped file."""
    from dlib_bvae.datasets import ImageData

    if not path.exists():
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (IMAGES, 64, 64, 3))
        rng = np.random.default_rng(0)
        for start in range(0, IMAGES, 4096):
            images[start : start + 4096] = rng.integers(256, size=(4096, 64, 64, 3), dtype=np.uint8)

    class RandomImages(ImageData):
        name, fingerprint, observation_shape, num_images = "random", "0", (64, 64, 3), IMAGES
        _images = np.load(path, mmap_mode="r")

        def images_at(self, indices: Any) -> np.ndarray:
            return self._images[indices]

    return RandomImages()


def measure(case: str, folder: Path, seconds: float) -> float:
    """Images/s of many steps inside the graph, after the first."""
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train as stage

    name, max_mib = CASES[case]
    data = random_images(folder / "random.npy") if name == "memory map" else datasets.load(name)
    bindings = ["model.batch_size = 64", f"feed.max_mib = {max_mib}", "model.training_steps = 1000000"]
    with configuration(["gin/beta4_dsprites.gin"], bindings, stage.REGISTRIES):
        trainer, _ = stage.build(data, stage.TrainingSettings())
        trainer.feed.start(0, trainer.total)
        trainer.run(tf.constant(5, tf.int64))
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            trainer.run(tf.constant(10, tf.int64))
            steps += 10
        return steps * 64 / (time.perf_counter() - began)


def worker(case: str, folder: Path, seconds: float) -> float:
    """Runs one measurement in a process of its own."""
    command = [sys.executable, __file__, "--worker", case, str(folder), f"--seconds={seconds}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Alternates the cases and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", nargs=2)
    flags = parser.parse_args()
    if flags.worker:
        print(measure(flags.worker[0], Path(flags.worker[1]), flags.seconds))
        return
    samples: dict[str, list[float]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(flags.rounds):
            for case, rates in samples.items():
                rates.append(round(worker(case, Path(folder), flags.seconds), 1))
    medians = {case: statistics.median(rates) for case, rates in samples.items()}
    ratios = {case: round(medians[case] / medians[base], 3) for case, base in AGAINST.items()}
    record = {"ratios_to_memory": ratios, "images_per_second": medians, "samples": samples}
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "feeding_speed.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
