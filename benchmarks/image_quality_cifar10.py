"""Conv VAEs of four β on CIFAR-10's pictures encoded again, distances of reconstructions and of samples.

    DLIB_BVAE_DATA_DIR=FOLDER python benchmarks/image_quality_cifar10.py --steps=6000 --num_images=5000

FOLDER holds cifar10_jpeg, re-encoded pictures in the official layout, so nothing here stands beside published numbers. 128
latents, Adam 5e-4, batch 64 (gin/beta4_cifar10.gin and its like). Features are EfficientNet-Lite0's: these are no FIDs and can be
compared with each other only; the distance of two halves of the data is the floor. Runs are kept in --runs and continued. Writes
results/image_quality_cifar10.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BETAS = {"beta01": 0.1, "beta1": 1.0, "beta4": 4.0, "beta10": 10.0}


def command(name: str, *flags: str) -> None:
    """Runs an installed command; its failure ends the benchmark."""
    subprocess.run([Path(sys.executable).parent / name, *flags], check=True)


def scores(run: Path, name: str, steps: int, num_images: int) -> dict[str, Any]:
    """Trains gin/<name>_cifar10.gin for `steps` and scores its images; posterior means, then, as the report, samples."""
    files = [f"--gin_config=gin/{name}_cifar10.gin", "--gin_config=gin/datasets/cifar10_jpeg.gin"]
    command("dlib_bvae_train", *files, f"--gin_bindings=model.training_steps = {steps}", f"--model_dir={run}")
    bindings = ["image_quality.extractor = 'efficientnet_lite0'", f"image_quality.num_images = {num_images}"]
    flags = [f"--model_dir={run}", *(f"--gin_bindings={binding}" for binding in bindings)]
    command("dlib_bvae_evaluate", "--metric=image_quality,elbo", *flags)
    sampled = ["postprocess.postprocess_fn = @sampled_representation", "image_quality.compare = ['reconstruction']"]
    command("dlib_bvae_evaluate", "--metric=image_quality", *flags, *(f"--gin_bindings={each}" for each in sampled))
    found = read(run / "mean/metrics")
    of_samples = {key: value for key, value in read(run / "sampled/metrics").items() if key.endswith("_reconstruction")}
    return {**found, **{f"{key}_from_sampled_codes": value for key, value in of_samples.items()}}


def read(metrics: Path) -> dict[str, float]:
    """All scores of the results below `metrics`."""
    found: dict[str, float] = {}
    for path in sorted(metrics.glob("*/results/json/evaluation_results.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        found.update({key: round(results[key], 4) for key in results["score_names"]})
    return found


def main() -> None:
    """Prints and writes one row a β."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--num_images", type=int, default=5000)
    parser.add_argument("--runs", type=Path, default=Path("runs/image_quality_cifar10"))
    flags = parser.parse_args()
    rows = {str(beta): scores(flags.runs / name, name, flags.steps, flags.num_images) for name, beta in BETAS.items()}
    key = "fd_efficientnet_lite0"
    order = lambda what: sorted(rows, key=lambda beta: rows[beta][f"{key}_{what}"])
    record = {
        "command": " ".join(sys.argv),
        "origin": "re-encoded",
        "rows": rows,
        "best_first_by_reconstructions": order("reconstruction"),
        "best_first_by_reconstructions_from_sampled_codes": order("reconstruction_from_sampled_codes"),
        "best_first_by_samples": order("sample"),
        "floor_below_all": max(row[f"{key}_data"] for row in rows.values())
        < min(row[f"{key}_{what}"] for row in rows.values() for what in ("reconstruction", "sample")),
    }
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "image_quality_cifar10.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
