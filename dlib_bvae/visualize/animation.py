"""Latent traversals as one animation: a panel a latent, all moving at once."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from dlib_bvae.visualize.tiles import as_pixels, text_width, write, zoom_of

_CAPTION = 22  # pixels above a panel
_SPACE = 12  # pixels between panels
_COLUMNS = 5
_ENLARGED = 2  # a panel is seen alone, so it is larger than a tile


def there_and_back(num: int) -> np.ndarray:
    """The order of frames 0 … num - 1 that goes back as it came: int64 (2 · num - 2,), or (1,) where num is 1."""
    forth = np.arange(num)
    return np.concatenate([forth, forth[-2:0:-1]])


def panels(images: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """Float images (latents, frames, H, W, C) in [0, 1] → frames uint8 (frames, h, w, 3), at most five panels beside each other.

    captions: what stands above each panel.
    """
    count, frames = images.shape[:2]
    pixels = [as_pixels(each) for each in images]
    height, width = pixels[0].shape[1:3]
    zoom = zoom_of(height) * (_ENLARGED if height <= 64 else 1)
    tall, wide = height * zoom, width * zoom
    column = max(wide, max(map(text_width, captions))) + _SPACE
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    row = _CAPTION + tall + _SPACE
    canvas = np.full((rows * row, _SPACE + columns * column, 3), 255, np.uint8)
    corners = [
        (k // columns * row + _CAPTION, _SPACE + k % columns * column + (column - _SPACE - wide) // 2)
        for k in range(count)
    ]
    texts = [
        (left + wide // 2, top - _CAPTION // 2, text, "mm") for (top, left), text in zip(corners, captions, strict=True)
    ]
    result = np.repeat(write(canvas, texts)[None], frames, axis=0)
    for (top, left), each in zip(corners, pixels, strict=True):
        result[:, top - 1 : top + tall + 1, left - 1 : left + wide + 1] = 128
        result[:, top : top + tall, left : left + wide] = each.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return result


def gif(frames: np.ndarray, milliseconds: int) -> bytes:
    """Frames uint8 (n, h, w, 3) → a GIF that loops for ever, each frame shown so long; one palette for all, no dithering."""
    from PIL import Image

    # Colours are chosen from all frames at once: else they would flicker.
    montage = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
    palette = montage.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": pictures[1:], "loop": 0, "duration": milliseconds}
    pictures[0].save(buffer, format="GIF", optimize=False, **options)
    return buffer.getvalue()
