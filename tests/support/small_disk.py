"""A disk of a few MiB in memory, for tests of what happens when it is full."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = 4096  # bytes, by which a file takes room


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of `size` ("1m") at `folder` until the block ends; the test is skipped where this process may mount none."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root on Linux mounts a disk")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, spare: int) -> None:
    """Leaves `spare` pages free."""
    (disk / "filling").unlink(missing_ok=True)
    with (disk / "filling").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - spare * PAGE)))
