"""Latent traversals: codes that differ from a start in one latent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def normal_quantiles(num: int, coverage: float) -> np.ndarray:
    """`num` quantiles of N(0, 1) at evenly spaced probabilities, which span the central `coverage`: float64 (num,).

    coverage: in (0, 1); with 0.95 they go from -1.96 to 1.96.
    """
    from scipy.special import ndtri

    return ndtri(probabilities(num, coverage))


def code_quantiles(codes: np.ndarray, num: int, coverage: float) -> np.ndarray:
    """The same of the codes (images, k) themselves, latent by latent: float64 (k, num)."""
    at = probabilities(num, coverage)
    return np.stack([np.quantile(column.astype(np.float64), at) for column in codes.T])


def code_extremes(codes: np.ndarray, num: int) -> np.ndarray:
    """Even steps from the least to the largest of the codes (images, k), latent by latent: float64 (k, num)."""
    return np.linspace(codes.min(axis=0).astype(np.float64), codes.max(axis=0).astype(np.float64), num, axis=1)


def around(center: np.ndarray, spread: np.ndarray, num: int, widths: float = 2.0) -> np.ndarray:
    """Even steps over center ± widths · spread: (k,) and (k,) → float64 (k, num)."""
    return center[:, None] + np.linspace(-widths, widths, num) * spread[:, None]


def probabilities(num: int, coverage: float) -> np.ndarray:
    """`num` evenly spaced probabilities that span the central `coverage`: float64 (num,)."""
    tail = (1 - coverage) / 2
    return np.linspace(tail, 1 - tail, num)


def traverse(start: np.ndarray, latents: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Codes float32 (k, num, all latents): `start` (all latents,) with latent latents[i] at values[i, j].

    latents: int (k,). values: (k, num).
    """
    codes = np.tile(start.astype(np.float32), (*values.shape, 1))
    for row, (latent, positions) in enumerate(zip(latents, values, strict=True)):
        codes[row, :, latent] = positions
    return codes


def decoded(decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, batch: int = 256) -> np.ndarray:
    """Codes (…, latents) → float images (…, H, W, C) in [0, 1]; decode is given at most `batch` of them, float32 (n, latents)."""
    flat = codes.reshape(-1, codes.shape[-1]).astype(np.float32, copy=False)
    images = np.concatenate([decode(flat[first : first + batch]) for first in range(0, len(flat), batch)])
    return images.reshape(*codes.shape[:-1], *images.shape[1:])
