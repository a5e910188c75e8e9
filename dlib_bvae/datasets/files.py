"""Where data sets keep their files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CACHE_VARIABLE = "DLIB_BVAE_CACHE_DIR"


def cache_dir() -> Path:
    """The folder for drawn and converted data sets: $DLIB_BVAE_CACHE_DIR, or ~/.cache/dlib_bvae."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "dlib_bvae").expanduser()


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
