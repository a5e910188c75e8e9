"""Picture files of the user: opened by the readers of a few formats, and measured before a pixel is decoded."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dlib_bvae.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Whatever a file is called, its content chooses the reader, and that of EPS runs Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_LARGEST = 2**26  # pixels


@contextlib.contextmanager
def opened_picture(path: Path, what: str = "") -> Iterator[Image]:
    """The picture, of which nothing is decoded yet; decode it within the block.

    what: the file in messages, its path when empty. Raises UserError, then and in the block, for a file that is no BMP, GIF,
    JPEG, PNG, PPM, TIFF or WebP or is damaged, and for more than 2^26 pixels.
    """
    from PIL import Image

    what = what or str(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of what is refused below
            opened = Image.open(path, formats=_FORMATS)
        with opened:
            if opened.width * opened.height > _LARGEST:
                size = f"{opened.height}×{opened.width}"
                raise UserError(
                    f"{what} has {size} pixels; expected at most {_LARGEST:,}; make it smaller or take it out"
                )
            yield opened
    except UserError:
        raise
    # Readers of pictures fail on bad bytes in more ways than are documented: SyntaxError, struct.error, …
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{what} cannot be read as a picture: {reason}; repair it or take it out") from error
