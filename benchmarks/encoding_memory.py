"""Memory of encoding a whole grid, above that of the process which has loaded the model and encoded one batch.

    python benchmarks/encoding_memory.py runs/quickstart

Two processes, each with the run's SavedModel: one encodes a batch, one the whole data set as dlib_bvae_postprocess does.
The peak counts memory-mapped files too (the drawn grid and the codes). Linux only. Writes results/encoding_memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from dlib_bvae.artifacts import peak_memory_mib
from dlib_bvae.representations.codes import encode_all, mean_representation
from dlib_bvae.stages.inputs import load_encoder, same_data


def worker(run: Path, what: str) -> dict[str, float]:
    """Encodes "one batch" or "whole grid"; returns MiB."""
    data, encode = same_data(run), load_encoder(run / "train" / "saved_model")
    if what == "one batch":
        encode(data.observations_at(np.arange(1024)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            encode_all(encode, data, mean_representation, Path(folder), seed=0)
    return {"peak_mib": round(peak_memory_mib())}


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--worker", choices=("one batch", "whole grid"))
    flags = parser.parse_args()
    if flags.worker:
        print(json.dumps(worker(flags.run, flags.worker)))
        return
    record = {}
    for what in ("one batch", "whole grid"):
        command = [sys.executable, __file__, str(flags.run), "--worker", what]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        record[what] = json.loads(done.stdout.splitlines()[-1])["peak_mib"]
    record["whole_grid_above_one_batch"] = record["whole grid"] - record["one batch"]
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "encoding_memory.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
