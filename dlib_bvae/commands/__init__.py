"""The commands: COMMANDS has every one, run() is what dlib_bvae_<name> calls. Flags are read before anything heavy loads."""

from __future__ import annotations

import importlib

from dlib_bvae.runtime import main

# name → the function that returns its parser and what is called with the flags
COMMANDS = {
    "aggregate": "results:aggregate",
    "beta_curve": "study:beta_curve",
    "data": "data:data",
    "evaluate": "stages:evaluate",
    "leaderboard": "results:leaderboard",
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
    module, function = COMMANDS[name].split(":")
    parser, call = getattr(importlib.import_module(f"{__name__}.{module}"), function)()
    if name in FORMER:
        parser.description = f"{parser.description} Today this is dlib_bvae_{FORMER[name]}, which has the same flags."
    main(call, parser)
