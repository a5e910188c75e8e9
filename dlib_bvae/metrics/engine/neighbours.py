"""Mutual information of continuous codes with discrete factors, by nearest neighbours (Ross 2014)."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma


def neighbour_information(codes: np.ndarray, factors: np.ndarray, neighbours: int) -> np.ndarray:
    """Codes (n, latents) and factors int (n, factors) → estimates in nats ≥ 0, float64 (latents, factors).

    Ross 2014, "Mutual information between discrete and continuous data sets", equation 2: the distance to the k-th
    nearest of the images with the same factor value, and how many of all images are nearer. Values that occur once say
    nothing and are left out. Among equal codes k is their number (Gao et al. 2017), so that discrete codes have their
    plug-in information; scikit-learn's mutual_info_classif adds noise instead.
    """
    return np.array([[max(0.0, _information(code, factor, neighbours)) for factor in factors.T] for code in codes.T])


def _information(code: np.ndarray, factor: np.ndarray, neighbours: int) -> float:
    values, counts = np.unique(factor, return_counts=True)
    kept = np.isin(factor, values[counts > 1])
    if not kept.any():
        return 0.0
    order = np.argsort(code[kept], kind="stable")
    code, factor = code[kept][order], factor[kept][order]
    grouped = np.argsort(factor, kind="stable")  # sorted by value, and within a value by code
    starts = np.flatnonzero(np.diff(factor[grouped])) + 1
    radius, near, own = np.empty(len(code)), np.empty(len(code)), np.empty(len(code))
    for place in np.split(grouped, starts):
        mine = code[place]
        k = min(neighbours, len(mine) - 1)
        radius[place] = distance_to_neighbour(mine, k)
        equal = np.searchsorted(mine, mine, side="right") - np.searchsorted(mine, mine, side="left")
        near[place] = np.where(radius[place] > 0, k, equal)
        own[place] = len(mine)
    # The k-th neighbour itself is not nearer than itself, whatever the rounding.
    inside = radius * (1 - 1e-10)
    among = np.searchsorted(code, code + inside, side="right") - np.searchsorted(code, code - inside, side="left")
    return float(digamma(len(code)) + np.mean(digamma(near) - digamma(own) - digamma(among)))


def distance_to_neighbour(ordered: np.ndarray, k: int) -> np.ndarray:
    """Sorted values (n,), n > k → the distance of each to its k-th nearest other, (n,)."""
    # The k nearest and the value itself are k + 1 in a row; the best row is the one that reaches least far.
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    rows = np.lib.stride_tricks.sliding_window_view(padded, k + 1)  # row s is padded[s : s + k + 1]
    reach = [
        np.maximum(ordered - rows[s : s + len(ordered), 0], rows[s : s + len(ordered), -1] - ordered)
        for s in range(k + 1)
    ]
    return np.min(reach, axis=0)
