"""Pictures as PNG, over arrays only: tiles of images, and codes of walks through the factors."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.visualize.curves import COLOURS

_GAP = 2
_GREY = 128
_LETTERS = 12  # pixels of a label's height
_DPI = 130


def tiles(rows: Sequence[tuple[str, np.ndarray]], scale: int = 1) -> bytes:
    """Rows of images under each other, each with its label on the left.

    rows: (label, images float (n, H, W, 1 or 3) in [0, 1]); scale: how many pixels a side one becomes.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_LETTERS)
    height, width = (size * scale for size in rows[0][1].shape[1:3])
    longest = max(font.getlength(label) for label, _ in rows)
    margin = int(longest) + 3 * _GAP if longest else _GAP
    most = max(len(images) for _, images in rows)
    size = (margin + most * (width + _GAP), _GAP + len(rows) * (height + _GAP))
    canvas = Image.new("RGB", size, (_GREY,) * 3)
    pen = ImageDraw.Draw(canvas)
    if longest:
        pen.rectangle((0, 0, margin - _GAP - 1, size[1]), fill="white")
    for row, (label, images) in enumerate(rows):
        y = _GAP + row * (height + _GAP)
        pen.text((_GAP, y + height // 2), label, fill="black", font=font, anchor="lm")
        for column, image in enumerate(_pixels(images, scale)):
            canvas.paste(Image.fromarray(image), (margin + column * (width + _GAP), y))
    return _png(canvas)


def _pixels(images: np.ndarray, scale: int) -> np.ndarray:
    """Images in [0, 1] → uint8 (n, H × scale, W × scale, 3)."""
    whole = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(whole, (*whole.shape[:3], 3)).repeat(scale, axis=1).repeat(scale, axis=2)


def _png(canvas: Any) -> bytes:
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def walks(panels: Mapping[str, Sequence[tuple[str, np.ndarray]] | str]) -> bytes:
    """Figure 5. panels: title → [(factor, points (values, 2))], or why there are none.

    A factor is a line through its points, the same colour in every panel; all panels have the same axes.
    """
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.3 * columns, 3.3 * rows + 0.4), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = [points for each in panels.values() if not isinstance(each, str) for _, points in each]
    most = 1.06 * max((float(np.abs(points).max()) for points in drawn), default=1.0)
    named: dict[str, Any] = {}
    for place, (title, each) in zip(places.flat, panels.items(), strict=False):
        place.set_title(title, fontsize=10, parse_math=False)
        place.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
        place.tick_params(labelsize=8)
        if isinstance(each, str):
            place.text(0, 0, "\n".join(textwrap.wrap(each, 34)), ha="center", va="center", fontsize=8, parse_math=False)
            continue
        for k, (factor, points) in enumerate(each):
            colour = COLOURS[k % len(COLOURS)]
            (named[factor],) = place.plot(*points.T, ".-", color=colour, linewidth=0.8, markersize=4, label=factor)
    for place in list(places.flat)[len(panels) :]:
        place.remove()
    figure.supxlabel("first component", fontsize=9)
    figure.supylabel("second component", fontsize=9)
    if named:
        figure.legend(named.values(), named.keys(), loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI)
    return buffer.getvalue()
