"""Picture files of the user: opened by the readers of a few formats, measured before a pixel is decoded, read as 8-bit RGB."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlib_bvae.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Whatever a file is called, its content chooses the reader, and that of EPS runs Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_LARGEST = 2**26  # pixels
WHITE = (255, 255, 255)
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_WHITE_IS_ZERO, _SIGNED = 0, 2


@contextlib.contextmanager
def opened_picture(path: Path, what: str = "") -> Iterator[Image]:
    """The picture, of which nothing is decoded yet; decode it within the block.

    what: the file in messages, its path when empty. Raises UserError, then and in the block, for a file that is no BMP, GIF,
    JPEG, PNG, PPM, TIFF or WebP or is damaged, and for more than 2^26 pixels.
    """
    from PIL import Image, UnidentifiedImageError

    what = what or str(path)
    try:
        # Opened here, since Pillow maps what it opens by a path into memory, and scrambles a TIFF on its side there.
        with path.open("rb") as file:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of what is refused below
                opened = Image.open(file, formats=_FORMATS)
            if opened.width * opened.height > _LARGEST:
                size = f"{opened.height}×{opened.width}"
                raise UserError(
                    f"{what} has {size} pixels; expected at most {_LARGEST:,}; make it smaller or take it out"
                )
            yield opened
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(
            f"{what} cannot be read as a picture: it is none of {', '.join(_FORMATS)} that Pillow reads; repair it or take it out"
        ) from error
    # Readers of pictures fail on bad bytes in more ways than are documented: SyntaxError, struct.error, …
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{what} cannot be read as a picture: {reason}; repair it or take it out") from error


def rgb_picture(opened: Image, background: tuple[int, int, int] = WHITE) -> Image:
    """A picture of `opened_picture` → the same in mode RGB, 8 bits, upright by its EXIF orientation.

    16-bit gray is scaled by 1/257 and rounded (12-bit by 255/4095), floating point by 255; of 16-bit colour the high bytes
    are taken. What is transparent shows `background` (red, green, blue; 0 … 255). Palettes, CMYK, YCbCr and one bit are
    converted by Pillow, without colour profiles. Of several frames or pages the first is taken.
    Raises ValueError, of which `opened_picture` makes its UserError, for floating point outside [0, 1] and for signed and
    32-bit integers.
    """
    from PIL import Image, ImageOps

    if opened.format == "PNG" and "RGB;16B" in str(getattr(opened, "tile", "")) and "transparency" in opened.info:
        # Pillow takes the high bytes of the pixels only, not of the colour that is transparent.
        opened.info["transparency"] = tuple(value >> 8 for value in opened.info["transparency"])
    signed = _SIGNED in getattr(opened, "tag_v2", {}).get(_SAMPLE_FORMAT, ())
    if signed or (opened.format == "TIFF" and opened.mode == "I"):
        raise ValueError("it has signed or 32-bit integers, expected 8 or 16 bits or floating point from 0 to 1")
    picture = opened if opened.format == "TIFF" else ImageOps.exif_transpose(opened)  # Pillow's reader of TIFF turns it
    if picture.mode == "F" or picture.mode.startswith("I"):
        picture = _eight_bits(picture, opened)
    if not _has_alpha(picture):
        return picture.convert("RGB")
    below = Image.new("RGBA", picture.size, (*background, 255))
    return Image.alpha_composite(below, picture.convert("RGBA")).convert("RGB")


def _eight_bits(picture: Image, opened: Image) -> Image:
    """Gray of more than 8 bits → mode L, or LA where the file names a transparent value; opened: with the file's tags."""
    from PIL import Image

    values, tags = np.asarray(picture), getattr(opened, "tag_v2", {})
    if picture.mode == "F":
        white: float = 1
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"its floating-point values are from {low:g} to {high:g}, expected 0 to 1")
    else:
        white = 2 ** tags.get(_BITS, (16,))[0] - 1
    seen = white - values if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else values
    gray = Image.fromarray(np.rint(seen * np.float32(255 / white)).astype(np.uint8))
    if "transparency" in picture.info:
        gray.putalpha(Image.fromarray(np.where(values == picture.info["transparency"], 0, 255).astype(np.uint8)))
    return gray


def _has_alpha(picture: Image) -> bool:
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        return True
    return picture.palette is not None and picture.palette.mode.endswith("A")
