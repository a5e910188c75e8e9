"""A data set's preview: what each of its factors changes, from an image on which all of them show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.visualize.pictures import labelled, png, text_width, write

_COLUMNS = 10
_CANDIDATES, _COMPARED = 48, 5  # start images, and values of each factor by which they are compared
_HEAD, _MARGIN = 29, 6  # pixels


def save_preview(path: Path, data: ImageData) -> None:
    """Writes a PNG: one row a factor, which walks through up to 10 of its values while the others are held fixed.

    A data set without factors gives 10 × 10 images chosen at random by seed 0. Raises UserError when `path` cannot be written.
    """
    if isinstance(data, GroundTruthData):
        start = start_of(data)
        rows = [walk(data.factor_sizes, start, factor, _COLUMNS) for factor in range(data.num_factors)]
        labels = [
            f"{name}\n{_count(len(row), size)}"
            for name, row, size in zip(data.factor_names, rows, data.factor_sizes, strict=True)
        ]
        rows, head = [data.index_of(row) for row in rows], "Each factor is varied, the others held fixed."
    else:
        chosen = np.random.default_rng(0).choice(data.num_images, size=min(_COLUMNS**2, data.num_images), replace=False)
        rows = [chosen[first : first + _COLUMNS] for first in range(0, len(chosen), _COLUMNS)]
        labels, head = [], f"{len(chosen):,} of {data.num_images:,} images, chosen at random."
    picture = labelled([data.observations_at(row) for row in rows], labels)
    try:
        path.write_bytes(png(_under(head, picture)))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another --output") from error


def start_of(data: GroundTruthData) -> np.ndarray:
    """Factor values int64 (factors,) of an image from which each factor changes much when it is varied.

    Out of the image with median values and 47 others, drawn by seed 0, that whose least change over the factors is the largest;
    of equal ones that whose second least is, and so on. A change is the mean absolute difference of neighbouring images of a
    row, as a part of the largest that the factor makes from any of them, as small objects change few pixels.
    """
    sizes = np.array(data.factor_sizes)
    drawn = np.random.default_rng(0).integers(0, sizes, size=(_CANDIDATES - 1, len(sizes)))
    candidates = np.concatenate([sizes[None] // 2, drawn])
    changes = np.array([_changes(data, start) for start in candidates])
    parts = np.sort(changes / np.maximum(changes.max(axis=0), 1e-9), axis=1).tolist()
    return candidates[max(range(len(candidates)), key=parts.__getitem__)]


def _changes(data: GroundTruthData, start: np.ndarray) -> list[float]:
    """The change of every factor with more than one value from `start` on, in levels per pixel."""
    rows = [
        walk(data.factor_sizes, start, factor, _COMPARED) for factor, size in enumerate(data.factor_sizes) if size > 1
    ]
    images = data.images_at(data.index_of(np.concatenate(rows))).astype(np.int16)
    parts = np.split(images, np.cumsum([len(row) for row in rows])[:-1])
    return [float(np.abs(np.diff(part, axis=0)).mean()) for part in parts]


def walk(sizes: tuple[int, ...], start: np.ndarray, factor: int, most: int) -> np.ndarray:
    """Factor values (n, factors): `factor` takes up to `most` values from its first to its last, the others stay at `start`."""
    values = np.unique(np.linspace(0, sizes[factor] - 1, most).round().astype(int))
    factors = np.tile(start, (len(values), 1))
    factors[:, factor] = values
    return factors


def _count(shown: int, size: int) -> str:
    return f"{shown} of {size:,} values" if shown < size else "1 value" if size == 1 else f"{size} values"


def _under(head: str, picture: np.ndarray) -> np.ndarray:
    """The picture with a line of text above it, as wide as the wider of both."""
    width = max(picture.shape[1], text_width(head) + 2 * _MARGIN)
    canvas = np.full((_HEAD + len(picture), width, 3), 255, np.uint8)
    canvas[_HEAD:, : picture.shape[1]] = picture
    return write(canvas, [(_MARGIN, _HEAD // 2, head, "lm")])
