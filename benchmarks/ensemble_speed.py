"""Training throughput of an ensemble on this machine: fused networks, a loop over members in one graph, and one after another.

    python benchmarks/ensemble_speed.py --seconds=10 --parts=5

Each case (network, members) is a process of its own, which builds the members once and measures the three ways in turn, `parts`
times; images/s count the images of all members, and ratios are medians over parts. Writes results/ensemble_speed.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

CONFIGS = {"conv": "gin/beta4_dsprites.gin", "mlp": "gin/beta4_dsprites_mlp.gin"}
WAYS = ("fused", "loop", "one_after_another")


def measure(kind: str, members: int, flags: argparse.Namespace) -> dict[str, list[float]]:
    """Images/s of each way, one number a part."""
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()  # as the command does
    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train as stage
    from dlib_bvae.training.ensemble import Ensemble

    trainers: list = []
    for seed in range(members):
        bindings = [f"model.random_seed = {seed}", f"model.batch_size = {flags.batch}", f"model.xla = {flags.xla}"]
        bindings += [f"dataset.name = '{flags.dataset}'"]
        with configuration([CONFIGS[kind]], bindings, stage.REGISTRIES):
            shared = trainers[0].feed if trainers else None
            trainers.append(stage.build(datasets.load(), stage.TrainingSettings(), shared=shared)[0])
    fused, loop = (Ensemble(trainers, way, flags.xla) for way in ("fused", "loop"))
    calls = {"fused": fused.run, "loop": loop.run, "one_after_another": lambda n: [t.run(n) for t in trainers]}
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for part in range(flags.parts):
        # The machine's speed drifts, so every part begins with another way.
        for way in (*WAYS[part % 3 :], *WAYS[: part % 3]):
            rates[way].append(members * flags.batch * _steps_a_second(calls[way], flags.seconds))
    return rates


def _steps_a_second(run, seconds: float) -> float:
    """The rate of run(number of steps), after steps that are not counted."""
    import tensorflow as tf

    steps = lambda count: run(tf.constant(count, tf.int64))
    steps(2)
    began = time.perf_counter()
    steps(2)
    count = max(2, int(seconds * 2 / (time.perf_counter() - began)))
    began = time.perf_counter()
    steps(count)
    return count / (time.perf_counter() - began)


def worker(kind: str, members: int) -> dict[str, list[float]]:
    """Runs one case in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--worker", kind, str(members)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Prints and writes one row a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dataset", default="dsprites_rendered")
    parser.add_argument("--xla", action="store_true", help="compile every step")
    parser.add_argument("--members", type=int, action="append", help="default: 4 and 8")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "ensemble_speed.json")
    parser.add_argument("--worker", nargs=2)
    flags = parser.parse_args()
    if flags.worker:
        print(json.dumps(measure(flags.worker[0], int(flags.worker[1]), flags)))
        return
    rows, samples = [], {}
    for kind in CONFIGS:
        for members in flags.members or (4, 8):
            rates = samples[f"{kind} {members}"] = worker(kind, members)
            row = {"model": kind, "members": members, "batch": flags.batch, "xla": flags.xla}
            row |= {f"{way}_images_per_second": round(statistics.median(rates[way])) for way in WAYS}
            alone = rates["one_after_another"]
            for way in ("fused", "loop"):
                ratios = [rate / base for rate, base in zip(rates[way], alone, strict=True)]
                row[f"{way}_over_one_after_another"] = round(statistics.median(ratios), 2)
            rows.append(row)
            print(row, flush=True)
    record = {"command": " ".join(sys.argv), "rows": rows, "samples": samples}
    flags.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
