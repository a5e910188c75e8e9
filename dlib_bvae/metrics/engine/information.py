"""Information in nats: plug-in, from contingency tables of all codes with all factors, and of Gaussian posteriors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import xlogy

from dlib_bvae.metrics.engine.binning import histogram_bins

_CHUNK = 2**22  # joint indices that are counted at once
_ROUNDING = 1e-12


def contingency(bins: np.ndarray, num_bins: int, factors: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Counts of (bin, factor value): one int64 (latents, num_bins, size) a factor.

    bins: int (n, latents) in 0 … num_bins - 1. factors: int (n, factors), each in 0 … size - 1.
    """
    num, latents = bins.shape
    step = max(1, _CHUNK // max(num, 1))
    tables = [np.empty((latents, num_bins, size), np.int64) for size in sizes]
    for start in range(0, latents, step):
        part = bins[:, start : start + step]
        width = part.shape[1]
        cells = part + num_bins * np.arange(width)
        for k, (table, size) in enumerate(zip(tables, sizes, strict=True)):
            joint = (cells * size + factors[:, k, None]).ravel()
            counts = np.bincount(joint, minlength=width * num_bins * size)
            table[start : start + width] = counts.reshape(width, num_bins, size)
    return tables


def binned_tables(codes: np.ndarray, num_bins: int, factors: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Codes (n, latents) in `num_bins` equal-width bins with factors: the tables of `contingency`."""
    return contingency(histogram_bins(codes, num_bins), num_bins, factors, sizes)


def entropy(counts: np.ndarray) -> np.ndarray:
    """Plug-in entropy of the last axis of `counts`, in nats; a distribution of no counts has none."""
    total = counts.sum(axis=-1)
    safe = np.maximum(total, 1)
    return np.log(safe) - xlogy(counts, counts).sum(axis=-1) / safe


def joint_entropy(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Tables of `contingency` → H(code, factor) in nats, float64 (latents, factors)."""
    return np.stack([entropy(table.reshape(len(table), -1)) for table in tables], axis=1)


def mutual_information(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Tables of `contingency` → I(code; factor) in nats, float64 (latents, factors); exactly 0 for constant codes."""
    code = np.stack([entropy(table.sum(axis=2)) for table in tables], axis=1)
    factor = np.stack([entropy(table.sum(axis=1)) for table in tables], axis=1)
    information = code + factor - joint_entropy(tables)
    information[information < _ROUNDING] = 0  # of three entropies of order 1
    return information


def factor_entropies(factors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Plug-in entropy of each factor, in nats, float64 (factors,)."""
    return np.array(
        [entropy(np.bincount(column, minlength=size)) for column, size in zip(factors.T, sizes, strict=True)]
    )


def gaussian_kl(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) of each number, nats, float64 of their shape (Kingma & Welling 2014, B)."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)
    return 0.5 * (mean**2 + np.expm1(log_variance) - log_variance)


def gap_of_top_two(scores: np.ndarray) -> np.ndarray:
    """(latents, factors) ≥ 0 → the lead of each factor's best latent over its second, or over 0 if it is alone."""
    if len(scores) == 1:
        return scores[0]
    ordered = np.sort(scores, axis=0)
    return ordered[-1] - ordered[-2]
