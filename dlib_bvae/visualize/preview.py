"""A picture of a data set: what each factor changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError

_COLUMNS = 10
_GAP = 2
_GREY = 128


def save_preview(path: Path, data: ImageData) -> None:
    """Writes a PNG: one row a factor, which walks through up to 10 of its values while the others rest at their middle.

    A data set without factors gives 10 × 10 images drawn at random by seed 0. Raises UserError when `path` cannot be
    written.
    """
    if isinstance(data, GroundTruthData):
        names = list(data.factor_names)
        rows = [data.index_of(_walk(data.factor_sizes, k)) for k in range(data.num_factors)]
    else:
        drawn = np.random.default_rng(0).choice(data.num_images, size=min(_COLUMNS**2, data.num_images), replace=False)
        rows = [drawn[start : start + _COLUMNS] for start in range(0, len(drawn), _COLUMNS)]
        names = [""] * len(rows)
    pictures = [(data.images_at(row) * (255 // data.max_pixel)).astype(np.uint8) for row in rows]
    _save(path, names, pictures)


def _walk(sizes: tuple[int, ...], factor: int) -> np.ndarray:
    """Factor values (n, factors): `factor` goes from its first to its last value, the others rest at their middle."""
    values = np.unique(np.linspace(0, sizes[factor] - 1, _COLUMNS).round().astype(int))
    factors = np.tile([size // 2 for size in sizes], (len(values), 1))
    factors[:, factor] = values
    return factors


def _save(path: Path, names: list[str], pictures: list[np.ndarray]) -> None:
    from PIL import Image, ImageDraw

    height, width, channels = pictures[0].shape[1:]
    scale = max(1, 64 // height)
    step_y, step_x = height * scale + _GAP, width * scale + _GAP
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    margin = max(int(pen.textlength(name)) + 3 * _GAP if name else _GAP for name in names)
    canvas = Image.new("RGB", (margin + _COLUMNS * step_x, _GAP + len(names) * step_y), (_GREY,) * 3)
    pen = ImageDraw.Draw(canvas)
    for row, (name, images) in enumerate(zip(names, pictures, strict=True)):
        y = _GAP + row * step_y
        pen.text((_GAP, y + step_y // 2), name, anchor="lm")
        for column, image in enumerate(images.repeat(scale, axis=1).repeat(scale, axis=2)):
            tile = Image.fromarray(image[..., 0] if channels == 1 else image).convert("RGB")
            canvas.paste(tile, (margin + column * step_x, y))
    try:
        canvas.save(path, format="PNG")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another --output") from error
