"""What encoding a grid is bound by: drawing its images or the encoder; batch size, threads, and bfloat16 with what it changes.

    python benchmarks/encoding_speed.py [--seconds=4] [--rounds=3]

A β-VAE with Burgess's network is trained for --steps steps of 64 on each drawn data set, then exported. Images a second of:
drawing the grid in order, encoding images that are in memory, and both, as the postprocessing stage does; medians over rounds.
bfloat16 is the same weights in a network of that precision; its change is that of the posterior means of 4,096 images, in
posterior standard deviations. Each number of threads is a process of its own. Writes results/encoding_speed.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rates import rate
from training_speed import instructions

OUTPUT = Path(__file__).parent / "results" / "encoding_speed.json"
DATA = ("dsprites_rendered", "shapes3d_rendered", "mpi3d_toy_rendered")
BATCHES = (64, 256, 1024, 4096)
COMPARED = 4096


def measure(name: str, flags: argparse.Namespace) -> dict[str, float]:
    """One data set, in this process."""
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.models.saved_model import export
    from dlib_bvae.models.signatures import encoder
    from dlib_bvae.representations.codes import BATCH
    from dlib_bvae.stages import train as stage
    from dlib_bvae.training.loop import train

    bindings = [f"dataset.name = '{name}'", f"model.training_steps = {flags.steps}", "model.batch_size = 64"]

    def encoder_of(precision: str, weights: list[np.ndarray] | None, folder: str) -> tuple[Callable, list[np.ndarray]]:
        with configuration(
            ["gin/beta4_dsprites.gin"], [*bindings, f"model.precision = '{precision}'"], stage.REGISTRIES
        ):
            trainer, examples = stage.build(data, stage.TrainingSettings())
            network = trainer.network
            if weights is None:
                train(trainer, Path(folder), checkpoint_every=flags.steps, log_every=flags.steps, examples=examples)
            else:
                for variable, value in zip(network.trainable_variables, weights, strict=True):
                    variable.assign(value)
            saved_model = Path(folder) / "saved_model"
            export(network, saved_model)
            return encoder(saved_model), [variable.numpy() for variable in network.trainable_variables]

    data = datasets.load(name)
    # As many images as one of the largest batch, from all over the grid, for what is measured without drawing.
    images = data.observations_at(np.linspace(0, data.num_images - 1, max(BATCHES)).astype(np.int64))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        encode, weights = encoder_of("float32", None, first)
        coarse, _ = encoder_of("mixed_bfloat16", weights, second)
        starts = itertools.cycle(range(0, data.num_images - BATCH, BATCH))
        drawn = lambda: data.observations_at(np.arange(start := next(starts), start + BATCH))
        calls = {
            "drawing": (drawn, BATCH),
            "both": (lambda: encode(drawn()), BATCH),
            "bfloat16": (lambda: coarse(images[:BATCH]), BATCH),
            **{f"encoder_{size}": ((lambda size=size: encode(images[:size])), size) for size in BATCHES},
        }
        rounds = [
            {key: rate(call, size, flags.seconds) for key, (call, size) in calls.items()} for _ in range(flags.rounds)
        ]
        mean, log_variance = encode(images[:COMPARED])
        change = np.abs(coarse(images[:COMPARED])[0] - mean) / np.exp(0.5 * log_variance)
    found = {key: round(statistics.median(each[key] for each in rounds)) for key in calls}
    found["drawing_share_of_both"] = round(statistics.median(each["both"] / each["drawing"] for each in rounds), 2)
    found["bfloat16_over_float32"] = round(
        statistics.median(each["bfloat16"] / each[f"encoder_{BATCH}"] for each in rounds), 2
    )
    found["bfloat16_change_median"] = round(float(np.median(change)), 4)
    found["bfloat16_change_99_percent"] = round(float(np.quantile(change, 0.99)), 4)
    return found


def main() -> None:
    """Prints and writes a row for each data set and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--worker", choices=DATA)
    flags = parser.parse_args()
    if flags.worker:
        print(json.dumps(measure(flags.worker, flags)))
        return
    rows = []
    for name, threads in itertools.product(DATA, sorted({1, os.cpu_count() or 1})):
        given = [f"--seconds={flags.seconds}", f"--rounds={flags.rounds}", f"--steps={flags.steps}"]
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads)}
        command = [sys.executable, __file__, f"--worker={name}", *given]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        rows.append({"data": name, "threads": threads, **json.loads(done.stdout.splitlines()[-1])})
        print(rows[-1], flush=True)
    record = {"cpu_has": instructions(), "cores": os.cpu_count(), "rows": rows}
    OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
