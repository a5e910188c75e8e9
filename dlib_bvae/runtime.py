"""How a process starts and ends: TensorFlow without its start-up lines, errors of the user as one line with exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
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


def prepare_tensorflow() -> None:
    """From now on TensorFlow, when it is imported, has oneDNN on and writes no start-up lines to standard error.

    Rooms that need it begin with this, which imports nothing. It changes neither what the environment sets already, nor
    anything where TensorFlow has been imported before.
    """
    if "tensorflow" in sys.modules or any(isinstance(finder, _QuietTensorFlow) for finder in sys.meta_path):
        return
    # TensorFlow turns oneDNN on by itself on some CPUs only; on the others it is 1.5 to 2 times as fast too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, _QuietTensorFlow())


def load_tensorflow() -> None:
    """Imports TensorFlow (see prepare_tensorflow) and finds its devices, without start-up lines on standard error."""
    prepare_tensorflow()
    import tensorflow as tf

    with _without_standard_error():
        tf.config.list_logical_devices()


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Lets the first import of TensorFlow run without standard error, and then goes."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """The specification of TensorFlow, with a loader that is quiet; None for all other modules."""
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def quietly(module: ModuleType) -> None:
                with _without_standard_error():
                    load(module)

            spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def _without_standard_error() -> Iterator[None]:
    """Nothing is written to the descriptor in the block: the lines come from C++ before its logging can be configured."""
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
