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
from dlib_bvae.training.profile import Profile
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.trainer import Trainer

_SECONDS_A_CALL = 1.0


class Interrupted(Exception):
    """Training stopped at a signal, with its state saved."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped at step {step} with a checkpoint; run the same command again to continue")
        self.signum = signum


def train(
    trainer: Trainer,
    directory: Path,
    *,
    checkpoint_every: int,
    log_every: int,
    examples: tf.Tensor,
    profile: tuple[int, int] = (0, 0),
) -> dict[str, float]:
    """Trains to the end from the newest checkpoint under `directory`/checkpoint; returns the losses and the rate.

    Losses, here and in TensorBoard, are means over the last `log_every` steps or fewer.

    examples: observations float32 (n, H, W, C) in [0, 1] whose reconstructions go to TensorBoard at every checkpoint.
    profile: the steps first … last - 1 are profiled; none where they are equal.
    Raises Interrupted after SIGTERM or SIGINT, UserError when the loss is not finite or the training has diverged.
    """
    state, periods = trainer.state, [checkpoint_every, log_every]
    if trainer.validation is not None:
        periods.append(trainer.validation.every)
    checkpoints = Checkpoints(directory / "checkpoint", state)
    checkpoints.restore()
    trainer.feed.start(int(state.step), trainer.total)
    writer = tf.summary.create_file_writer(str(directory))
    clock, chunk = _Clock(state.seconds), 1
    with (
        _signals() as caught,
        Profile(directory, *profile) as profiler,
        ProgressLine(int(state.step), trainer.total, trainer.feed.batch_size) as line,
    ):
        while not trainer.done:
            step = int(state.step)
            if step % log_every == 0:
                state.forget_sums()
            stop = profiler.before(step, min(trainer.total, *(_next_multiple(step, every) for every in periods)))
            began = time.monotonic()
            finite = _run(trainer, min(chunk, stop - step))
            step, ran = int(state.step), int(state.step) - step
            clock.tick()
            if not finite:
                raise _diverged(step, directory)
            chunk = max(1, int(ran * min(_SECONDS_A_CALL / max(time.monotonic() - began, 1e-6), 10.0)))
            line.update(step, trainer.means())
            _observe(trainer, writer, step, log_every, directory)
            if step % checkpoint_every == 0 or trainer.done or caught:
                if not trainer.weights_finite():
                    raise _diverged(step, directory)
                _log_images(writer, step, trainer.network, examples)
                checkpoints.save(step)
            if caught and not trainer.done:
                raise Interrupted(caught[0], step)
    seconds = float(state.seconds)
    rate = int(state.step) * trainer.feed.batch_size / max(seconds, 1e-9)
    return {**trainer.means(), "seconds": seconds, "images_per_second": rate}


def _observe(trainer: Trainer, writer: Any, step: int, log_every: int, directory: Path) -> None:
    """Logs what is due after `step` steps, validation losses too. Raises UserError when the training has diverged."""
    if step % log_every == 0 or step == trainer.total:
        _log(writer, step, trainer.means())
        _watch(trainer, step, log_every, directory)
    validation = trainer.validation
    if validation is not None and (step % validation.every == 0 or step == trainer.total):
        losses = validation.run(trainer, step)
        _log(writer, step, {f"validation/{name}": value for name, value in losses.items()})


def _watch(trainer: Trainer, step: int, log_every: int, directory: Path) -> None:
    """Raises UserError at the end of a window when the training has diverged."""
    watch = trainer.divergence
    if watch is not None and step % log_every == 0 and watch.observe(trainer.means()["loss"]):
        raise UserError(
            f"the training has diverged: at step {step} the loss had been far above its best, {float(watch.best):.2f} nats, for "
            f"{watch.windows} windows of {log_every} steps; lower the learning rate or change the objective's weights, and train "
            f"in another --model_dir ({directory / 'checkpoint'} has the last checkpoint), or set divergence.factor to 0"
        )


def _run(trainer: Trainer, count: int) -> bool:
    """Runs up to `count` steps; returns whether the last loss was finite. Raises what the data set raised, as it was."""
    try:
        return bool(trainer.run(tf.constant(count, tf.int64)))
    except tf.errors.OpError as error:
        if (
            trainer.feed.error is None
            and isinstance(error, tf.errors.UnimplementedError)
            and "determinis" in error.message
        ):
            raise UserError(
                f"model.deterministic cannot be kept on this device ({error.message.splitlines()[0]}); train without it, or on "
                "a CPU, which gives the same bits every time anyway"
            ) from error
        raise trainer.feed.error or error from error


class _Clock:
    """Adds the time since it was made, or since the last tick, to `seconds`, a variable."""

    def __init__(self, seconds: tf.Variable):
        self._seconds, self._last = seconds, time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        self._seconds.assign_add(now - self._last)
        self._last = now


def _next_multiple(step: int, every: int) -> int:
    return (step // every + 1) * every


def _diverged(step: int, directory: Path) -> UserError:
    return UserError(
        f"the loss or a weight became NaN or infinite at step {step}; the last good checkpoint is kept in "
        f"{directory / 'checkpoint'}; lower the learning rate or change the objective's weights, and train in another --model_dir"
    )


def _log(writer: Any, step: int, values: dict[str, float]) -> None:
    with writer.as_default(step=step):
        for name, value in values.items():
            tf.summary.scalar(name, value)
    writer.flush()


def _log_images(writer: Any, step: int, network: GaussianVAE, examples: tf.Tensor) -> None:
    with writer.as_default(step=step):
        tf.summary.image("reconstructions", tf.concat([examples, network.reconstruct(examples)], axis=2), max_outputs=8)
    writer.flush()


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
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
