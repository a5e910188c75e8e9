"""Keeps codes of runs with their scores; tests/metrics/test_rescoring.py fails when one moves without a new version.

    python benchmarks/rescoring.py runs/beta4_dsprites runs/pca_dsprites [--output=benchmarks/rescoring]
    python benchmarks/rescoring.py benchmarks/rescoring/*.json --metric=mig,dci

The first writes of each run <run>.npy, the codes float16 of a sub-grid of its data set (at most IMAGES images, evenly spaced
values of each factor, so that metrics of a full grid apply), and <run>.json: of which data set these are, with version and
fingerprint, and what every metric gives for these very codes, with the metric's version and parameters; the seed is 0. The second
scores kept codes by a metric that is new or has a new version, and refuses where scores have moved without one. Metrics of sets
of runs, and those that need a decoder or images, are not among them.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import datasets, metrics
from dlib_bvae.artifacts import write_atomic
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.score_info import info_of

PLACE = Path(__file__).parent / "rescoring"
IMAGES = 5_000  # of a sub-grid, at most
SAMPLE, FITS = 500, 10  # images that a metric draws, and trees or repetitions, at most
# How far a score may be from what is kept, absolutely or of its size. Kernels of OpenBLAS for other processors, and two threads,
# move infomec by 1e-5, which stops an iteration a step earlier, and nothing else by more than 1e-14.
ROUNDING = 1e-4
BATCH = 1_000


def main() -> None:
    """Keeps the codes of the runs, or scores kept ones again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=PLACE)
    parser.add_argument("--metric", default="")
    flags = parser.parse_args()
    names = metrics.split(flags.metric) if flags.metric else of_codes()
    for place in flags.runs:
        path = place if place.suffix == ".json" else flags.output / f"{place.name}.json"
        record = (
            json.loads(path.read_text(encoding="utf-8")) if path == place else keep(place, path.with_suffix(".npy"))
        )
        for name in names:
            before, now = record["metrics"].get(name), scored(name, path, record)
            if before and before["version"] == now["version"] and (found := moved(name, before, now)):
                raise UserError("; ".join(found))
            record["metrics"][name] = now
        write_atomic(path, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        print(f"{path}: {len(names)} metrics")


def keep(directory: Path, path: Path) -> dict[str, Any]:
    """Writes the codes of the run in `directory` to `path`; returns what is known of them."""
    from dlib_bvae.stages.inputs import opened_run

    with opened_run(directory) as run:
        if not isinstance(run.data, datasets.GroundTruthData):
            raise UserError(
                f"{directory} was trained on {run.data.name}, which has no grid of factors; name another run"
            )
        data = Subset(run.data, spread(run.data))
        encode, source = run.encoder(run.data)
        parts = np.split(data.rows, range(BATCH, len(data.rows), BATCH))
        codes = np.concatenate([encode(source.observations_at(rows))[0] for rows in parts])
        known = {key: run.results.get(key) for key in ("model", "seed", "steps", "dataset", "fingerprint")}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, codes.astype(np.float16))
    return {**known, "data_version": datasets.version_of(run.data), "values": spread(run.data), "metrics": {}}


def spread(data: datasets.GroundTruthData) -> dict[str, list[int]]:
    """{factor: evenly spaced values of it, first and last among them}, whose grid has at most IMAGES images."""
    counts = list(data.factor_sizes)
    while np.prod(counts) * data.images_per_cell > IMAGES:
        counts[int(np.argmax(counts))] -= 1
    return {
        name: np.linspace(0, size - 1, count).round().astype(int).tolist()
        for name, size, count in zip(data.factor_names, data.factor_sizes, counts, strict=True)
    }


def of_codes() -> list[str]:
    """The metrics of this package that score codes and factors, without a decoder."""
    own = [name for name in metrics.names() if metrics.is_ours(name)]
    return [name for name in own if "decode" not in inspect.signature(metrics.METRICS.get(name)).parameters]


def kept(places: Sequence[Path]) -> list[Path]:
    """The files of kept codes in the folders `places`."""
    return sorted(path for place in places for path in place.glob("*.json") if path.with_suffix(".npy").is_file())


@functools.lru_cache
def opened(path: Path, dataset: str, values: str) -> tuple[Subset, np.ndarray]:
    """The sub-grid and its codes float32; no image of it is read."""
    return Subset(dataset, json.loads(values)), np.load(path.with_suffix(".npy")).astype(np.float32)


def scored(name: str, path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the metric gives for kept codes today: its version, parameters and scores, or why it refuses these codes.

    The parameters are those that it was scored with before, where it was.
    """
    data, codes = opened(path, record["dataset"], json.dumps(record["values"]))
    before = record["metrics"].get(name, {})
    parameters = before.get("parameters", metrics.small_parameters(name, SAMPLE, FITS))
    found: dict[str, Any] = {"version": metrics.version(name), "parameters": parameters}
    try:
        result = metrics.score(name, data, codes, 0, **parameters)
    except UserError as refusal:
        return {**found, "refused": str(refusal).splitlines()[0]}  # gin adds lines that name addresses in memory
    numbers = {key: value for key, value in result.items() if info_of(metrics.scores_of(name), key) is not None}
    return {**found, "scores": {key: value for key, value in numbers.items() if value is None or _is_number(value)}}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def moved(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of a metric's kept result is another now, in sentences; none where its version was raised and it was scored again."""
    if before["version"] != now["version"]:
        return [
            f"{name} has version {now['version']} and the scores that are kept are of version {before['version']}; score the "
            f"codes again: python benchmarks/rescoring.py --metric={name} benchmarks/rescoring/*.json"
        ]
    if before.get("refused") != now.get("refused"):
        return [f"{name} moved from {_shown(before)} to {_shown(now)}; {_ADVICE}"]
    old, new = before.get("scores", {}), now.get("scores", {})
    return [
        f"{name}.{key} moved from {old.get(key)} to {new.get(key)}; {_ADVICE}"
        for key in sorted({*old, *new})
        if not _equal(old.get(key), new.get(key))
    ]


_ADVICE = (
    "raise its version with a dated line of what changed (VERSIONS in its module) and score the codes again "
    "(benchmarks/rescoring.py), or find the defect"
)


def _shown(result: Mapping[str, Any]) -> str:
    return f"a refusal ({result['refused']})" if "refused" in result else "scores"


def _equal(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    return abs(old - new) <= ROUNDING * max(1, abs(old))


if __name__ == "__main__":
    main()
