"""How a process starts and ends: TensorFlow without its start-up lines, errors of the user as one line with exit status 2."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import contextvars
import errno
import gc
import importlib.abc
import importlib.util
import io
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from dlib_bvae.errors import UserError, is_disk_full, visible

RUNS = Path("runs")


# Of an OSError: what the user's folders are like.
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_DEFAULT = (signal.default_int_handler, signal.SIG_DFL)
_open: list[bool] = []  # not empty while a block of interruptible() is open
_noted: list[int] = []  # the signals that came in it
_quiet = contextvars.ContextVar("quiet", default=False)


def main(call: Callable[..., Any], flags: argparse.ArgumentParser) -> None:
    """Parses the flags, calls `call` with them and exits: 0, 2 for a UserError, 128 + n for signal n.

    SIGINT and SIGTERM end the command wherever it is, also where a library swallows the KeyboardInterrupt.
    """
    write_any_text()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    atexit.register(gc.freeze)  # collecting what TensorFlow leaves, object by object, takes longer than many a command
    arguments = vars(flags.parse_args())
    sys.exit(_status(call, arguments, flags.prog))


def _status(call: Callable[..., Any], arguments: dict[str, Any], prog: str) -> int:
    """Calls `call` and returns the exit status; what is neither the user's nor the system's doing is raised."""
    with interruptible(signal.SIGINT, signal.SIGTERM):
        try:
            call(**arguments)
            raise_if_interrupted()
            sys.stdout.flush()
            return 0
        except (Exception, KeyboardInterrupt) as error:
            status, text = _interrupted() if _noted or isinstance(error, KeyboardInterrupt) else _ending(error)
            if status is None:
                raise
            if text:
                print(f"{prog}: " + "\n".join(map(visible, text.split("\n"))), file=sys.stderr)
            return status


def _interrupted() -> tuple[int, str]:
    """The exit status and the sentence of a command that was ended by a signal; after Ctrl-C there is nothing to say."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)  # a second Ctrl-C ends the process at once, without a traceback
    signum = signal.Signals(_noted[0] if _noted else signal.SIGINT)
    forget_interrupt()
    text = "" if signum == signal.SIGINT else f"ended by {signum.name}; what was not finished is not recorded"
    return 128 + signum, text


def _ending(error: BaseException) -> tuple[int | None, str]:
    """The exit status and the sentence of an error; (None, "") where it is to be raised."""
    if isinstance(error, UserError):
        return 2, str(error)
    if is_disk_full(error):
        message = "the disk is full; free some space and run the same command again, it continues (nothing is lost)"
        place = re.sub(r"^\{\{.*?\}\} ", "", str(error).splitlines()[0])  # TensorFlow begins with the operation
        return 2, f"{message}: {place}"
    if isinstance(error, BrokenPipeError) and _output_is_closed():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more when it ends
        return 128 + 13, ""
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE and error.filename is not None:
        advice = "choose another place, or see who may use it"
        return 2, f"cannot open or write {error.filename}: {error.strerror}; {advice}"
    signum = getattr(error, "signum", None)
    return (None, "") if signum is None else (128 + signum, str(error))


def _output_is_closed() -> bool:
    """Whether what read the standard output, such as `head`, has ended."""
    if not hasattr(select, "poll"):  # Windows
        return False
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    return bool(output.poll(0))


def say(text: object) -> None:
    """Prints one line for people on standard output, unless the caller takes values instead (see quiet)."""
    if not _quiet.get():
        print(text)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """In the block say() prints nothing; warnings and progress stay on standard error."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def write_any_text() -> None:
    """From now on standard output and error write what their encoding lacks as an escape such as \\xb1, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def interruptible(*signals: int) -> Iterator[None]:
    """In the block each of `signals` (default: SIGINT) is noted and raises KeyboardInterrupt; it is raised again at the end.

    Libraries swallow KeyboardInterrupt: scikit-learn's MLPClassifier stops training at it, and Python ignores it in
    __del__. So whoever records a result calls raise_if_interrupted() first. A block inside a block adds nothing but that
    call at its end. Handlers that others have installed, and ignored signals, stay; outside the main thread, where no signal is
    handled, nothing is installed. All is as before after the block.
    """
    if _open or threading.current_thread() is not threading.main_thread():
        yield
        raise_if_interrupted()
        return
    ours = [each for each in signals or (signal.SIGINT,) if signal.getsignal(each) in _DEFAULT]
    previous: dict[int, Any] = {}
    _noted.clear()
    _open.append(True)
    try:
        for each in ours:
            previous[each] = signal.getsignal(each)
            signal.signal(each, _note)
        yield
        raise_if_interrupted()
    finally:
        for signum, handler in previous.items():
            if signal.getsignal(signum) is _note:
                signal.signal(signum, handler)
        _open.clear()
        _noted.clear()


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt where one was raised in this block of interruptible() and something has swallowed it."""
    if _noted:
        raise KeyboardInterrupt


def forget_interrupt() -> None:
    """For a command that Ctrl-C is meant to end in an orderly way: the signals that came so far count no more."""
    _noted.clear()


def _note(signum: int, _: object) -> None:
    _noted.append(signum)
    raise KeyboardInterrupt


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
    """Imports TensorFlow (see prepare_tensorflow) and finds its devices, without start-up lines on standard error.

    Raises UserError where it is not installed.
    """
    prepare_tensorflow()
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise UserError(
            "this needs TensorFlow, which is not installed here; install this package with what it needs, pip install . in a "
            "checkout (scores of codes, tables and the board do without)"
        ) from error
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
                with _without_standard_error(), without_collection():
                    load(module)

            spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """No garbage is looked for in the block: an import makes a million objects that stay, and little garbage."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


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
