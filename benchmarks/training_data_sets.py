"""The conv β-VAE trained for a few hundred steps by the command on several data sets: losses, and pictures to look at.

    python benchmarks/training_data_sets.py --steps=400 dsprites_rendered shapes3d_rendered mpi3d_toy_rendered cifar10

Batch 64, Adam 5e-4, β = 1. Writes results/training_data_sets.json: loss in nats after a tenth and at the end, images/s, and
results/training_data_sets.png (for each rendered set images above, reconstructions below).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RESULTS = Path(__file__).parent / "results"


def train(name: str, steps: int, run: Path) -> dict[str, Any]:
    """Runs the command; returns what its results and its TensorBoard file say."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    bindings = [f"dataset.name = '{name}'", "model.batch_size = 64", f"model.training_steps = {steps}"]
    bindings += [f"model.log_every = {steps // 10}", "vae.beta = 1.0"]
    command = [Path(sys.executable).parent / "dlib_bvae_train", "--gin_config=gin/beta1_dsprites.gin"]
    command += [f"--model_dir={run}", *(f"--gin_bindings={binding}" for binding in bindings)]
    subprocess.run(command, check=True)
    results = json.loads((run / "train/results/json/train_results.json").read_text(encoding="utf-8"))
    events = EventAccumulator(str(run / "train"), size_guidance={"tensors": 0}).Reload()
    first = min(events.Tensors("loss/loss"), key=lambda event: event.step)
    return {
        "loss_after_a_tenth": round(float(make_ndarray(first.tensor_proto)), 1),
        "loss_at_the_end": round(results["loss"], 1),
        "images_per_second": round(results["images_per_second"]),
    }


def main() -> None:
    """Trains on each data set, then writes the figures and the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("names", nargs="+")
    flags = parser.parse_args()
    record, pictures = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in flags.names:
            run = Path(folder) / name
            record[name] = train(name, flags.steps, run)
            if not name.endswith("_rendered"):
                continue  # the pictures of official sets are not ours to show
            with Image.open(run / "train/reconstructions.png") as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
    print(json.dumps(record, indent=1))
    (RESULTS / "training_data_sets.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if pictures:
        Image.fromarray(np.concatenate(pictures)).save(RESULTS / "training_data_sets.png", optimize=True)


if __name__ == "__main__":
    main()
