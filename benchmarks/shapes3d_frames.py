"""The frames of the official Shapes3D animation: their 64×64 images and their factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# The animation shows each pixel 3.512 times as large, in 256 dithered colours, under a grey border of one or two pixels.
STEP, LEFT, TOP, BORDER = 3.512, 1.1, 0.14, 2


def read_frames(path: Path) -> np.ndarray:
    """The file with key `frames`, uint8 (53, 227, 226, 3) → images float64 (53, 64, 64, 3): means over each pixel's copies."""
    with np.load(path) as file:
        frames = file["frames"].astype(float)
    down, across = (mean_of_copies(size, first) for size, first in zip(frames.shape[1:3], (TOP, LEFT), strict=True))
    return np.einsum("yi,fijc,xj->fyxc", down, frames, across, optimize=True)


def mean_of_copies(size: int, first: float) -> np.ndarray:
    """Weights (64, size) that average what lies between the border's edges and belongs to each of the 64 pixels."""
    at = np.arange(BORDER, size - BORDER)
    owner = np.floor((at + 0.5 - first) / STEP).astype(int)
    weights = np.zeros((64, size))
    weights[owner, at] = 1.0
    return weights / weights.sum(axis=1, keepdims=True)


def frame_factors() -> np.ndarray:
    """The factors of the 53 frames, int64 (53, 6), as they are seen there: all but once, one factor moves at a time."""
    walk = [{"orientation": k} for k in range(1, 15)]
    walk += [{"shape": k} for k in (1, 2, 3)]
    walk += [{"scale": k} for k in range(1, 8)]
    walk += [{"object": k} for k in (4, 5, 6, 7, 8, 9, 0, 1, 2)]
    walk += [{"wall": k} for k in (7, 8, 9, 0, 1, 5)]
    walk += [{"floor": k} for k in (1, 2, 3)]
    walk += [{"floor": 0, "wall": 2}, {"wall": 3}, {"wall": 4}, {"wall": 5}]
    walk += [{"floor": k} for k in (4, 5, 6, 7, 8, 9)]
    frame = {"floor": 0, "wall": 6, "object": 3, "scale": 0, "shape": 0, "orientation": 0}
    frames = [frame]
    for step in walk:
        frame = frame | step
        frames.append(frame)
    return np.array([list(each.values()) for each in frames])
