"""Pictures made of images: tiles with texts, reconstructions, an animation."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_GAP = 2  # pixels between tiles
_FRAME = (213, 94, 0)  # Okabe and Ito's vermilion
_GREY = 128  # of the gaps: neither a black image nor a white one runs into it
_LEAST = 64  # a tile's height in pixels; smaller images are enlarged by an integer factor
_FONT = 13  # pixels
_LINE = 17
_MARGIN = 6
_ENLARGED = 2  # reconstructions; a panel of an animation is seen alone, so it is larger than a tile
_PANELS = 5  # in a row of an animation
_CAPTION = 22  # pixels above a panel
_SPACE = 12  # pixels between panels


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Float images (n, H, W, C) in [0, 1] → uint8 (n, H, W, 3), values outside clipped; one channel is grey.

    Of two or more than three channels each is grey, and they stand side by side: uint8 (n, H, W · C, 3).
    """
    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    num, height, width, channels = pixels.shape
    if channels == 3:
        return pixels
    planes = pixels.transpose(0, 1, 3, 2).reshape(num, height, channels * width, 1)
    return planes.repeat(3, axis=3)


def zoom_of(height: int) -> int:
    """By how much tiles of `height` pixels are enlarged: the least integer factor that makes them 64 pixels, at most 64."""
    return max(1, -(-_LEAST // height))


def tile(rows: Sequence[np.ndarray], zoom: int) -> np.ndarray:
    """Rows of images, each uint8 (n, H, W, 3) → one picture uint8, 2 grey pixels around every tile; short rows end in white.

    The pixel (y, x) of tile (row, column) fills zoom × zoom pixels from (2 + row · (zoom · H + 2) + zoom · y, likewise).
    """
    height, width = rows[0].shape[1:3]
    step_y, step_x = height * zoom + _GAP, width * zoom + _GAP
    canvas = np.full((_GAP + len(rows) * step_y, _GAP + max(map(len, rows)) * step_x, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        top = _GAP + row * step_y
        canvas[top - _GAP : top + step_y, : _GAP + len(images) * step_x] = _GREY
        for column, image in enumerate(images.repeat(zoom, axis=1).repeat(zoom, axis=2)):
            left = _GAP + column * step_x
            canvas[top : top + len(image), left : left + image.shape[1]] = image
    return canvas


def labelled(
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    marked: Sequence[int | None] = (),
) -> np.ndarray:
    """Rows of images, each float (n, H, W, C) in [0, 1] → a picture uint8 (h, w, 3), enlarged as zoom_of says.

    row_labels: a text for each row, of one or more lines; column_labels: one for each column, left out where it has no room.
    marked: the column of each row that gets a frame, in the gap around its tile.
    """
    pixels = [as_pixels(images) for images in rows]
    height, width = pixels[0].shape[1:3]
    zoom = zoom_of(height)
    step_y, step_x = height * zoom + _GAP, width * zoom + _GAP
    tiles = tile(pixels, zoom)
    for row, column in enumerate(marked):
        if column is not None:
            _frame(tiles[row * step_y : (row + 1) * step_y + _GAP, column * step_x : (column + 1) * step_x + _GAP])
    left = 2 * _MARGIN + max(map(text_width, row_labels)) if row_labels else 0
    top = _LINE + _MARGIN if column_labels else 0
    canvas = np.full((top + len(tiles), left + tiles.shape[1], 3), 255, np.uint8)
    canvas[top:, left:] = tiles
    texts = [
        (_MARGIN, top + _GAP + row * step_y + height * zoom // 2, text, "lm") for row, text in enumerate(row_labels)
    ]
    every = max(1, -(-(max(map(text_width, column_labels)) + _MARGIN) // step_x)) if column_labels else 1
    for column in range(0, len(column_labels), every):
        texts.append((left + _GAP + column * step_x + width * zoom // 2, top // 2, column_labels[column], "mm"))
    return write(canvas, texts)


def _frame(part: np.ndarray) -> None:
    """Colours the gap around a tile: the outermost pixels of `part`, a view of a picture."""
    for edge in (part[:_GAP], part[-_GAP:], part[:, :_GAP], part[:, -_GAP:]):
        edge[:] = _FRAME


def write(canvas: np.ndarray, texts: Sequence[tuple[int, int, str, str]]) -> np.ndarray:
    """Writes (x, y, text, anchor) into a picture uint8 (h, w, 3) and returns it; anchors are Pillow's, lm and mm."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for x, y, text, anchor in texts:
        lines = text.split("\n")
        for place, line in enumerate(lines):
            shifted = y + round((place - (len(lines) - 1) / 2) * _LINE)
            pen.text((x, shifted), line, fill="black", anchor=anchor, font=font())
    return np.asarray(picture)


def text_width(text: str) -> int:
    """The width in pixels of the longest line of `text`."""
    return max(int(np.ceil(font().getlength(line))) for line in text.split("\n"))


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 (h, w, 3) as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


@functools.cache
def font(size: int = _FONT) -> Any:
    """DejaVu Sans of `size` pixels, which comes with matplotlib and has Greek letters."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def save_reconstructions(path: Path, observations: np.ndarray, reconstructions: np.ndarray) -> None:
    """Writes a PNG: float arrays (n, H, W, C) in [0, 1], observations in the upper row, reconstructions below."""
    rows = [images.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2) for images in (observations, reconstructions)]
    path.write_bytes(png(labelled(rows, ["image", "reconstruction"])))


def there_and_back(num: int) -> np.ndarray:
    """The order of frames 0 … num - 1 that goes back as it came: int64 (2 · num - 2,), or (1,) where num is 1."""
    forth = np.arange(num)
    return np.concatenate([forth, forth[-2:0:-1]])


def panels(images: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """Float images (latents, frames, H, W, C) in [0, 1] → frames uint8 (frames, h, w, 3), at most five panels in a row.

    captions: what stands above each panel.
    """
    count, frames = images.shape[:2]
    pixels = [as_pixels(each) for each in images]
    height, width = pixels[0].shape[1:3]
    zoom = zoom_of(height) * (_ENLARGED if height <= 64 else 1)
    tall, wide = height * zoom, width * zoom
    column = max(wide, max(map(text_width, captions))) + _SPACE
    columns = min(_PANELS, count)
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
