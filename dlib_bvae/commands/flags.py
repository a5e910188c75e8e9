"""The flags that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.errors import UserError

Command = tuple[argparse.ArgumentParser, Callable[..., object]]


def parser(
    description: str, *, gin: bool = False, model_dir: bool = False, runs: bool = False, trust: bool = False
) -> argparse.ArgumentParser:
    """A parser with the flags that several commands have. runs: of a command that for_each_run calls, see there."""
    flags = argparse.ArgumentParser(description=description, allow_abbrev=False)
    if gin:
        add_gin(flags)
    if runs:
        flags.add_argument(
            "runs",
            nargs="*",
            type=Path,
            metavar="RUN_DIR",
            help="run directories, or zoo:NAME, see dlib_bvae list zoo (default: the most recent)",
        )
        flags.add_argument(
            "--model_dir",
            "--model",
            dest="model_dir",
            type=Path,
            help="one run directory, or zoo:NAME (default: those given, or the most recent)",
        )
    if model_dir:
        flags.add_argument("--model_dir", type=Path, help="the run directory (default: runs/NAME of the last gin file)")
    if model_dir or runs:
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


def for_each_run(call: Callable[..., object]) -> Callable[..., object]:
    """`call`, which takes model_dir, for each of the runs given by position, for --model_dir, or for the most recent run."""

    def call_each(*, runs: Sequence[Path], model_dir: Path | None, **given: Any) -> None:
        if runs and model_dir is not None:
            raise UserError("runs are given by position and by --model_dir; leave out one of the two")
        if len(runs) > 1 and given.get("output_dir") is not None:
            raise UserError("--output_dir takes what belongs to one run; name one run, or leave it out")
        directories: list[Path | None] = [*runs] or [model_dir]
        for each in directories:
            call(model_dir=each, **given)

    return call_each


def print_paths(paths: object) -> None:
    """Names what a command wrote, one path a line."""
    for path in paths:  # type: ignore[attr-defined]
        print(path)
