"""How much latents change the same pixels: a decoder and codes in, the overlap of its Jacobian's columns out, without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dlib_bvae.models.decoding import decoded

_STEP = (
    0.02  # of a latent's standard deviation: small against the decoder's curvature, large against float32's rounding
)
_LEAST = 1e-6  # of the largest squared length: a shorter column is a latent that changes nothing


class Overlap(NamedTuple):
    """What JᵀJ says of the latents.

    pairs: (J_i · J_j)² / (|J_i|² |J_j|²), averaged over images, in 0 … 1, float64 (k, k); NaN on the diagonal and for a
    latent that changes no pixel. off_diagonal: the share of the sum of squares of JᵀJ, over all images, that lies off its
    diagonal, in 0 … 1.
    lengths: |J_i|, root mean square over images, (k,). A column is scaled by its latent's standard deviation.
    """

    pairs: np.ndarray
    off_diagonal: float
    lengths: np.ndarray


def jacobian_overlap(
    decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, latents: np.ndarray, deviations: np.ndarray
) -> Overlap | None:
    """The overlap at `codes` (n, all latents), by central differences of 0.02 standard deviations; exact for linear decoders.

    decode: latents float32 (n, all) → images. latents: int (k,), those that are compared. deviations: theirs over all images,
    > 0, (k,). None where no latent changes a pixel, as of a decoder that looks its images up.
    """
    gram = np.stack([_gram(decode, code, latents, deviations) for code in codes.astype(np.float32)])
    squared = np.einsum("nii->ni", gram)
    moving = squared > _LEAST * squared.max()
    if not moving.any() or squared.max() <= 0:
        return None
    both = moving[:, :, None] & moving[:, None, :]
    lengths = squared[:, :, None] * squared[:, None, :]
    cosines = np.divide(gram**2, lengths, out=np.zeros(gram.shape), where=both)
    times = both.sum(axis=0)
    pairs = np.divide(cosines.sum(axis=0), times, out=np.full(times.shape, np.nan), where=times > 0)
    np.fill_diagonal(pairs, np.nan)
    energy = float(np.sum(gram**2))
    return Overlap(pairs, 1 - float(np.sum(squared**2)) / energy, np.sqrt(squared.mean(axis=0)))


def _gram(
    decode: Callable[[np.ndarray], np.ndarray], code: np.ndarray, latents: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """JᵀJ float64 (k, k) at one code float32 (all latents,)."""
    places, steps = np.arange(len(latents)), (_STEP * deviations).astype(np.float32)
    moved = np.tile(code, (2, len(latents), 1))
    moved[0, places, latents] += steps
    moved[1, places, latents] -= steps
    # What float32 made of the steps, not what was asked for.
    taken = (moved[0, places, latents].astype(np.float64) - moved[1, places, latents]) / deviations
    images = decoded(decode, moved).astype(np.float64).reshape(2, len(latents), -1)
    columns = (images[0] - images[1]) / np.maximum(taken, np.finfo(float).tiny)[:, None]
    return columns @ columns.T
