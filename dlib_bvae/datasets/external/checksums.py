"""The checksum of the user's files, remembered by their size and time of change."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from dlib_bvae.datasets.official.files import cache_dir, sha256_of


def content_sha256(paths: Sequence[Path]) -> str:
    """sha256 of one file, or of the checksums of several in their order.

    Remembered in the cache folder under the files' places, sizes and times of change (nanoseconds), so that a large file
    is read once; touch a file that was changed with both kept. Raises OSError for a file that cannot be read.
    """
    remembered = cache_dir() / "checksums" / listing_of(paths)
    with contextlib.suppress(OSError):
        text = remembered.read_text(encoding="utf-8")
        if len(text) == 64:
            return text
    digests = [sha256_of(path) for path in paths]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        remembered.parent.mkdir(parents=True, exist_ok=True)
        part = remembered.with_name(f"{remembered.name}.{os.getpid()}")
        part.write_text(digest, encoding="utf-8")
        os.replace(part, remembered)
    return digest


def listing_of(paths: Sequence[Path]) -> str:
    """64 hexadecimal digits that change with the files' places, sizes and times of change."""
    stats = [(str(path.resolve()), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(stats).encode()).hexdigest()
