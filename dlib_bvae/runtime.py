"""How a process starts and ends: TensorFlow without its start-up lines, errors of the user as one line with exit status 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlib_bvae.errors import UserError, is_disk_full

RUNS = Path("runs")


def main(call: Callable[..., Any], flags: argparse.ArgumentParser) -> None:
    """Parses the flags, calls `call` with them and exits: 0, 2 for a UserError, 128 + n for signal n."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments = vars(flags.parse_args())
    try:
        call(**arguments)
    except UserError as error:
        print(f"{flags.prog}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if is_disk_full(error):
            message = "the disk is full; free some space and run the same command again, it continues (nothing is lost)"
            print(f"{flags.prog}: {message}: {str(error).splitlines()[0]}", file=sys.stderr)
            sys.exit(2)
        signum = getattr(error, "signum", None)
        if signum is None:
            raise
        print(f"{flags.prog}: {error}", file=sys.stderr)
        sys.exit(128 + signum)


def load_tensorflow() -> None:
    """Imports TensorFlow and finds its devices without the library's own start-up lines on standard error."""
    # TensorFlow turns oneDNN on by itself on some CPUs only; on the others it is 1.5 to 2 times as fast too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    # The lines come from C++ before its logging can be configured, so only the descriptor stops them.
    os.dup2(silence, 2)
    try:
        import tensorflow as tf

        tf.config.list_logical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
