"""The live progress line of training."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 30.0
_SHOWN = {"loss": "loss", "reconstruction": "rec", "kl": "KL"}


class ProgressLine:
    """Step, images/s, loss, reconstruction, KL and time left: live on a terminal, a line now and then in a log."""

    def __init__(self, first: int, total: int, batch_size: int):
        self.total, self.batch_size = total, batch_size
        self.live = sys.stderr.isatty()
        self._start, self._first, self._last_line = time.monotonic(), first, 0.0
        columns = (BarColumn(bar_width=20), TextColumn("{task.description}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not self.live)
        self._task = self._progress.add_task("starting", total=total, completed=first)

    def __enter__(self) -> ProgressLine:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, step: int, values: dict[str, float]) -> None:
        """Shows the state after `step` steps. Losses in nats, summed over pixels, averaged over the batch."""
        now = time.monotonic()
        rate = (step - self._first) * self.batch_size / max(now - self._start, 1e-9)
        shown = (f"{label} {values[name]:.2f}" for name, label in _SHOWN.items() if name in values)
        text = " · ".join([f"step {step}/{self.total}", f"{rate:,.0f} images/s", *shown])
        self._progress.update(self._task, completed=step, description=text)
        if not self.live and (now - self._last_line > _SECONDS_BETWEEN_LINES or step == self.total):
            left = (self.total - step) * self.batch_size / max(rate, 1e-9)
            print(f"{text} · {left:,.0f} s left", file=sys.stderr, flush=True)
            self._last_line = now
