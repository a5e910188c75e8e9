"""Where data sets keep their files."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "DLIB_BVAE_CACHE_DIR"


def cache_dir() -> Path:
    """The folder for drawn and converted data sets: $DLIB_BVAE_CACHE_DIR, or ~/.cache/dlib_bvae."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "dlib_bvae").expanduser()
