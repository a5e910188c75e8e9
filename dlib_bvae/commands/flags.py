"""The flags that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

Command = tuple[argparse.ArgumentParser, Callable[..., object]]


def parser(
    description: str, *, gin: bool = False, model_dir: bool = False, trust: bool = False
) -> argparse.ArgumentParser:
    """A parser with the flags that several commands have."""
    flags = argparse.ArgumentParser(description=description, allow_abbrev=False)
    if gin:
        add_gin(flags)
    if model_dir:
        flags.add_argument("--model_dir", type=Path, help="the run directory")
        flags.add_argument("--overwrite", action="store_true", help="redo a stage that is done")
    if trust:
        flags.add_argument(
            "--trust",
            action="store_true",
            help="also execute what the gin text of a run from elsewhere imports; by default only what you trained or import",
        )
    return flags


def add_gin(flags: argparse.ArgumentParser) -> None:
    """Adds --gin_config and --gin_bindings."""
    flags.add_argument("--gin_config", action="append", default=[], metavar="FILE", help="a gin file; may be repeated")
    flags.add_argument(
        "--gin_bindings", action="append", default=[], metavar="'NAME.PARAMETER = VALUE'", help="may be repeated"
    )


def with_trust(call: Callable[..., object]) -> Callable[..., object]:
    """`call`, which opens runs, with the flag --trust in force."""

    def trusting_call(*, trust: bool, **given: object) -> None:
        from dlib_bvae.artifacts.trust import trusting

        with trusting(everything=trust):
            call(**given)

    return trusting_call


def print_paths(paths: object) -> None:
    """Names what a command wrote, one path a line."""
    for path in paths:  # type: ignore[attr-defined]
        print(path)
