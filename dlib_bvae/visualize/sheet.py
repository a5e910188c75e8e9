"""One picture of a run to hand on: originals, reconstructions and traversals with what each latent carries; and its thumbnail."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.visualize.pictures import as_pixels, font, png

COLUMNS = 10
_SIDE, _GAP = 128, 2
_STEP = _SIDE + _GAP
_LEFT = 300  # pixels of a row's texts
_HEAD, _BETWEEN, _FOOT = 96, 58, 40
_TITLE, _TEXT, _SMALL = 30, 21, 17  # pixels of letters
_BAR = 8
_MARK = (213, 94, 0)  # Okabe and Ito's vermilion
_BLUE, _INK, _QUIET, _PALE = (0, 114, 178), (20, 20, 20), (90, 90, 90), (150, 150, 150)
THUMBNAIL_WIDTH, THUMBNAIL_BYTES = 320, 60 * 1024
_THUMBNAIL_ROWS = 5  # of traversals


class Row(NamedTuple):
    """A latent's row: its name, amount, what it carries, its range in words, a bar's length in 0 … 1, whether it is active.

    images: its traversal, float (10, H, W, C) in [0, 1]; marked: the column whose value is nearest to the encoded image's.
    """

    name: str
    amount: str
    carried: str
    ends: str
    bar: float
    active: bool
    images: np.ndarray
    marked: int


class Sheet(NamedTuple):
    """title, facts, foot: lines of text. originals, reconstructions: float (n, H, W, C), n <= 10; the first one is traversed."""

    title: str
    facts: str
    originals: np.ndarray
    reconstructions: np.ndarray
    rows: list[Row]
    foot: str


def tiles(images: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """Float images (n, H, W, C) in [0, 1] → uint8 (n, side, side, 3) on grey, enlarged by an integer or reduced to fit."""
    from PIL import Image

    found = np.full((len(images), side, side, 3), 128, np.uint8)
    for place, pixels in zip(found, as_pixels(images), strict=True):
        height, width = pixels.shape[:2]
        zoom = side // max(height, width)
        if zoom:
            shown = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
        else:
            scale = side / max(height, width)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            shown = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        top, left = (side - shown.shape[0]) // 2, (side - shown.shape[1]) // 2
        place[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return found


def draw_sheet(sheet: Sheet) -> np.ndarray:
    """The sheet as a picture uint8 (h, 1602, 3)."""
    from PIL import Image, ImageDraw

    count = len(sheet.rows)
    width, height = _LEFT + COLUMNS * _STEP + _GAP, _HEAD + 2 * _STEP + _BETWEEN + count * _STEP + _FOOT
    canvas = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(canvas)
    _write(pen, 14, 34, sheet.title, _TITLE, _INK, width - 28)
    _write(pen, 14, 72, sheet.facts, _TEXT, _QUIET, width - 28)
    for row, (name, images) in enumerate(
        {"original": sheet.originals, "reconstruction": sheet.reconstructions}.items()
    ):
        top = _HEAD + row * _STEP
        _write(pen, 14, top + _SIDE // 2, name, _TEXT, _INK, _LEFT - 28)
        _paste(canvas, pen, tiles(images), top, 0 if row == 0 else -1)
    above = _HEAD + 2 * _STEP
    note = (
        "Each row changes one latent of the framed original, from the minimum to the maximum over all images; "
        "framed: the value nearest to its own."
    )
    _write(pen, 14, above + _BETWEEN // 2, note, _SMALL, _QUIET, width - 28)
    for row, each in enumerate(sheet.rows):
        top = above + _BETWEEN + row * _STEP
        _label(pen, each, top)
        _paste(canvas, pen, tiles(each.images), top, each.marked)
    _write(pen, 14, height - _FOOT // 2, sheet.foot, _SMALL, _QUIET, width - 28)
    return np.asarray(canvas)


def _label(pen: Any, row: Row, top: int) -> None:
    """What stands on the left of a traversal."""
    ink, quiet = (_INK, _QUIET) if row.active else (_PALE, _PALE)
    _write(pen, 14, top + 22, f"{row.name}  {row.carried}".rstrip(), _TEXT, ink, _LEFT - 28)
    _write(pen, 14, top + 52, row.amount, _TEXT, ink, _LEFT - 28)
    length = round((_LEFT - 40) * min(max(row.bar, 0.0), 1.0))
    pen.rectangle((14, top + 70, 14 + max(length, 1), top + 70 + _BAR), fill=_BLUE if row.active else _PALE)
    _write(pen, 14, top + 102, row.ends, _SMALL, quiet, _LEFT - 28)


def _paste(canvas: Any, pen: Any, images: np.ndarray, top: int, marked: int) -> None:
    """Tiles from left to right; a frame around the one that is `marked`."""
    from PIL import Image

    for column, tile in enumerate(images):
        left = _LEFT + column * _STEP
        canvas.paste(Image.fromarray(tile), (left, top))
        if column == marked:
            pen.rectangle((left - 1, top - 1, left + _SIDE, top + _SIDE), outline=_MARK, width=5)


def _write(pen: Any, x: int, y: int, text: str, size: int, colour: tuple[int, int, int], room: int) -> None:
    """Text on one line, its middle at y, cut with an ellipsis where it has no room."""
    letters = font(size)
    if letters.getlength(text) > room:
        while text and letters.getlength(f"{text}…") > room:
            text = text[:-1]
        text = f"{text}…"
    pen.text((x, y), text, fill=colour, anchor="lm", font=letters)


def thumbnail(sheet: Sheet) -> bytes:
    """Originals, reconstructions and the first five traversals without texts: a PNG at most 320 pixels wide and 60 KiB large."""
    from PIL import Image

    step = THUMBNAIL_WIDTH // COLUMNS
    rows = [sheet.originals, sheet.reconstructions, *(row.images for row in sheet.rows[:_THUMBNAIL_ROWS])]
    canvas = np.full((len(rows) * step + 4, THUMBNAIL_WIDTH, 3), 255, np.uint8)
    for row, images in enumerate(rows):
        top = row * step + (4 if row >= 2 else 0)
        for column, tile in enumerate(tiles(images)):
            small = np.asarray(Image.fromarray(tile).resize((step - 1, step - 1), Image.Resampling.BOX))
            canvas[top : top + step - 1, column * step : column * step + step - 1] = small
    return _within(canvas, THUMBNAIL_BYTES)


def _within(picture: np.ndarray, most: int) -> bytes:
    """A picture as a PNG of at most `most` bytes, in as many colours as fit."""
    from PIL import Image

    content = png(picture)
    for colours in (256, 128, 64, 32, 16, 8):
        if len(content) <= most:
            break
        buffer = io.BytesIO()
        few = Image.fromarray(picture).quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(buffer, format="PNG", optimize=True)
        content = buffer.getvalue()
    return content
