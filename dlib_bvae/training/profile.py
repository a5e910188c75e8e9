"""A profile of a few steps for TensorBoard, written beside the scalars."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError


class Profile:
    """Profiles the steps `first` … `last` - 1 into `directory`/plugins/profile; nothing where they are equal.

    A context: a profile that is begun is written when the block ends, however it does.
    """

    def __init__(self, directory: Path, first: int = 0, last: int = 0):
        self._directory, self._first, self._last = directory, first, last
        self._running = self._written = False

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop()
        if self._first < self._last and not self._written:
            print(f"profile: none, as no step of {self._first} … {self._last - 1} was taken now")

    def before(self, step: int, stop: int) -> int:
        """Starts or stops the profile before `step` is taken; returns how far to go without asking again, at most `stop`."""
        if not self._running and self._first <= step < self._last:
            tf.profiler.experimental.start(str(self._directory))
            self._running = True
        elif step >= self._last:
            self._stop()
        return min([stop, *(place for place in (self._first, self._last) if place > step)])

    def _stop(self) -> None:
        if self._running:
            self._running, self._written = False, True
            tf.profiler.experimental.stop()
            print("profile: written into plugins/profile beside the scalars; tensorboard-plugin-profile shows it")


def steps_of(text: str, total: int) -> tuple[int, int]:
    """ "100:110" → (100, 110), the steps to profile. Raises UserError unless 0 <= first < last and first < `total`."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not first < min(last, total):
        raise UserError(
            f"--profile must be two steps FIRST:LAST of the training, the second larger, such as 100:110, and FIRST below "
            f"model.training_steps = {total}; got {text!r}"
        )
    return first, last
