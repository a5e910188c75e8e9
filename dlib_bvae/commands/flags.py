"""The flags that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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


def add_results_dir(flags: argparse.ArgumentParser, text: str, **options: Any) -> None:
    """Adds --results_dir, where runs are; --results is its former name. options: as of add_argument."""
    flags.add_argument("--results_dir", "--results", dest="results_dir", type=Path, help=text, **options)


def add_output_dir(flags: argparse.ArgumentParser, text: str, **options: Any) -> None:
    """Adds --output_dir, where results are written; --output is its former name. options: as of add_argument."""
    flags.add_argument("--output_dir", "--output", dest="output_dir", type=Path, help=text, **options)


def with_commands(description: str, parts: Mapping[str, Callable[[], Command]]) -> Command:
    """A command with a sub-command for each of `parts`, which has its flags, help and example."""
    flags = argparse.ArgumentParser(description=description, allow_abbrev=False)
    commands = flags.add_subparsers(dest="command", metavar="COMMAND", required=True)
    calls = {}
    for name, make in parts.items():
        part, calls[name] = make()
        commands.add_parser(
            name,
            help=(make.__doc__ or "").rstrip(".").replace("%", "%%"),
            description=part.description,
            epilog=part.epilog,
            parents=[part],
            add_help=False,
            allow_abbrev=False,
        )

    def call(command: str, **given: Any) -> None:
        calls[command](**given)

    return flags, call


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
