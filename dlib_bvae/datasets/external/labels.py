"""Labels in any order → the grid of factors, and which row of the file stands at each of its places."""

from __future__ import annotations

import math

import numpy as np

from dlib_bvae.errors import UserError


def grid_of(labels: np.ndarray, images: int, parameter: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Numbers (images, factors) → factor sizes and the row at each grid index, int64 (images,).

    A factor's values are ranked in ascending order. Raises UserError, which names `parameter`, for labels of another
    shape, that are not finite, or that do not name every combination of values exactly once.
    """
    ranked = _ranked(labels, images, parameter)
    sizes = tuple(len(values) for values, _ in ranked)
    refusal = "expected a full grid, each combination once; set from_file.full_grid = False to keep them as they are"
    if math.prod(sizes) != images:
        raise UserError(
            f"{parameter} have {' × '.join(map(str, sizes))} = {math.prod(sizes)} combinations for {images} images; {refusal}"
        )
    places = np.ravel_multi_index(tuple(ranks.ravel() for _, ranks in ranked), sizes)
    counts = np.bincount(places, minlength=images)
    if (counts != 1).any():
        twice = int(np.flatnonzero(counts > 1)[0])
        values = [float(known[k]) for (known, _), k in zip(ranked, np.unravel_index(twice, sizes), strict=True)]
        raise UserError(
            f"{parameter} name {int((counts > 1).sum())} combinations more than once (the first: {values}) and "
            f"{int((counts == 0).sum())} never; {refusal}"
        )
    return sizes, np.argsort(places).astype(np.int64)


def ranks_of(labels: np.ndarray, images: int, parameter: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Numbers (images, factors), any combinations of values → factor sizes and each value's rank, int64 (images, factors).

    Raises UserError, which names `parameter`, for labels of another shape or that are not finite.
    """
    ranked = _ranked(labels, images, parameter)
    return tuple(len(values) for values, _ in ranked), np.stack([ranks.ravel() for _, ranks in ranked], axis=1)


def _ranked(labels: np.ndarray, images: int, parameter: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each factor's values in ascending order, and the place of each image's among them."""
    if labels.ndim != 2 or len(labels) != images or not labels.shape[1]:
        raise UserError(f"{parameter} must be numbers ({images}, factors), one row an image; got shape {labels.shape}")
    if not np.isfinite(labels).all():
        raise UserError(f"{parameter} must be finite; row {int(np.argmin(np.isfinite(labels).all(axis=1)))} is not")
    return [np.unique(column, return_inverse=True) for column in labels.T]
