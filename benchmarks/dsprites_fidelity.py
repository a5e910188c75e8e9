"""dsprites_rendered against real dSprites frames: every frame's factors are found, then the pixels compared.

    python benchmarks/dsprites_fidelity.py path/to/dsprites_frames.npz      # key `imgs`, uint8 0/1 (frames, 64, 64)

Writes results/dsprites_fidelity.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered.dsprites import POSITIONS


def best_match(data: datasets.GroundTruthData, rows: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, float]:
    """The factors whose drawing has the largest intersection over union with `frame`, and that figure."""
    y, x = np.argwhere(frame).mean(axis=0) + 0.5
    near = [np.flatnonzero(np.abs(POSITIONS - centre) < 2.6) for centre in (x, y)]
    sizes = [range(size) for size in data.factor_sizes[:3]]
    factors = np.stack(np.meshgrid(*sizes, *near, indexing="ij"), axis=-1).reshape(-1, 5)
    drawn, real = rows[data.index_of(factors)], np.packbits(frame)
    both, either = (np.unpackbits(bits, axis=1).sum(axis=1, dtype=int) for bits in (drawn & real, drawn | real))
    best = int((both / either).argmax())
    return factors[best], float(both[best] / either[best])


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path)
    flags = parser.parse_args()
    with np.load(flags.frames) as file:
        frames = file["imgs"]
    data = datasets.load("dsprites_rendered")
    began = time.perf_counter()
    rows = data.packed()
    opened = time.perf_counter() - began
    matches = [best_match(data, rows, frame) for frame in frames]
    shapes = np.array([factors[0] for factors, _ in matches])
    overlaps = np.array([overlap for _, overlap in matches])
    record = {
        "frames": len(frames),
        "bit_exact": int((overlaps == 1).sum()),
        "mean_iou": float(overlaps.mean()),
        "min_iou": float(overlaps.min()),
        "per_shape": {
            name: {"frames": int((shapes == k).sum()), "bit_exact": int((overlaps[shapes == k] == 1).sum())}
            for k, name in enumerate(("square", "ellipse", "heart"))
        },
        "seconds_to_draw_or_open_the_grid": round(opened, 2),
        "fingerprint": data.fingerprint,
    }
    print(json.dumps(record, indent=1))
    output = Path(__file__).parent / "results" / "dsprites_fidelity.json"
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
