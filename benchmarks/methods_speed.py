"""Training throughput of every method relative to the plain β-VAE: same network, batch 64, 64×64×1 images, float32.

    python benchmarks/methods_speed.py --seconds=3 --rounds=5

One process holds all trainers. Every measurement of a method lies between two of the β-VAE, and its ratio is to their mean;
rounds alternate and the medians of the ratios are kept. Writes results/methods_speed.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from dlib_bvae import runtime

BATCH, PLAIN = 64, "vae"
# The smallest share of the β-VAE's images/s that a method should keep.
TARGETS = {"factor_vae": 0.35, "beta_tc_vae": 0.85, "dip_vae": 0.9}


def make_data() -> Any:
    """Bars four times as large, 512 images of 64×64 in factors, bit-packed as dSprites is; pixels do not change the speed."""
    import numpy as np

    from dlib_bvae.datasets.dummy import DummyData

    class Bars(DummyData):
        observation_shape = (64, 64, 1)

        def images_at(self, indices: Any) -> np.ndarray:
            return super().images_at(indices).repeat(4, axis=1).repeat(4, axis=2)

        def packed(self) -> np.ndarray:
            return np.packbits(self.images_at(np.arange(self.num_images)).reshape(self.num_images, -1), axis=1)

    return Bars()


def make_trainer(name: str, data: Any) -> Any:
    """The trainer of the method `name` with its own defaults, on the network that it asks for, with the same layers."""
    from dlib_bvae.models import MODELS
    from dlib_bvae.models.objectives import OBJECTIVES
    from dlib_bvae.training.feed import MemoryFeed
    from dlib_bvae.training.optimizers import adam
    from dlib_bvae.training.plan import Plan
    from dlib_bvae.training.settings import TrainingSettings
    from dlib_bvae.training.trainer import Trainer

    objective = OBJECTIVES.get(name)()
    networks = (MODELS.get(network) for network in MODELS.names())
    make = next(network for network in networks if getattr(network, "latents", None) in objective.latents)
    options = {"dim": 2} if make.latents == "vector_quantized" else {}  # 10 numbers as five vectors
    network = make(data.observation_shape, 0, **options)
    objective.build(network.num_latent, data, 0)
    feed = MemoryFeed(data, Plan(data, BATCH, 0, objective.wants))
    settings = TrainingSettings(model=objective, training_steps=10**9)
    return Trainer(network, adam(network.trainable_variables), feed, settings)


class Method:
    """A trainer, and how many steps of it fill `seconds`."""

    def __init__(self, trainer: Any, seconds: float):
        self.trainer, self.steps = trainer, 3
        self.rate()
        self.steps = max(3, round(self.rate() * seconds / BATCH))

    def rate(self) -> float:
        """Images/s over `steps` steps."""
        import tensorflow as tf

        began = time.perf_counter()
        self.trainer.run(tf.constant(self.steps, tf.int64))
        return self.steps * BATCH / (time.perf_counter() - began)


def measure(methods: dict[str, Method], rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Ratios and images/s by method, one number a round."""
    others = [name for name in methods if name != PLAIN]
    ratios: dict[str, list[float]] = {name: [] for name in others}
    rates: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        before = methods[PLAIN].rate()
        for name in others:
            rates[name].append(methods[name].rate())
            after = methods[PLAIN].rate()
            ratios[name].append(rates[name][-1] / statistics.mean((before, after)))
            rates[PLAIN].append(after)
            before = after
    return ratios, rates


def main() -> None:
    """Measures, prints a line a method, and says which miss their targets."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--seconds", type=float, default=3, help="of each measurement")
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "methods_speed.json")
    arguments = flags.parse_args()
    runtime.load_tensorflow()  # as the command does
    logging.getLogger("tensorflow").setLevel("ERROR")  # many trainers in one process look like retracing to it
    from dlib_bvae.models.objectives import OBJECTIVES

    data = make_data()
    methods = {name: Method(make_trainer(name, data), arguments.seconds) for name in OBJECTIVES.names()}
    ratios, rates = measure(methods, arguments.rounds)
    rows = []
    for name in sorted(ratios, key=lambda name: -statistics.median(ratios[name])):
        row = {
            "method": name,
            "ratio_to_beta_vae": round(statistics.median(ratios[name]), 3),
            "target": TARGETS.get(name),
        }
        rows.append(row | {"images_per_second": round(statistics.median(rates[name]))})
        print(rows[-1])
    for row in rows:
        if row["target"] is not None and row["ratio_to_beta_vae"] < row["target"]:
            print(f"{row['method']} misses its target: {row['ratio_to_beta_vae']} of {row['target']}")
    record = {"command": " ".join(sys.argv), "rows": rows, "ratios": ratios, "images_per_second": rates}
    arguments.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
