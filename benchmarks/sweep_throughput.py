"""Runs a minute of a sweep of tiny models on this machine: the local executor and Ray, with one and two workers.

    python benchmarks/sweep_throughput.py --runs=6 --parts=3

Each case does the same study (dummy_data, --steps steps, scored by MIG) in a new folder; its time is from the first run that is
started to the end of the last, without the start of a Ray cluster, which stands beside it. Cases take turns in `parts` rounds;
ratios are medians over rounds. Writes results/sweep_throughput.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from dlib_bvae.studies import executors, study

CASES = (("local", 1), ("local", 2), ("ray", 1), ("ray", 2))
STUDY = """
study.name = "throughput"
study.parts = [@bars/part()]
study.metrics = ["mig"]
bars/part.configs = ["gin/beta4_dsprites.gin"]
bars/part.bindings = ["dataset.name = 'dummy_data'", "model.batch_size = 8", "model.training_steps = {steps}"]
bars/part.grid = {{"model.random_seed": {seeds}}}
"""


def measure(asked: study.Study, name: str, workers: int) -> dict[str, float]:
    """Runs a minute, and the seconds before the first one."""
    executor = executors.named(name)
    started: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        note = lambda run, outcome: started.append(time.perf_counter()) if outcome is None else None
        outcomes = executor.execute(asked, Path(folder) / "store", workers, note)
        ended = time.perf_counter()
    failed = [outcome.message for outcome in outcomes.values() if outcome.status != "done"]
    if failed or len(outcomes) != len(asked.runs):
        raise SystemExit(f"{name} with {workers} workers did not do all runs: {failed}")
    return {"runs_a_minute": 60 * len(outcomes) / (ended - started[0]), "seconds_before": started[0] - began}


def main() -> None:
    """Prints and writes one row a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "sweep_throughput.json")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "throughput.gin"
        file.write_text(STUDY.format(steps=flags.steps, seeds=[*range(flags.runs)]), encoding="utf-8")
        asked = study.load([str(file)])
    samples: dict[str, list[dict[str, float]]] = {f"{name} {workers}": [] for name, workers in CASES}
    for part in range(flags.parts):
        # The machine's speed drifts, so every round begins with another case.
        for name, workers in (*CASES[part % 4 :], *CASES[: part % 4]):
            samples[f"{name} {workers}"].append(measure(asked, name, workers))
            print(part, name, workers, samples[f"{name} {workers}"][-1], flush=True)
    rows = [_row(case, samples) for case in samples]
    record = {"command": " ".join(sys.argv), "cores": os.cpu_count(), "rows": rows, "samples": samples}
    flags.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(*rows, sep="\n")


def _row(case: str, samples: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    rates = [each["runs_a_minute"] for each in samples[case]]
    alone = [each["runs_a_minute"] for each in samples["local 1"]]
    ratios = [rate / base for rate, base in zip(rates, alone, strict=True)]
    return {
        "executor": case.split()[0],
        "workers": int(case.split()[1]),
        "runs_a_minute": round(statistics.median(rates), 2),
        "over_local_with_one_worker": round(statistics.median(ratios), 2),
        "seconds_before": round(statistics.median(each["seconds_before"] for each in samples[case]), 1),
    }


if __name__ == "__main__":
    main()
