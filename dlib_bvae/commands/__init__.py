"""The commands: COMMANDS has every one, run() is what dlib_bvae_<name> calls. Flags are read before anything heavy loads."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dlib_bvae import __version__
from dlib_bvae.commands.flags import Command
from dlib_bvae.errors import unknown
from dlib_bvae.runtime import main as call_and_exit
from dlib_bvae.runtime import write_any_text

_VERSION = f"dlib_bvae {__version__}"
# name → the function that returns its parser and what is called with the flags
COMMANDS = {
    "aggregate": "results:aggregate",
    "beta_curve": "study:beta_curve",
    "check": "names:check",
    "data": "data:data",
    "evaluate": "stages:evaluate",
    "leaderboard": "results:leaderboard",
    "list": "names:names",
    "metrics": "metrics:metrics",
    "postprocess": "stages:postprocess",
    "rank": "metrics:rank",
    "report": "study:report",
    "reproduce": "study:reproduce",
    "sensitivity": "metrics:sensitivity",
    "study": "study:study",
    "sweep": "study:sweep",
    "train": "stages:train",
    "validity": "metrics:validity",
    "visualize": "stages:visualize",
}
# name of earlier versions → what it is called today
FORMER = {
    "beta_curve": "study beta_curve",
    "rank": "metrics rank",
    "report": "study report",
    "reproduce": "study run",
    "sensitivity": "metrics sensitivity",
    "sweep": "study run",
    "validity": "metrics validity",
}


def run(name: str) -> None:
    """Runs the command `name` (a key of COMMANDS) with the flags of this process and exits; see runtime.main."""
    parser, call = _made(name)()
    parser.add_argument("--version", action="version", version=_VERSION, help="say which version this is")
    if name in FORMER:
        parser.description = f"{parser.description} Today this is dlib_bvae_{FORMER[name]}."
    call_and_exit(functools.partial(_with_checked_names, call), parser)


def _with_checked_names(call: Callable[..., object], **given: Any) -> None:
    """Calls `call`; a wrong name of gin is refused before, where it would be only once TensorFlow is imported."""
    if given.get("gin_bindings") or given.get("gin_config"):
        from dlib_bvae import gin_names

        gin_names.check(given.get("gin_config", ()), given["gin_bindings"])
    call(**given)


def main() -> None:
    """dlib_bvae <command> …: the same as dlib_bvae_<command> …; exits."""
    write_any_text()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        sys.argv[:2] = [f"dlib_bvae_{name}"]
        run(name)
    if name == "--version":
        print(_VERSION)
    elif name in ("", "-h", "--help"):
        print(_help())
    else:
        known = [each for each in COMMANDS if each not in FORMER]
        program = "python -m dlib_bvae" if Path(sys.argv[0]).name == "__main__.py" else "dlib_bvae"
        print(f"{program}: {unknown('command', name, known)}", file=sys.stderr)
    sys.exit(0 if name in ("--version", "-h", "--help") else 2)


def _made(name: str) -> Callable[[], Command]:
    module, function = COMMANDS[name].split(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)


def _help() -> str:
    today = [name for name in COMMANDS if name not in FORMER]
    lines = [f"  {name:<12} {(_made(name).__doc__ or '').splitlines()[0].rstrip('.')}" for name in today]
    head = "usage: dlib_bvae [-h] [--version] COMMAND ...\n\nBenchmark suite for β-VAE disentanglement.\n\ncommands:"
    foot = "dlib_bvae COMMAND --help says more; dlib_bvae_COMMAND is the same command."
    return "\n".join([head, *lines, "", foot])


entry = SimpleNamespace(**{name: functools.partial(run, name) for name in COMMANDS})  # what setup.py names
