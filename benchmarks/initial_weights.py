"""What the start of disentanglement_lib's conv VAE changes: Glorot's rule or He's, the last bias at 0 or at the mean pixel.

    python benchmarks/initial_weights.py --steps=800 --rate=1e-4 --seeds=3 --folder=runs/initial_weights
    python benchmarks/initial_weights.py --steps=800 --rate=5e-4 --seeds=3 --folder=runs/initial_weights

Trains the β-VAE of gin/models/dlib_study.gin (β = 4, batch 64, Adam) on dsprites_rendered, from every start and seed, and
scores posterior means of drawn images. Runs that are finished in --folder are not trained again, so an interrupted
call goes on. Writes into results/initial_weights.json, for this number of steps and learning rate, of each start the mean and
the standard deviation over the seeds of the loss (nats) at some steps, of the variance of the decoded images over the images,
and of the scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
DATASET = "dsprites_rendered"
LOGGED = 100  # steps
NETWORKS = ("conv_encoder", "deconv_decoder")
STARTS = {
    f"{initializer}, bias {bias}": [
        *(f"{network}.initializer = '{initializer}'" for network in NETWORKS),
        f"model.output_bias = '{bias}'",
    ]
    for initializer in ("he_uniform", "glorot_uniform")
    for bias in ("zero", "data_mean")
}
METRICS: dict[str, dict[str, Any]] = {
    "mig": {"num_train": 10_000},
    "sap": {"num_train": 5_000, "num_test": 2_500},
    "dci_lasso": {"num_train": 5_000, "num_test": 2_500},
}
SHOWN = ("discrete_mig", "SAP_score", "disentanglement", "informativeness_test")


def main() -> None:
    """Trains, scores, and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/initial_weights"))
    flags = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {start: [] for start in STARTS}
    for seed in range(flags.seeds):
        for place, (start, bindings) in enumerate(STARTS.items()):
            folder = flags.folder / f"start{place}-seed{seed}-steps{flags.steps}-rate{flags.rate:g}"
            own = [f"model.training_steps = {flags.steps}", f"adam.learning_rate = {flags.rate}", *bindings]
            found[start].append(measured(folder, seed, own))
        write(f"{flags.steps} steps at {flags.rate:g}", found)


def measured(folder: Path, seed: int, bindings: list[str]) -> dict[str, float]:
    """{name: figure} of one training, kept in `folder`."""
    path = folder / "measured.json"
    if not path.exists():
        train(folder, seed, bindings)
        path.write_text(json.dumps({**losses(folder), **scores(folder, seed)}), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def train(folder: Path, seed: int, bindings: list[str]) -> None:
    """One training into the run directory `folder`."""
    from dlib_bvae.stages import train

    own = [f"dataset.name = '{DATASET}'", "model.model = @vae()", "vae.beta = 4.0", "model.name = 'start'"]
    own += [f"model.random_seed = {seed}", f"model.log_every = {LOGGED}"]
    train.run(["gin/models/dlib_study.gin"], [*own, *bindings], folder)


def losses(folder: Path) -> dict[str, float]:
    """{"loss, steps 100 … 200": nats}: means over the steps between two logs."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder / "train"), size_guidance={"tensors": 0}).Reload().Tensors("loss/loss")
    values = {event.step: float(make_ndarray(event.tensor_proto)) for event in events}
    return {f"loss, steps {step - LOGGED} … {step}": value for step, value in values.items()}


def scores(folder: Path, seed: int) -> dict[str, float]:
    """The scores of posterior means, and how much decoded images differ from one another."""
    from dlib_bvae import datasets, metrics
    from dlib_bvae.models.signatures import model

    network, data = model(folder / "train" / "saved_model"), datasets.as_factor_dataset(DATASET, "dataset")
    means = lambda observations: network.encode(observations)[0]
    rows = np.random.default_rng(0).choice(data.num_images, 500, replace=False)
    images = network.decode(means(data.observations_at(rows)))
    figures = {"variance of decoded pixels": float(np.var(images, axis=0).mean())}
    for name, parameters in METRICS.items():
        result = metrics.score(name, data, means, seed, **parameters)
        figures |= {f"{name}.{key}": result[key] for key in SHOWN if key in result}
    return figures


def write(training: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Writes the figures of the seeds so far, next to those of other trainings."""
    starts: dict[str, Any] = {}
    for start, each in found.items():
        columns = {name: [figures[name] for figures in each] for name in (each[0] if each else {})}
        starts[start] = {
            name: {"mean": round(float(np.mean(values)), 4), "std": round(float(np.std(values, ddof=1)), 4)}
            for name, values in columns.items()
            if len(values) > 1
        }
    path = RESULTS / "initial_weights.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record[training] = {"dataset": DATASET, "beta": 4.0, "seeds": len(next(iter(found.values()))), "starts": starts}
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
