"""The training loop: many steps a call inside one tf.function, checkpoints, exact resumption."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.trainer import Trainer

SECONDS_A_CALL = 1.0


class Interrupted(Exception):
    """Training stopped at a signal, with its state saved."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped at step {step} with a checkpoint; run the same command again to continue")
        self.signum = signum


def train(
    trainer: Trainer, directory: Path, *, checkpoint_every: int, log_every: int, examples: tf.Tensor
) -> dict[str, float]:
    """Trains to the end from the newest checkpoint under `directory`/checkpoint; returns the losses and the rate.

    Losses, here and in TensorBoard, are means over the last `log_every` steps or fewer.

    examples: observations float32 (n, H, W, C) in [0, 1] whose reconstructions go to TensorBoard at every checkpoint.
    Raises Interrupted after SIGTERM or SIGINT, UserError when the loss is not finite.
    """
    state = trainer.state
    checkpoints = Checkpoints(directory / "checkpoint", state)
    checkpoints.restore()
    trainer.feed.start(int(state.step), trainer.total)
    writer = tf.summary.create_file_writer(str(directory))
    clock, chunk = Clock(state.seconds), 1
    with signals() as caught, ProgressLine(int(state.step), trainer.total, trainer.feed.batch_size) as line:
        while (step := int(state.step)) < trainer.total:
            if step % log_every == 0:
                state.forget_sums()
            stop = min(next_multiple(step, checkpoint_every), next_multiple(step, log_every), trainer.total)
            began = time.monotonic()
            finite = _run(trainer, min(chunk, stop - step))
            step, ran = int(state.step), int(state.step) - step
            clock.tick()
            if not finite:
                raise diverged(step, directory)
            chunk = max(1, int(ran * min(SECONDS_A_CALL / max(time.monotonic() - began, 1e-6), 10.0)))
            line.update(step, trainer.means())
            if step % log_every == 0 or step == trainer.total:
                log(writer, step, trainer.means())
            if step % checkpoint_every == 0 or step == trainer.total or caught:
                if not trainer.weights_finite():
                    raise diverged(step, directory)
                log_images(writer, step, trainer.network, examples)
                checkpoints.save(step)
            if caught and step < trainer.total:
                raise Interrupted(caught[0], step)
    seconds = float(state.seconds)
    rate = trainer.total * trainer.feed.batch_size / max(seconds, 1e-9)
    return {**trainer.means(), "seconds": seconds, "images_per_second": rate}


def _run(trainer: Trainer, count: int) -> bool:
    """Runs up to `count` steps; returns whether the last loss was finite. Raises what the data set raised, as it was."""
    try:
        return bool(trainer.run(tf.constant(count, tf.int64)))
    except tf.errors.OpError as error:
        raise trainer.feed.error or error from error


class Clock:
    """Adds the time since it was made, or since the last tick, to `seconds`, a variable."""

    def __init__(self, seconds: tf.Variable):
        self._seconds, self._last = seconds, time.monotonic()

    def tick(self) -> None:
        """Adds."""
        now = time.monotonic()
        self._seconds.assign_add(now - self._last)
        self._last = now


def next_multiple(step: int, every: int) -> int:
    """The first multiple of `every` after `step`."""
    return (step // every + 1) * every


def diverged(step: int, directory: Path) -> UserError:
    """What to tell when the training in `directory` gave no numbers any more."""
    return UserError(
        f"the loss or a weight became NaN or infinite at step {step}; the last good checkpoint is kept in "
        f"{directory / 'checkpoint'}; lower the learning rate or change the objective's weights, and train in another --model_dir"
    )


def log(writer: Any, step: int, values: dict[str, float]) -> None:
    """Writes scalars for TensorBoard."""
    with writer.as_default(step=step):
        for name, value in values.items():
            tf.summary.scalar(name, value)
    writer.flush()


def log_images(writer: Any, step: int, network: GaussianVAE, examples: tf.Tensor) -> None:
    """Writes examples beside their reconstructions for TensorBoard."""
    with writer.as_default(step=step):
        tf.summary.image("reconstructions", tf.concat([examples, network.reconstruct(examples)], axis=2), max_outputs=8)
    writer.flush()


@contextlib.contextmanager
def signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT in the list that it gives, instead of dying of them."""
    caught: list[int] = []
    previous = {}
    for signum in (signal.SIGTERM, signal.SIGINT):
        previous[signum] = signal.signal(signum, lambda number, _: caught.append(number))
    try:
        yield caught
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
