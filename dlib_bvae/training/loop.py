"""The training loop: many steps a call inside one tf.function, a progress line, a profile of a few steps, exact resumption."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.progress_line import bar, duration, in_notebook
from dlib_bvae.runtime import say
from dlib_bvae.training.hardware import announce
from dlib_bvae.training.session import Chunk, Interrupted, TrainingSession, raised_by, signals
from dlib_bvae.training.trainer import Trainer

_SECONDS_BETWEEN_LINES = 30.0
_MANY_IMAGES = 5_000_000  # an hour or more at the documented rates of two cores
_SECONDS_BETWEEN_DRAWINGS = 0.5  # of the line in a notebook
_WIDTH = 100  # characters of it
_SECONDS_OF_ESTIMATE = 3.0  # of steps, from which the time of all is estimated
_SHORT, _LONG = 20.0, 1800.0  # seconds of a training that nobody waits for, and that many would rather not begin
_SHOWN = {"loss": "loss", "reconstruction": "rec", "kl": "KL"}


def train(
    trainer: Trainer,
    directory: Path,
    *,
    checkpoint_every: int,
    log_every: int,
    examples: np.ndarray,
    profile: tuple[int, int] = (0, 0),
    images: str = "",
) -> dict[str, float]:
    """Trains to the end from the newest checkpoint under `directory`/checkpoint; returns the losses and the rate.

    Losses are means over the last model.loss_window steps or fewer, those in TensorBoard over the steps since the last log.

    examples: see TrainingSession. profile: the steps first … last - 1 are profiled; none where they are equal. images: what is
    said of the data set.
    Raises Interrupted after SIGTERM or SIGINT, UserError when the loss is not finite or the training has diverged.
    """
    session = TrainingSession(
        trainer, directory, checkpoint_every=checkpoint_every, log_every=log_every, examples=examples
    )
    announce(trainer.strategy, what=begun(directory, session.step, trainer.total, trainer.feed.batch_size, images))
    chunk = Chunk()
    with (
        signals() as caught,
        Profile(directory, *profile) as profiler,
        ProgressLine(session.step, trainer.total, trainer.feed.batch_size) as line,
    ):
        while not trainer.done:
            stop = profiler.before(session.step, session.begin())
            with raised_by(trainer), chunk.timed(stop - session.step) as count:
                finite = bool(trainer.run(tf.constant(count, tf.int64)))
            stopping = bool(caught)  # a signal from now on waits for the next checkpoint
            session.reach(finite, stopping)
            line.update(session.step, trainer.means())
            if stopping and not trainer.done:
                raise Interrupted(caught[0], session.step)
    return session.outcome()


def begun(directory: Path, step: int, total: int, batch_size: int, images: str, members: int = 1) -> str:
    """What training begins: its steps, the images of each, the data set and the run directory; and where it takes hours."""
    steps = pluralize(total, "step") if not step else f"steps {step:,} to {total:,}"
    of = f" of {images}" if images else ""
    models = "" if members == 1 else f" of {members} models"
    images_left = (total - step) * batch_size * members
    long = (
        f", {images_left / 1e6:.1f} million in all, which take hours without a GPU,"
        if images_left >= _MANY_IMAGES
        else ""
    )
    return f"training {directory.parent}: {steps} of {pluralize(batch_size, 'image')}{of}{models}{long}"


class ProgressLine:
    """Time left, step, images/s, loss, reconstruction, KL: live on a terminal and in a notebook, a line now and then in a log.

    Once a few seconds of steps are taken, which the first call with its compilation is none of, it says how long the whole takes.
    """

    def __init__(self, first: int, total: int, batch_size: int):
        self.total, self.batch_size = total, batch_size
        self.live, self._redraws = sys.stderr.isatty(), in_notebook()
        self._start, self._first, self._last_line = time.monotonic(), first, 0.0
        self._compiled: tuple[float, int] | None = None  # when the first call was done, and the step
        self._estimated = False
        self._progress = bar(live=self.live)
        self._task = self._progress.add_task("starting", total=total, completed=first, left="")

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
        seconds = self._seconds_left(now, step)
        left = "" if seconds is None else f"{duration(seconds)} left"
        self._progress.update(self._task, completed=step, description=text, left=left)
        between = _SECONDS_BETWEEN_DRAWINGS if self._redraws else _SECONDS_BETWEEN_LINES
        if not self.live and (now - self._last_line > between or step == self.total):
            line = " · ".join(filter(None, [left, text]))
            if self._redraws:  # what is written after a return takes the place of the line
                print(f"\r{line:<{_WIDTH}}", end="" if step < self.total else "\n", file=sys.stderr, flush=True)
            else:
                print(line, file=sys.stderr, flush=True)
            self._last_line = now

    def _seconds_left(self, now: float, step: int) -> float | None:
        """The time left by the steps since the first call, None before there are any; after a few seconds it is said once."""
        if step == self.total:
            return 0.0
        if self._compiled is None:
            self._compiled = now, step
        began, first = self._compiled
        if step == first:
            return None
        seconds = (self.total - step) * (now - began) / (step - first)
        if not self._estimated and now - began >= _SECONDS_OF_ESTIMATE:
            self._estimated = True
            self._say(seconds)
        return seconds

    def _say(self, seconds: float) -> None:
        """Says how long the training takes here, where that is long, and the way out where it is very long."""
        if seconds < _SHORT:
            return
        text = f"this takes about {duration(seconds)} here"
        if seconds > _LONG:
            text += "; Ctrl-C ends it with a checkpoint, the same command continues; for fewer steps: "
            text += "--gin_bindings='model.training_steps = …'"
        if self._redraws:
            print(f"\r{text:<{_WIDTH}}", file=sys.stderr, flush=True)
        else:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Profile:
    """Profiles the steps `first` … `last` - 1 into `directory`/plugins/profile; nothing where they are equal.

    A context: a profile that is begun is written when the block ends, however it does.
    """

    def __init__(self, directory: Path, first: int = 0, last: int = 0):
        self._directory, self._first, self._last = directory, first, last
        self._running = self._written = False

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._first < self._last and not self._written:
            say(f"profile: none, as no step of {self._first} … {self._last - 1} was taken now")

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
            say("profile: written into plugins/profile next to the scalars; tensorboard-plugin-profile shows it")


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
