"""The life of a stage's directory: worked on as <name>.part next to its place, renamed when its results are written."""

from __future__ import annotations

import shutil
from pathlib import Path

from dlib_bvae.artifacts import config_dict, is_done, write_atomic
from dlib_bvae.errors import UserError


def work_dir(final: Path) -> Path:
    """Where an unfinished stage works."""
    return final.with_name(f"{final.name}.part")


def recover(final: Path, stage: str) -> bool:
    """Finishes an interrupted renaming and says whether the stage is done."""
    part = work_dir(final)
    if is_done(part, stage):
        commit(final)
    return is_done(final, stage)


def commit(final: Path) -> None:
    """Puts the finished part in its place; a directory that was there goes only after."""
    old = final.with_name(f"{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    work_dir(final).rename(final)
    shutil.rmtree(old, ignore_errors=True)


def start(final: Path, gin_text: str, overwrite: bool) -> Path:
    """Makes or finds the part to work in. Raises UserError when it was begun with another configuration."""
    part = work_dir(final)
    started = part / "started.gin"
    if overwrite:
        shutil.rmtree(part, ignore_errors=True)
    if started.exists():
        check_same(started.read_text(encoding="utf-8"), gin_text, part)
    part.mkdir(parents=True, exist_ok=True)
    write_atomic(started, gin_text)
    return part


def check_same(before: str, now: str, directory: Path) -> None:
    """Raises UserError naming the first difference of two gin configurations."""
    old, new = config_dict(before), config_dict(now)
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            raise UserError(
                f"{directory} was made with {key} = {old.get(key)!r}, now it is {new.get(key)!r}; choose another "
                "--model_dir, or --overwrite to begin again"
            )
