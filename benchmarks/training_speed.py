"""Training throughput of the real loop against the same model, batch and optimiser in PyTorch and JAX, on this CPU.

    python -m venv peers && peers/bin/pip install torch jax flax optax
    python benchmarks/training_speed.py --peer_python=peers/bin/python --seconds=10 --rounds=5

Each measurement is a process of its own; rounds alternate. The best peer of a case is that of the highest median; ratios to it
are medians over rounds. Those to the matrix rate and to the bare step are medians over five parts of a process, each of which
measures all three. --precision=mixed_bfloat16 measures that too, which is worth it on a CPU with bfloat16 instructions only.
The peers are in training_peers.py. Writes results/training_speed.json.
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

from rates import matrix_rate, rate
from training_peers import PEERS

OURS = "ours"
PARTS = 5
CASES = (("conv", 256), ("conv", 64), ("mlp", 256))
# Multiply-adds a training step spends on one 64×64×1 image: forward, and twice that backward but for the input's gradient.
CONV_FORWARD = 32 * 32 * 16 * 32 + 16 * 16 * 512 * 32 + 8 * 8 * 512 * 32 + 2048 * 256 + 256 * 256 + 256 * 20
CONV_FORWARD += 10 * 256 + 256 * 256 + 256 * 2048 + 8 * 8 * 512 * 32 + 16 * 16 * 512 * 32 + 32 * 32 * 32 * 16
MLP_FORWARD = 4096 * 1200 + 1200 * 1200 + 1200 * 20 + 10 * 1200 + 2 * 1200 * 1200 + 1200 * 4096
MULTIPLY_ADDS = {"conv": 3 * CONV_FORWARD - 32 * 32 * 16 * 32, "mlp": 3 * MLP_FORWARD - 4096 * 1200}


def settings(kind: str, batch: int, precision: str, total: int) -> tuple[list[str], list[str]]:
    """The configuration of the real command."""
    config = "gin/beta4_dsprites.gin" if kind == "conv" else "gin/beta4_dsprites_mlp.gin"
    bindings = [f"model.batch_size = {batch}", f"model.training_steps = {total}", f"model.precision = '{precision}'"]
    return [config], bindings


def measure_ours(kind: str, batch: int, precision: str, seconds: float) -> dict[str, float]:
    """The loop (progress, scalars, checkpoint included): images/s, and its share of the matrix rate and of the bare step."""
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()  # as the command does
    import tensorflow as tf

    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train as stage
    from dlib_bvae.training.loop import train

    with (
        configuration(*settings(kind, batch, precision, 10), stage.REGISTRIES),
        tempfile.TemporaryDirectory() as folder,
    ):
        given = stage.TrainingSettings()
        trainer, examples = stage.build(datasets.load(), given)
        run = lambda: train(trainer, Path(folder), checkpoint_every=1000, log_every=100, examples=examples)
        run()
        step = tf.constant(0, tf.int64)
        inputs = trainer.feed.inputs(step)
        bare = tf.function(trainer.step, autograph=False)
        bare_rate = lambda: rate(lambda: bare(step=step, **inputs)["loss"].numpy(), batch, seconds / 10)

        def loop_rate() -> float:
            steps = max(20, int(expected / batch * seconds / 2))
            trainer.total += steps
            began = time.perf_counter()
            run()
            return steps * batch / (time.perf_counter() - began)

        expected, rounds = bare_rate(), []
        # The machine's speed drifts: what the loop is compared with is measured before it and after it, several times.
        for _ in range(PARTS):
            matrix, step_rate = [matrix_rate(seconds / 20)], [bare_rate()]
            loop = loop_rate()
            step_rate.append(bare_rate())
            matrix.append(matrix_rate(seconds / 20))
            rounds.append({"loop": loop, "step": statistics.mean(step_rate), "matrix": statistics.mean(matrix)})
        return {
            "loop": statistics.median(r["loop"] for r in rounds),
            "fraction": statistics.median(r["loop"] * MULTIPLY_ADDS[kind] / r["matrix"] for r in rounds),
            "loop_over_step": statistics.median(r["loop"] / r["step"] for r in rounds),
        }


def instructions() -> list[str]:
    """Of the instruction sets that matter here, those that this CPU has (Linux)."""
    path = Path("/proc/cpuinfo")
    found = set(path.read_text(encoding="utf-8").split()) if path.exists() else set()
    return sorted(found & {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"})


def worker(who: str, kind: str, batch: int, precision: str, flags: argparse.Namespace) -> dict[str, float]:
    """Runs one measurement in a process of its own."""
    case = [kind, str(batch), precision, f"--seconds={flags.seconds}"]
    if who == OURS:
        command = [sys.executable, __file__, "--worker", *case[:3], case[3]]
    else:
        command = [flags.peer_python, str(Path(__file__).with_name("training_peers.py")), who, *case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def row_of(kind: str, batch: int, precision: str, samples: dict[str, list[float]], peers: list[str]) -> dict[str, Any]:
    """A case's medians, and the ratios to the best of the peers."""

    def rates(who: str, of: str, what: str = "loop") -> list[float]:
        return samples[f"{who} {kind} {batch} {of} {what}"]

    ours = rates(OURS, precision)
    row = {"model": kind, "batch": batch, "precision": precision, "images_per_second": round(statistics.median(ours))}
    for of, name in ((precision, "best_peer"), ("float32", "best_float32_peer")):
        best = max(peers, key=lambda who: statistics.median(rates(who, of)))
        ratios = [mine / theirs for mine, theirs in zip(ours, rates(best, of), strict=True)]
        row |= {name: best, f"ratio_to_{name}": round(statistics.median(ratios), 2)}
    row["peers_images_per_second"] = {who: round(statistics.median(rates(who, precision))) for who in peers}
    row["fraction_of_float32_matrix_rate"] = round(statistics.median(rates(OURS, precision, "fraction")), 2)
    row["loop_over_bare_step"] = round(statistics.median(rates(OURS, precision, "loop_over_step")), 3)
    return row


def main() -> None:
    """Alternates the measurements and prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", action="append", choices=("float32", "mixed_bfloat16"))
    parser.add_argument(
        "--peer_python", default=sys.executable, help="of an environment that has torch, jax, flax and optax"
    )
    parser.add_argument("--peer", action="append", choices=PEERS, help="default: all but torch_compile")
    parser.add_argument("--worker", nargs=3)
    flags = parser.parse_args()
    if flags.worker:
        kind, batch, precision = flags.worker
        print(json.dumps(measure_ours(kind, int(batch), precision, flags.seconds)))
        return
    peers = flags.peer or [who for who in PEERS if who != "torch_compile"]
    precisions = sorted({"float32", *(flags.precision or ())})
    plan = [(kind, batch, precision) for kind, batch in CASES for precision in precisions]
    samples: dict[str, list[float]] = {}
    for _ in range(flags.rounds):
        for case in plan:
            for who in (OURS, *peers):
                for what, value in worker(who, *case, flags).items():
                    samples.setdefault(" ".join(map(str, (who, *case, what))), []).append(value)
    rows = [row_of(*case, samples, peers) for case in plan]
    for row in rows:
        print(row)
    record = {
        "command": " ".join(sys.argv),
        "cpu_has": instructions(),
        "rows": rows,
        "samples": samples,
    }
    output = Path(__file__).parent / "results" / "training_speed.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
