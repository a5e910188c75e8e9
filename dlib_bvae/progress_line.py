"""What people see of work that takes long: times in words, and on a terminal one line that says how far it is."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_PATIENCE = 2.0  # seconds after which work is long
_open: list[bool] = []  # not empty while a line is shown, in whatever thread


def duration(seconds: float) -> str:
    """In words: "40 s", "12 min", "3 h 05 min", "2 d 4 h"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def in_notebook() -> bool:
    """Whether this process is the kernel of a Jupyter notebook."""
    from rich.console import Console

    return Console().is_jupyter


def bar(console: Console | None = None, live: bool = True) -> Progress:
    """A line: the field `left` of a task, its description, and a bar in the space that remains, so that no time is cut.

    console: None for standard error. live: False shows nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=3)),
        BarColumn(None, table_column=Column(ratio=1)),
        console=console or Console(stderr=True),
        disable=not live,
        expand=True,
    )


@contextlib.contextmanager
def progress(what: str, total: int, console: Console | None = None) -> Iterator[Callable[[], None]]:
    """Gives a function that is called when one more of `total` parts of the work `what` is done.

    The line appears on a terminal where the work is long, and goes when the block ends; work in that work shows none of its own.
    """
    live = not _open and (sys.stderr.isatty() if console is None else console.is_terminal)
    if not live or total < 2:
        yield lambda: None
        return
    began, done, lock = time.monotonic(), 0, threading.Lock()
    _open.append(True)
    line = bar(console)
    line.live.transient = True
    task = line.add_task(what, total=total, left="")

    def advance() -> None:
        nonlocal done
        with lock:
            done += 1
            passed = time.monotonic() - began
            if passed > _PATIENCE:
                left = f"{duration(passed / done * (total - done))} left"
                line.update(task, completed=done, left=left, description=f"{what}, {done} of {total}")
                line.start()

    try:
        yield advance
    finally:
        line.stop()
        _open.clear()
