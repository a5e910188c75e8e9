"""A picture of observations above their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_ENLARGED = 2
_GAP = 2


def save_reconstructions(path: Path, observations: np.ndarray, reconstructions: np.ndarray) -> None:
    """Writes a PNG: float arrays (n, H, W, 1 or 3) in [0, 1], observations in the upper row, reconstructions below."""
    from PIL import Image

    rows = [_row(images) for images in (observations, reconstructions)]
    picture = np.concatenate([rows[0], np.full((_GAP, *rows[0].shape[1:]), 0.5), rows[1]], axis=0)
    pixels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8).repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)


def _row(images: np.ndarray) -> np.ndarray:
    """(n, H, W, C) → (H, width, C), grey gaps between."""
    gap = np.full((images.shape[1], _GAP, images.shape[3]), 0.5)
    parts = [part for image in images for part in (image, gap)]
    return np.concatenate(parts[:-1], axis=1)
