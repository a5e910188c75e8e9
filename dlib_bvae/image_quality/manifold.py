"""Precision, recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020) by nearest neighbours of features."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from dlib_bvae.errors import UserError


def manifold_scores(reference: np.ndarray, features: np.ndarray, neighbours: int = 5) -> dict[str, float]:
    """{precision, recall, density, coverage} of `features` (m, d) against `reference` (n, d).

    A ball around an image reaches to its `neighbours`-th nearest other image of its own side; being inside is strict.
    precision: share of the features inside some ball of the reference; recall: the other way round. density: mean
    number of the reference's balls around a feature, over neighbours (may pass 1); coverage: share of the reference's balls
    that hold a feature. Raises UserError when a side has too few images.
    """
    if min(len(reference), len(features)) <= neighbours:
        raise UserError(
            f"{neighbours} neighbours need more than {neighbours} images on each side; got {len(reference)} and {len(features)}"
        )
    real, made = _radii(reference, neighbours), _radii(features, neighbours)
    inside_real = np.zeros(len(features))
    inside_made, covered, start = [], [], 0
    for block in pairwise_distances_chunked(reference, features):
        inside = block < real[start : start + len(block), None]
        inside_real += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        inside_made.append((block < made[None, :]).any(axis=1))
        start += len(block)
    return {
        "precision": float((inside_real > 0).mean()),
        "recall": float(np.concatenate(inside_made).mean()),
        "density": float(inside_real.mean() / neighbours),
        "coverage": float(np.concatenate(covered).mean()),
    }


def _radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """(n,): the distance to the `neighbours`-th nearest other row."""
    # An image is its own nearest: one more is asked for.
    reduce = lambda block, start: np.partition(block, neighbours, axis=1)[:, neighbours]
    return np.concatenate(list(pairwise_distances_chunked(features, reduce_func=reduce)))
