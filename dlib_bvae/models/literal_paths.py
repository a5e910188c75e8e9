"""A directory's path → one in which TensorFlow, which reads checkpoints by patterns, finds no pattern."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dlib_bvae.artifacts.record import writing
from dlib_bvae.errors import UserError

_PATTERN = re.compile(r"[][*?]" if os.name == "nt" else r"[][*?\\]")


@contextlib.contextmanager
def literal_path(directory: Path) -> Iterator[str]:
    """In the block, a path to `directory` without any of [ ] * ? and backslash: its name, or a link in a temporary folder.

    What is opened by that path must be read before the block ends. Raises UserError where no link can be made.
    """
    if not _PATTERN.search(str(directory)):
        yield str(directory)
        return
    advice = r"choose a directory without any of [ ] * ? \ in its path, or set TMPDIR to such a one"
    if _PATTERN.search(tempfile.gettempdir()):
        raise UserError(f"cannot make a link to {directory} in {tempfile.gettempdir()}; {advice}")
    with contextlib.ExitStack() as opened:
        with writing(directory, advice):
            link = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dlib_bvae-"))) / "directory"
            link.symlink_to(directory.absolute(), target_is_directory=True)
        yield str(link)
