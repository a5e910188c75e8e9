"""The training loop of an ensemble: members in step, each with the checkpoints and logs that it would write alone."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.ensemble import Ensemble
from dlib_bvae.training.loop import (
    SECONDS_A_CALL,
    Clock,
    Interrupted,
    diverged,
    log,
    log_images,
    next_multiple,
    signals,
)
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.trainer import Trainer

Outcome = dict[str, float] | UserError


class _Member:
    """A trainer, and what it keeps and logs in its directory. error: why it dropped out."""

    def __init__(self, trainer: Trainer, directory: Path):
        self.trainer, self.directory = trainer, directory
        self.checkpoints = Checkpoints(directory / "checkpoint", trainer.state)
        self.error: UserError | None = None
        self._writer = tf.summary.create_file_writer(str(directory))

    def start(self, step: int) -> None:
        """Makes ready to go on from `step`."""
        self.trainer.feed.start(step, self.trainer.total)
        self._clock = Clock(self.trainer.state.seconds)

    def reach(self, step: int, finite: bool, logs: bool, examples: tf.Tensor | None) -> None:
        """Counts the time, and logs and saves (with pictures of `examples`) what is due; or drops out."""
        self._clock.tick()
        if not finite or (examples is not None and not self.trainer.weights_finite()):
            self.error = diverged(step, self.directory)
            print(f"{self.directory}: {self.error}; the others go on", file=sys.stderr, flush=True)
            return
        if logs:
            log(self._writer, step, self.trainer.means())
        if examples is not None:
            log_images(self._writer, step, self.trainer.network, examples)
            self.checkpoints.save(step)

    def outcome(self) -> Outcome:
        """What loop.train returns, or the error."""
        if self.error is not None:
            return self.error
        trainer, seconds = self.trainer, float(self.trainer.state.seconds)
        rate = trainer.total * trainer.feed.batch_size / max(seconds, 1e-9)
        return {**trainer.means(), "seconds": seconds, "images_per_second": rate}


def train_ensemble(
    trainers: Sequence[Trainer],
    directories: Sequence[Path],
    *,
    way: str,
    xla: bool,
    checkpoint_every: int,
    log_every: int,
    examples: tf.Tensor,
) -> tuple[list[Outcome], str]:
    """Trains all to the end, from the newest checkpoints of one step that all have; returns outcomes and the way taken.

    An outcome is what loop.train returns, or the UserError of a member whose loss or weights were not finite: it drops out
    and the others go on. way, xla: see Ensemble; the rest: see loop.train. Raises Interrupted after SIGTERM or SIGINT.
    """
    members = active = [_Member(trainer, directory) for trainer, directory in zip(trainers, directories, strict=True)]
    ensemble = Ensemble(trainers, way, xla)
    way, total, step, chunk = ensemble.way, trainers[0].total, _restore(members), 1
    for member in members:
        member.start(step)
    line = ProgressLine(step, total, sum(trainer.feed.batch_size for trainer in trainers))
    with signals() as caught, line:
        while active and step < total:
            if step % log_every == 0:
                for member in active:
                    member.trainer.state.forget_sums()
            stop = min(next_multiple(step, checkpoint_every), next_multiple(step, log_every), total)
            began = time.monotonic()
            finite = _run(ensemble, min(chunk, stop - step))
            step, ran = int(active[0].trainer.state.step), int(active[0].trainer.state.step) - step
            chunk = max(1, int(ran * min(SECONDS_A_CALL / max(time.monotonic() - began, 1e-6), 10.0)))
            line.update(step, _mean([member.trainer.means() for member in active]))
            ends = step == total
            due = examples if step % checkpoint_every == 0 or ends or caught else None
            for member, good in zip(active, finite, strict=True):
                member.reach(step, good, step % log_every == 0 or ends, due)
            if any(member.error for member in active):
                active = [member for member in active if not member.error]
                ensemble = Ensemble([member.trainer for member in active], way, xla) if active else ensemble
            if caught and not ends:
                raise Interrupted(caught[0], step)
    return [member.outcome() for member in members], way


def _restore(members: Sequence[_Member]) -> int:
    """Reads the newest checkpoints of one step; returns that step, 0 where there is none that all have."""
    found = [set(member.checkpoints.steps()) for member in members]
    common = set.intersection(*found)
    if not common:
        if any(found):
            print("no step has a checkpoint of every member, so all begin at step 0", file=sys.stderr)
        return 0
    for member in members:
        member.checkpoints.restore(max(common))
    return max(common)


def _run(ensemble: Ensemble, count: int) -> list[bool]:
    """Runs up to `count` steps; returns whose last loss was finite. Raises what the data set raised, as it was."""
    try:
        return [bool(finite) for finite in ensemble.run(tf.constant(count, tf.int64))]
    except tf.errors.OpError as error:
        errors = (trainer.feed.error for trainer in ensemble.trainers)
        raise next((found for found in errors if found is not None), error) from error


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean over members of every scalar that all have."""
    names = set.intersection(*(set(found) for found in values))
    return {name: statistics.fmean(found[name] for found in values) for name in names}
