"""Random numbers that are a pure function of (seed, index): what an image draws, whatever the batch and the order."""

from __future__ import annotations

import sys

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


def words(seed: int, indices: np.ndarray, count: int) -> np.ndarray:
    """uint64 (n, count): for every index the first `count` outputs of SplitMix64 (Steele, Lea, Flood 2014) from its state.

    The state of index i under a seed is mix(mix(seed) + (i + 1) · step), so that no two images share a state. Uniform,
    good for pictures, not for secrets.
    """
    base = _mix(np.array([seed], np.uint64))
    with np.errstate(over="ignore"):  # arithmetic is modulo 2^64
        state = _mix(base + (np.asarray(indices).astype(np.uint64) + np.uint64(1)) * _STEP)
        steps = np.arange(1, count + 1, dtype=np.uint64) * _STEP
        return _mix(state[:, None] + steps)


def random_bytes(seed: int, indices: np.ndarray, count: int) -> np.ndarray:
    """uint8 (n, count), uniform in 0 … 255: the words' bytes, lowest first."""
    drawn = words(seed, indices, -(-count // 8))
    if sys.byteorder == "big":
        drawn = drawn.byteswap()
    return drawn.view(np.uint8)[:, :count]


def uniforms(seed: int, indices: np.ndarray, count: int) -> np.ndarray:
    """float64 (n, count), uniform in (0, 1), neither end included: the middles of 2^52 cells."""
    return ((words(seed, indices, count) >> np.uint64(12)) + 0.5) * 2.0**-52


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's output function of uint64 values."""
    mixed = values.copy()
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return mixed
