"""Takes wide codes; hands on which of them inform of the factors most, for metrics that cannot take them all."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import gammaln, xlogy

from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.engine.information import binned_tables, factor_entropies, mutual_information
from dlib_bvae.metrics.score_info import Result

SCREENING = "screening"  # entry of a result
WIDE = 1_000  # latents, from which on codes are screened by default
KEPT = 100  # codes that are kept of them
_PARAMETER = "screened_codes"
_IMAGES = 5_000  # on which codes are screened, at most
_SHARE = 4  # one image of so many, at most
_BINS = 20
_BLOCK = 512  # codes at once

_open: contextvars.ContextVar[tuple[int, dict[str, int]]] = contextvars.ContextVar("screened")


@contextlib.contextmanager
def screened(screened_codes: int) -> Iterator[dict[str, int]]:
    """In the block, metrics that screen codes keep `screened_codes` of wider ones; 0, and outside: 100 of 1,000 and more.

    Yields what results record of it, filled in the block: {"screened_codes": number}, empty where none were screened.
    Raises UserError for a number out of range.
    """
    check_integer(_PARAMETER, screened_codes, 0, WIDE)
    record: dict[str, int] = {}
    token = _open.set((int(screened_codes), record))
    try:
        yield record
    finally:
        _open.reset(token)


def number_kept(latents: int) -> int:
    """How many of the codes are kept; all of them unless they are wide."""
    asked, record = _open.get((0, {}))
    kept = min(asked, latents) if asked else KEPT if latents >= WIDE else latents
    if kept < latents:
        record[_PARAMETER] = kept
    return kept


def screening_images(images: int) -> int:
    """On how many of the images codes are screened; the others are scored."""
    return max(1, min(_IMAGES, images // _SHARE))


def most_informative(codes: np.ndarray, factors: np.ndarray, sizes: Sequence[int], number: int) -> np.ndarray:
    """Indices of the `number` codes that inform of factors most, int64 (number,), ascending.

    codes (n, latents), factors int (n, factors), −1 where missing, with `sizes` values. Each factor ranks the codes by
    mutual information; a code has its best rank, so factors have equally many among those that are kept; of equal ranks the
    code that has the larger share of a factor's entropy comes first, then the earlier one. Constant codes come last.
    """
    shares = _information(codes, factors, sizes) / np.maximum(factor_entropies(factors, sizes), np.finfo(float).tiny)
    constant = codes.max(axis=0) == codes.min(axis=0)
    shares[constant] = -np.inf
    places = np.argsort(np.argsort(-shares, axis=0, kind="stable"), axis=0, kind="stable")
    order = np.lexsort((-shares.max(axis=1), places.min(axis=1)))
    return np.sort(order[:number])


def _information(codes: np.ndarray, factors: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Nats, float64 (latents, factors), of codes in equal-width bins, less what independent codes with these bins have.

    Counts on their own make codes inform, and dense codes of many bins by far more than sparse ones. With independent counts
    N ~ Poisson(λ), λ = row · column / n, the entropies in the estimate have the expectation log n − Σ E[N log N] / n; where
    every count is large that is the correction of Miller 1955.
    """
    found = np.empty((codes.shape[1], len(sizes)))
    for start in range(0, codes.shape[1], _BLOCK):
        tables = binned_tables(codes[:, start : start + _BLOCK], _BINS, factors, sizes)
        chance = np.stack([_of_independent(table) for table in tables], axis=1)
        found[start : start + _BLOCK] = mutual_information(tables) - chance
    return found


def _of_independent(table: np.ndarray) -> np.ndarray:
    """Counts (latents, bins, values), of as many images each → what independent codes inform by chance, nats, (latents,)."""
    bins, values = table.sum(axis=2), table[0].sum(axis=0)
    images = values.sum()
    if not images:
        return np.zeros(len(table))
    cells = _expected(bins[:, :, None] * (values / images)).sum(axis=(1, 2))
    return (cells - _expected(bins).sum(axis=1) - _expected(values).sum() + _expected(images)) / images


def _expected(rate: np.ndarray) -> np.ndarray:
    """E[N log N] of N ~ Poisson(rate), of rate's shape."""
    few = rate * np.interp(rate, *_LOGARITHMS)
    large = np.maximum(rate, _LARGE)
    return np.where(rate < _LARGE, few, large * np.log(large) + 0.5 + 1 / (12 * large))


def _logarithms() -> tuple[np.ndarray, np.ndarray]:
    """Rates from 0 on and E[log(N + 1)] of N ~ Poisson(rate)."""
    rates = np.linspace(0, _LARGE**0.5, 2_000) ** 2
    counts = np.arange(int(4 * _LARGE))
    return rates, np.exp(xlogy(counts, rates[:, None]) - rates[:, None] - gammaln(counts + 1)) @ np.log(counts + 1)


_LARGE = 50.0
_LOGARITHMS = _logarithms()


def said(latents: int, kept: np.ndarray, images: int) -> Result:
    """What a result says of codes that were screened: how many there were, on how many images, and which were kept."""
    return {SCREENING: {"codes": latents, "images": images, "kept": kept.tolist()}}
