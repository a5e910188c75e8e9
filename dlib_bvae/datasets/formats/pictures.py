"""Pictures to the size at which they are used."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from dlib_bvae.datasets.formats.archives import open_files
from dlib_bvae.datasets.formats.errors import damaged, reading

SIZE = 64
_BLOCK = 512
_LARGEST = 2**22


def resized(image: np.ndarray) -> np.ndarray:
    """uint8 (height, width) or (height, width, 3) → uint8 (64, 64[, 3]) by Pillow's Lanczos filter.

    Lanczos is the filter of disentanglement_lib (its PIL.Image.ANTIALIAS).
    """
    return np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def decoded(content: bytes, size: tuple[int, int], mode: str) -> np.ndarray:
    """The bytes of a JPEG or PNG of (width, height) pixels → uint8 (height, width[, 3]) in `mode` "L" or "RGB".

    Raises ValueError for another size, before any pixel is decoded, and what Pillow raises for damage.
    """
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
        if picture.size != size:
            raise ValueError(f"a picture has {picture.size} pixels instead of {size}")
        return np.asarray(picture.convert(mode))


def read_pictures(
    path: Path, pattern: str, number: int, first: int, image: Callable[[bytes], np.ndarray]
) -> Iterator[np.ndarray]:
    """The pictures of a zip, a tar or a folder whose name matches `pattern`, sorted by name, from `first`, in blocks.

    image: turns a file's bytes into a row. Raises UserError when there are not exactly `number`, or one is damaged.
    """
    kind = "a folder of pictures" if path.is_dir() else "an archive of pictures"
    with reading(path, kind), open_files(path, pattern, _LARGEST) as (names, content), ThreadPoolExecutor() as pool:
        if len(names) != number:
            raise damaged(path, f"it has {len(names):,} pictures instead of {number:,}")
        for start in range(first, number, _BLOCK):
            # Archives are read by one thread; Pillow decodes outside of Python's lock.
            contents = [content(name) for name in names[start : start + _BLOCK]]
            yield np.stack(list(pool.map(image, contents)))
