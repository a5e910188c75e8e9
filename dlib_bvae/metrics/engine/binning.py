"""Continuous codes as bins."""

from __future__ import annotations

import numpy as np


def histogram_bins(codes: np.ndarray, num_bins: int) -> np.ndarray:
    """Codes (n, latents) → the bin of each, int64 (n, latents) in 0 … num_bins - 1.

    Equal-width bins between each latent's own least and largest value, as disentanglement_lib's histogram_discretizer;
    a constant latent is in one bin.
    """
    bins = np.empty(codes.shape, np.int64)
    for j, column in enumerate(codes.T):
        low, high = column.min(), column.max()
        if low == high:
            bins[:, j] = 0
        else:
            # Comparing with the edges, not dividing: a value on an edge is on the same side as in numpy's histogram.
            edges = np.linspace(low, high, num_bins + 1)[1:-1]
            bins[:, j] = np.searchsorted(edges, column, side="right")
    return bins


def value_bins(codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Discrete codes (n, latents) → (the rank of each value within its latent, int64 of the same shape; most ranks)."""
    bins = np.stack([np.unique(column, return_inverse=True)[1] for column in codes.T], axis=1).astype(np.int64)
    return bins, int(bins.max()) + 1
