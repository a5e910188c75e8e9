"""Information in nats: plug-in, from counts of binned codes and factors; by nearest neighbours; of Gaussian posteriors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import digamma, xlogy

from dlib_bvae.metrics.engine.bounds import check_tables_fit

_CHUNK = 2**22  # joint indices that are counted at once
_ROUNDING = 1e-12


def histogram_bins(codes: np.ndarray, num_bins: int) -> np.ndarray:
    """Codes (n, latents) → the bin of each, int64 (n, latents) in 0 … num_bins - 1.

    Equal-width bins between each latent's least and largest value, as disentanglement_lib's histogram_discretizer;
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


def interval_edges(code: np.ndarray, parts: int) -> np.ndarray:
    """At most parts − 1 ascending edges between values of code (n,) that cut it into parts as equal as its ties allow."""
    ordered = np.sort(code)
    steps = np.flatnonzero(np.diff(ordered)) + 1  # where a new value begins
    if not len(steps):
        return np.empty(0)
    wanted = len(code) * np.arange(1, parts) / parts
    right = np.minimum(np.searchsorted(steps, wanted), len(steps) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(steps[left] - wanted) <= np.abs(steps[right] - wanted), steps[left], steps[right])
    return np.unique((ordered[nearest - 1] + ordered[nearest]) / 2)


def contingency(bins: np.ndarray, num_bins: int, factors: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Counts of (bin, factor value): one int64 (latents, num_bins, size) a factor.

    bins: int (n, latents) in 0 … num_bins - 1. factors: int (n, factors), each in 0 … size - 1, or −1 where an image has no
    value of a factor and is not counted for it. Raises UserError for tables of more than 4 GiB.
    """
    num, latents = bins.shape
    check_tables_fit(latents, num_bins, sum(sizes))
    step = max(1, _CHUNK // max(num, 1))
    tables = [np.empty((latents, num_bins, size), np.int64) for size in sizes]
    for start in range(0, latents, step):
        part = bins[:, start : start + step]
        width = part.shape[1]
        cells = part + num_bins * np.arange(width)
        for k, (table, size) in enumerate(zip(tables, sizes, strict=True)):
            known = factors[:, k] >= 0
            joint = (
                cells * size + factors[:, k, None] if known.all() else cells[known] * size + factors[known, k, None]
            ).ravel()
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


def mutual_information(tables: Sequence[np.ndarray], joint: np.ndarray | None = None) -> np.ndarray:
    """Tables of `contingency` → I(code; factor) in nats, float64 (latents, factors); exactly 0 for constant codes.

    joint: their joint_entropy, where it is known.
    """
    code = np.stack([entropy(table.sum(axis=2)) for table in tables], axis=1)
    factor = np.stack([entropy(table.sum(axis=1)) for table in tables], axis=1)
    information = code + factor - (joint_entropy(tables) if joint is None else joint)
    information[information < _ROUNDING] = 0  # of three entropies of order 1
    return information


def corrected_information(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Tables of `contingency` → I(code; factor) in nats without the plug-in estimate's bias, float64 (latents, factors).

    Miller 1955: of each entropy the bias is −(cells that occur − 1) / (2 · images) to first order, so the information of codes
    that know nothing is estimated as 0 but for its noise. It lies in 0 … the smaller of the two plug-in entropies.
    """
    information = mutual_information(tables)
    for k, table in enumerate(tables):
        of_code, of_factor = table.sum(axis=2), table.sum(axis=1)
        cells = np.count_nonzero(table, axis=(1, 2)) - np.count_nonzero(of_code, axis=1)
        cells = cells - np.count_nonzero(of_factor, axis=1) + 1
        bias = cells / (2 * np.maximum(table.sum(axis=(1, 2)), 1))
        most = np.minimum(entropy(of_code), entropy(of_factor))
        information[:, k] = np.clip(information[:, k] - bias, 0.0, most)
    return information


def factor_entropies(factors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Plug-in entropy of each factor, in nats, float64 (factors,), over the images that have it (>= 0)."""
    pairs = zip(factors.T, sizes, strict=True)
    return np.array([entropy(np.bincount(column[column >= 0], minlength=size)) for column, size in pairs])


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


def neighbour_information(codes: np.ndarray, factors: np.ndarray, neighbours: int) -> np.ndarray:
    """Codes (n, latents) and factors int (n, factors), −1 where missing → estimates in nats ≥ 0, float64 (latents, factors).

    Ross 2014, "Mutual information between discrete and continuous data sets", equation 2: within the distance to the k-th
    nearest of the images with the same factor value, how many of those and how many of all images are. Values that occur
    once say nothing and are left out. Codes at that very distance count on both sides, also where they are more than k
    (Gao et al. 2017), so that rounded codes have the information of others; scikit-learn's mutual_info_classif adds noise
    instead. Where every distance is 0 the codes are discrete, and the estimate is the plug-in one.

    Rows with the same codes and factors count once, as an image that was drawn twice is near to itself. They are images of
    their own, and all count, where codes are the same for different factors too, or a value of a factor has one such row:
    codes are rounded, or discrete.
    """
    once = _first_of_its_kind(np.hstack([codes, factors]))
    if not _first_of_its_kind(codes[once]).all():
        once[:] = True
    pairs = [[_by_neighbours(code, factor, once, neighbours) for factor in factors.T] for code in codes.T]
    return np.maximum(pairs, 0.0)


def _first_of_its_kind(rows: np.ndarray) -> np.ndarray:
    """Rows (n, columns) → whether no earlier one is equal, bool (n,)."""
    keys = [row.tobytes() for row in np.ascontiguousarray(rows + 0.0)]  # −0 becomes 0
    first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    found = np.zeros(len(rows), bool)
    found[list(first.values())] = True
    return found


def _by_neighbours(code: np.ndarray, factor: np.ndarray, once: np.ndarray, neighbours: int) -> float:
    if not once.all():
        values, counts = np.unique(factor[once], return_counts=True)
        counted = once | np.isin(factor, values[counts == 1])
        code, factor = code[counted], factor[counted]
    values, counts = np.unique(factor, return_counts=True)
    kept = np.isin(factor, values[(counts > 1) & (values >= 0)])
    if not kept.any():
        return 0.0
    order = np.argsort(code[kept], kind="stable")
    code, factor = code[kept][order], factor[kept][order]
    grouped = np.argsort(factor, kind="stable")  # sorted by value, and within a value by code
    starts = np.flatnonzero(np.diff(factor[grouped])) + 1
    reach, near, same = np.empty(len(code)), np.empty(len(code)), np.empty(len(code))
    rounding = 4 * np.finfo(float).eps * float(np.abs(code).max())
    for place in np.split(grouped, starts):
        group = code[place]
        k = min(neighbours, len(group) - 1)
        # Codes at the same distance are counted as such, whatever the rounding.
        reach[place] = distance_to_neighbour(group, k) * (1 + 1e-10) + rounding
        near[place] = _others_within(group, reach[place])
        same[place] = len(group)
    among = _others_within(code, reach)
    if reach.max() <= rounding:
        return float(np.log(len(code)) + np.mean(np.log(near + 1) - np.log(same) - np.log(among + 1)))
    return float(digamma(len(code)) + np.mean(digamma(near) - digamma(same) - digamma(among)))


def _others_within(ordered: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Sorted values (n,) → how many others are at most `reach` (n,) away from each, int64 (n,)."""
    last = np.searchsorted(ordered, ordered + reach, side="right")
    return last - np.searchsorted(ordered, ordered - reach, side="left") - 1


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
