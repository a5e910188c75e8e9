"""Takes wide codes of some images; hands on which of the codes inform of the factors most, for metrics that cannot take them all."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence

import numpy as np

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
    if asked:
        kept = min(asked, latents)
    else:
        kept = KEPT if latents >= WIDE else latents
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
    """Nats, float64 (latents, factors), of codes in equal-width bins, less what chance gives (Miller 1955).

    The plug-in estimate is too large by about (cells − rows − columns + 1) / 2n, of those that are not empty, and so by more
    for dense codes than for sparse ones, which leave most bins empty.
    """
    found = np.empty((codes.shape[1], len(sizes)))
    for start in range(0, codes.shape[1], _BLOCK):
        tables = binned_tables(codes[:, start : start + _BLOCK], _BINS, factors, sizes)
        chance = [
            (
                (table > 0).sum(axis=(1, 2))
                - (table.sum(axis=2) > 0).sum(axis=1)
                - (table.sum(axis=1) > 0).sum(axis=1)
                + 1
            )
            / (2 * np.maximum(table.sum(axis=(1, 2)), 1))
            for table in tables
        ]
        found[start : start + _BLOCK] = mutual_information(tables) - np.stack(chance, axis=1)
    return found


def said(latents: int, kept: np.ndarray, images: int) -> Result:
    """What a result says of codes that were screened: how many there were, on how many images, and which were kept."""
    return {SCREENING: {"codes": latents, "images": images, "kept": kept.tolist()}}
