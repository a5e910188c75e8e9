"""Training throughput of the real loop against a plain PyTorch loop of the same model, batch and optimiser, on this CPU.

    pip install torch && python benchmarks/training_speed.py --seconds=10 --rounds=3

Each measurement is a process of its own; rounds alternate. Ratios to PyTorch are of medians; those to the matrix rate and to the
bare step are medians over five parts of a process, each of which measures all three. --precision=mixed_bfloat16 measures that
too, which is worth it on a CPU with bfloat16 instructions only. Writes results/training_speed.json.
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

from rates import matrix_rate, rate

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


def measure_torch(kind: str, batch: int, precision: str, seconds: float) -> dict[str, float]:
    """Images/s of a plain PyTorch loop: index, forward, backward, optimiser."""
    import numpy as np
    import torch
    from torch import nn

    relu, tanh = nn.ReLU(), nn.Tanh()
    if kind == "conv":
        conv = lambda i, o: nn.Conv2d(i, o, 4, 2, 1)
        deconv = lambda i, o: nn.ConvTranspose2d(i, o, 4, 2, 1)
        encoder = nn.Sequential(
            conv(1, 32), relu, conv(32, 32), relu, conv(32, 32), relu, nn.Flatten(),
            nn.Linear(2048, 256), relu, nn.Linear(256, 256), relu, nn.Linear(256, 20),
        )  # fmt: skip
        decoder = nn.Sequential(
            nn.Linear(10, 256), relu, nn.Linear(256, 256), relu, nn.Linear(256, 2048), relu,
            nn.Unflatten(1, (32, 8, 8)), deconv(32, 32), relu, deconv(32, 32), relu, deconv(32, 1),
        )  # fmt: skip
    else:
        encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(4096, 1200), relu, nn.Linear(1200, 1200), relu, nn.Linear(1200, 20)
        )
        decoder = nn.Sequential(
            nn.Linear(10, 1200), tanh, nn.Linear(1200, 1200), tanh, nn.Linear(1200, 1200), tanh,
            nn.Linear(1200, 4096), nn.Unflatten(1, (1, 64, 64)),
        )  # fmt: skip
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, 5e-4) if kind == "conv" else torch.optim.Adagrad(parameters, 1e-2)
    data = torch.from_numpy(np.random.default_rng(0).integers(2, size=(20_000, 1, 64, 64), dtype=np.uint8))

    def step() -> float:
        x = data[torch.randint(len(data), (batch,))].float()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
            mean, log_variance = encoder(x).float().chunk(2, dim=1)
            logits = decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean)).float()
        reconstruction = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()
        loss = reconstruction + 4 * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"loop": rate(step, batch, seconds)}


def instructions() -> list[str]:
    """Of the instruction sets that matter here, those that this CPU has (Linux)."""
    path = Path("/proc/cpuinfo")
    found = set(path.read_text(encoding="utf-8").split()) if path.exists() else set()
    return sorted(found & {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"})


def worker(who: str, kind: str, batch: int, precision: str, seconds: float) -> dict[str, float]:
    """Runs one measurement in a process of its own."""
    command = [sys.executable, __file__, "--worker", who, kind, str(batch), precision, f"--seconds={seconds}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Alternates the measurements and prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", action="append", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--worker", nargs=4)
    flags = parser.parse_args()
    if flags.worker:
        who, kind, batch, precision = flags.worker
        measure = {"ours": measure_ours, "torch": measure_torch}[who]
        print(json.dumps(measure(kind, int(batch), precision, flags.seconds)))
        return
    precisions = sorted({"float32", *(flags.precision or ())})
    plan = [(kind, batch, precision) for kind, batch in CASES for precision in precisions]
    samples: dict[str, list[float]] = {}
    for _ in range(flags.rounds):
        for case in plan:
            for who in ("ours", "torch"):
                for what, value in worker(who, *case, flags.seconds).items():
                    samples.setdefault(" ".join(map(str, (who, *case, what))), []).append(value)
    medians = {name: statistics.median(rates) for name, rates in samples.items()}
    rows = []
    for kind, batch, precision in plan:
        ours = medians[f"ours {kind} {batch} {precision} loop"]
        row = {"model": kind, "batch": batch, "precision": precision, "images_per_second": round(ours)}
        row["ratio_to_pytorch_same_precision"] = round(ours / medians[f"torch {kind} {batch} {precision} loop"], 2)
        row["ratio_to_pytorch_float32"] = round(ours / medians[f"torch {kind} {batch} float32 loop"], 2)
        row["fraction_of_float32_matrix_rate"] = round(medians[f"ours {kind} {batch} {precision} fraction"], 2)
        row["loop_over_bare_step"] = round(medians[f"ours {kind} {batch} {precision} loop_over_step"], 3)
        rows.append(row)
        print(row)
    record = {
        "command": " ".join(sys.argv),
        "cpu_has": instructions(),
        "rows": rows,
        "medians": medians,
        "samples": samples,
    }
    output = Path(__file__).parent / "results" / "training_speed.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
