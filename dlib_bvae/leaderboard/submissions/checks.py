"""What codes of an honest encoder keep to: they are a function of the image, and they do not hold the factors themselves."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

_BATCH = 1_000
_SAME = 1e-3  # deviations of a code that two encodings of one image may differ by: batches are computed in other orders
_EXACT = 1e-6  # of a factor's variance that an exact copy leaves unexplained
_ROWS_A_CODE = 10  # fewer images for each code would fit any factor


def duplicates(data: Any) -> list[np.ndarray]:
    """Groups of indices (two or more each) of the images of `data` that are the same, pixel by pixel."""
    found: dict[bytes, list[int]] = {}
    for start in range(0, data.num_images, _BATCH):
        rows = np.arange(start, min(start + _BATCH, data.num_images))
        for row, image in zip(rows, np.ascontiguousarray(data.images_at(rows)), strict=True):
            found.setdefault(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), []).append(int(row))
    return [np.array(rows) for rows in found.values() if len(rows) > 1]


def unequal_duplicate(codes: np.ndarray, groups: list[np.ndarray]) -> tuple[int, int] | None:
    """The first two rows of codes (images, latents) that belong to one image and differ; None when there are none.

    Codes that hang on the order of rows, or on factors that the image does not show, differ so. A difference below a
    thousandth of a code's deviation does not count.
    """
    codes = np.asarray(codes, np.float64)
    allowed = _SAME * codes.std(axis=0) + 1e-12
    for rows in groups:
        apart = (np.abs(codes[rows] - codes[rows[0]]) > allowed).any(axis=1)
        if apart.any():
            return int(rows[0]), int(rows[apart.argmax()])
    return None


def exact_factors(codes: np.ndarray, factors: np.ndarray) -> list[int]:
    """The factors (columns) that the codes reproduce exactly, as no unsupervised encoder of images would.

    codes (images, latents), factors int64 (images, factors). Exactly: a factor is a linear function of the codes up to a
    millionth of its variance, or one code has one value for each value of the factor. Factors with one value do not count;
    the linear test needs ten images a code.
    """
    codes = np.asarray(codes, np.float64)
    varied = [column for column in range(factors.shape[1]) if np.ptp(factors[:, column])]
    linear = _linear(codes, factors[:, varied]) if len(codes) >= _ROWS_A_CODE * (codes.shape[1] + 1) else set()
    return [column for place, column in enumerate(varied) if place in linear or _named(codes, factors[:, column])]


def _linear(codes: np.ndarray, factors: np.ndarray) -> set[int]:
    targets = factors - factors.mean(axis=0)
    design = codes - codes.mean(axis=0)
    scale = design.std(axis=0)
    design = design / np.where(scale > 0, scale, 1)
    residual = targets - design @ np.linalg.lstsq(design, targets, rcond=None)[0]
    return set(np.flatnonzero((residual**2).sum(axis=0) <= _EXACT * (targets**2).sum(axis=0)).tolist())


def _named(codes: np.ndarray, factor: np.ndarray) -> bool:
    """Whether some code has one value for each value of the factor, and another for every other."""
    groups = np.unique(factor, return_inverse=True)[1]
    spread = codes.std(axis=0)
    alive = codes[:, spread > 0] / spread[spread > 0]
    if not alive.shape[1]:
        return False
    means = np.stack([np.bincount(groups, code) for code in alive.T], axis=1) / np.bincount(groups)[:, None]
    exact = ((alive - means[groups]) ** 2).mean(axis=0) <= _EXACT
    apart = np.diff(np.sort(means, axis=0), axis=0).min(axis=0) > _SAME
    return bool((exact & apart).any())
