"""Images as tiles of one picture, with what they are beside and above them."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

GAP = 2  # pixels between tiles
_GREY = 128  # of the gaps: neither a black image nor a white one runs into it
_LEAST = 64  # a tile's height in pixels; smaller images are enlarged by an integer factor
_FONT = 13  # pixels
_LINE = 17
_MARGIN = 6


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Float images (n, H, W, C) in [0, 1] → uint8 (n, H, W, 3), values outside clipped; one channel is grey.

    Of two or more than three channels each is grey, and they stand side by side: uint8 (n, H, W · C, 3).
    """
    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    num, height, width, channels = pixels.shape
    if channels == 3:
        return pixels
    beside = pixels.transpose(0, 1, 3, 2).reshape(num, height, channels * width, 1)
    return beside.repeat(3, axis=3)


def zoom_of(height: int) -> int:
    """By how much tiles of `height` pixels are enlarged: the least integer factor that makes them 64 pixels, at most 64."""
    return max(1, -(-_LEAST // height))


def tile(rows: Sequence[np.ndarray], zoom: int) -> np.ndarray:
    """Rows of images, each uint8 (n, H, W, 3) → one picture uint8, 2 grey pixels around every tile; short rows end in white.

    The pixel (y, x) of tile (row, column) fills zoom × zoom pixels from (2 + row · (zoom · H + 2) + zoom · y, likewise).
    """
    height, width = rows[0].shape[1:3]
    step_y, step_x = height * zoom + GAP, width * zoom + GAP
    canvas = np.full((GAP + len(rows) * step_y, GAP + max(map(len, rows)) * step_x, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        top = GAP + row * step_y
        canvas[top - GAP : top + step_y, : GAP + len(images) * step_x] = _GREY
        for column, image in enumerate(images.repeat(zoom, axis=1).repeat(zoom, axis=2)):
            left = GAP + column * step_x
            canvas[top : top + len(image), left : left + image.shape[1]] = image
    return canvas


def labelled(rows: Sequence[np.ndarray], beside: Sequence[str] = (), above: Sequence[str] = ()) -> np.ndarray:
    """Rows of images, each float (n, H, W, C) in [0, 1] → a picture uint8 (h, w, 3), enlarged as zoom_of says.

    beside: a text for each row, which may have several lines; above: a text for each column, left out where it has no room.
    """
    pixels = [as_pixels(images) for images in rows]
    height, width = pixels[0].shape[1:3]
    zoom = zoom_of(height)
    step_y, step_x = height * zoom + GAP, width * zoom + GAP
    tiles = tile(pixels, zoom)
    left = 2 * _MARGIN + max(map(text_width, beside)) if beside else 0
    top = _LINE + _MARGIN if above else 0
    canvas = np.full((top + len(tiles), left + tiles.shape[1], 3), 255, np.uint8)
    canvas[top:, left:] = tiles
    texts = [(_MARGIN, top + GAP + row * step_y + height * zoom // 2, text, "lm") for row, text in enumerate(beside)]
    every = max(1, -(-(max(map(text_width, above)) + _MARGIN) // step_x)) if above else 1
    for column in range(0, len(above), every):
        texts.append((left + GAP + column * step_x + width * zoom // 2, top // 2, above[column], "mm"))
    return write(canvas, texts)


def write(canvas: np.ndarray, texts: Sequence[tuple[int, int, str, str]]) -> np.ndarray:
    """Writes (x, y, text, anchor) into a picture uint8 (h, w, 3) and returns it; anchors are Pillow's, lm and mm."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for x, y, text, anchor in texts:
        lines = text.split("\n")
        for place, line in enumerate(lines):
            shifted = y + round((place - (len(lines) - 1) / 2) * _LINE)
            pen.text((x, shifted), line, fill="black", anchor=anchor, font=_font())
    return np.asarray(picture)


def text_width(text: str) -> int:
    """The width in pixels of the longest line of `text`."""
    return max(int(np.ceil(_font().getlength(line))) for line in text.split("\n"))


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 (h, w, 3) as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def figure_png(figure: Any) -> bytes:
    """A matplotlib figure as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


@functools.cache
def _font() -> Any:
    """DejaVu Sans, which comes with matplotlib and has Greek letters."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), _FONT)
