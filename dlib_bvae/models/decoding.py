"""Codes into images, in batches, and codes that differ from a start in one latent; arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BATCH = 256  # codes that are decoded at once, as float32


def decoded(decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, batch: int = BATCH) -> np.ndarray:
    """Codes (…, latents) → float images (…, H, W, C) in [0, 1]; decode is given at most `batch` of them, float32 (n, latents)."""
    flat = codes.reshape(-1, codes.shape[-1]).astype(np.float32, copy=False)
    images = np.concatenate([decode(flat[first : first + batch]) for first in range(0, len(flat), batch)])
    return images.reshape(*codes.shape[:-1], *images.shape[1:])


def traverse(start: np.ndarray, latents: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Codes float32 (k, num, all latents): `start` (all latents,) with latent latents[i] at values[i, j].

    latents: int (k,). values: (k, num), or (num,) for all of them.
    """
    codes = np.tile(start.astype(np.float32), (len(latents), np.shape(values)[-1], 1))
    codes[np.arange(len(latents)), :, latents] = values
    return codes
