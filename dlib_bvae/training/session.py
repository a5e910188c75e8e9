"""One training in its run directory: between steps it counts the time, logs, calls callbacks and writes checkpoints."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.saved_model import decodes
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.events import KL, Events
from dlib_bvae.training.examples import RECONSTRUCTED, latents
from dlib_bvae.training.exports import export_step, exported_steps, remove_unfinished
from dlib_bvae.training.trainer import LOG, WINDOW, Trainer

_MOST_CHARTS = 64  # latents with a scalar each; of more, only how their KL is distributed


class Interrupted(Exception):
    """Training stopped at a signal, with its state saved."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped at step {step} with a checkpoint; run the same command again to continue")
        self.signum = signum


class TrainingSession:
    """One trainer, continued from the newest checkpoint under `directory`/checkpoint, and what it writes there.

    The checkpoint may be of a training of fewer steps that has ended: it is extended then.
    examples: observations float32 (n, H, W, C) in [0, 1]. At every checkpoint the reconstructions of the first 8, where there is
    a decoder, go to TensorBoard, and the KL of each latent and the number of active ones of all.
    """

    def __init__(
        self, trainer: Trainer, directory: Path, *, checkpoint_every: int, log_every: int, examples: np.ndarray
    ):
        self.trainer, self.directory = trainer, directory
        self._checkpoint_every, self._log_every, self._examples = checkpoint_every, log_every, examples
        self._periods = [checkpoint_every, log_every, trainer.loss_window]
        self._periods += [callback.every_steps for callback in trainer.callbacks]
        remove_unfinished(directory)
        self._checkpoints = Checkpoints(directory / "checkpoint", trainer.state)
        self.restore()
        self._events = Events(directory, trainer.loss_names)
        self._last = time.monotonic()

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self.trainer.state.step)

    def kept(self) -> list[int]:
        """The steps whose state is on the disk."""
        return self._checkpoints.steps()

    def restore(self, step: int | None = None) -> None:
        """Goes to the state of `step`, None for the newest, where there is one."""
        self._checkpoints.restore(step)
        self._logged = self.step, float(self.trainer.state.seconds)
        self.trainer.feed.start(self.step, self.trainer.total)
        # A training that is extended may be asked for the model at the step where it goes on.
        if self.step in self.trainer.export_steps and self.step not in exported_steps(self.directory):
            self._export()

    def restart_clock(self) -> None:
        """Leaves out the time since this was made, or since the last steps: this trainer did nothing but wait."""
        self._last = time.monotonic()

    def begin(self) -> int:
        """Makes ready for the next steps; returns the step at which something is due again."""
        step = self.step
        if step % self.trainer.loss_window == 0:
            self.trainer.state.forget_sums(WINDOW)
        exports = [each for each in self.trainer.export_steps if each > step]
        return min(self.trainer.total, *((step // every + 1) * every for every in self._periods), *exports)

    def reach(self, finite: bool, stopping: bool) -> None:
        """Counts the time and does what is due after the steps that were taken since `begin`. stopping: save in any case.

        finite: whether the last loss was. Raises UserError when it was not, and when a callback ends the training.
        """
        trainer, step, now = self.trainer, self.step, time.monotonic()
        trainer.state.seconds.assign_add(now - self._last)
        self._last = now
        if not finite:
            raise self._not_finite()
        if step % self._log_every == 0 or step == trainer.total:
            self._events.scalars(step, {**trainer.means(LOG), **self._rates()})
            trainer.state.forget_sums(LOG)
        for callback in trainer.callbacks:
            if callback.due(trainer, step) and (measured := callback.run(trainer, step, self.directory)):
                self._events.scalars(step, measured)
        saving = step % self._checkpoint_every == 0 or trainer.done or stopping
        exporting = step in trainer.export_steps
        if (saving or exporting) and not trainer.weights_finite():
            raise self._not_finite()
        if exporting:  # before the checkpoint, so that a training that goes on from this step has it
            self._export()
        if saving:
            self._log_latents()
            if decodes(trainer.network):
                self._log_images()
            self._checkpoints.save(step)

    def outcome(self) -> dict[str, float]:
        """The losses of the last window, the seconds of all processes, and the rate."""
        seconds = float(self.trainer.state.seconds)
        rate = self.step * self.trainer.feed.batch_size / max(seconds, 1e-9)
        return {**self.trainer.means(), "seconds": seconds, "images_per_second": rate}

    def _export(self) -> None:
        with self.trainer.exported():
            export_step(self.trainer.network, self.directory, self.step)

    def _rates(self) -> dict[str, float]:
        """Images per second since the last log, or since it was continued, with all between the steps; the last step's rate."""
        step, seconds, trainer = self.step, float(self.trainer.state.seconds), self.trainer
        before, began = self._logged
        self._logged = step, seconds
        rates = {"speed/images_per_second": (step - before) * trainer.feed.batch_size / max(seconds - began, 1e-9)}
        if (rate := getattr(trainer.optimizer, "learning_rate", None)) is not None:  # which an optimiser need not have
            factor = trainer.schedule(tf.constant(step - 1, tf.int64), trainer.total)
            rates["optimizer/learning_rate"] = float(rate) * float(factor)
        return rates

    def _log_latents(self) -> None:
        kl, active = latents(self.trainer.network, self._examples, self.trainer.feed.batch_size)
        found = {"latents/active_units": float(active)}
        if len(kl) <= _MOST_CHARTS:
            found |= {f"{KL}{latent}": float(kl[latent]) for latent in np.flatnonzero(~np.isnan(kl))}
        elif not np.isnan(kl).all():
            self._events.histogram(self.step, "latents/kl", kl[~np.isnan(kl)])
        self._events.scalars(self.step, found)

    def _log_images(self) -> None:
        shown = tf.constant(self._examples[:RECONSTRUCTED])
        self._events.images(
            self.step, "reconstructions", tf.concat([shown, self.trainer.network.reconstruct(shown)], axis=2)
        )

    def _not_finite(self) -> UserError:
        place, kept = self.directory / "checkpoint", self.kept()
        saved = (
            f"the last good checkpoint, of step {kept[-1]}, is kept in {place}"
            if kept
            else "there is no checkpoint yet"
        )
        return UserError(
            f"the loss or a weight became NaN or infinite at step {self.step}; {saved}; lower the learning rate or "
            "change the objective's weights, and train in another --model_dir"
        )


class Chunk:
    """How many steps to take in one call, so that it lasts about a second."""

    _SECONDS = 1.0

    def __init__(self) -> None:
        self.steps = 1

    @contextlib.contextmanager
    def timed(self, most: int) -> Iterator[int]:
        """Gives how many steps to take now, at most `most`, and learns from the time that the block takes."""
        count, began = min(self.steps, most), time.monotonic()
        yield count
        self.steps = max(1, int(count * min(self._SECONDS / max(time.monotonic() - began, 1e-6), 10.0)))


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


@contextlib.contextmanager
def raised_by(*trainers: Trainer) -> Iterator[None]:
    """Raises an error of a step as what it was: what the data set raised, or a device that cannot be deterministic."""
    try:
        yield
    except tf.errors.OpError as error:
        raised = next((trainer.feed.error for trainer in trainers if trainer.feed.error is not None), None)
        if raised is None and isinstance(error, tf.errors.UnimplementedError) and "determinis" in error.message:
            raise UserError(
                f"model.deterministic cannot be kept on this device ({error.message.splitlines()[0]}); train without it, or on "
                "a CPU, which gives the same bits every time anyway"
            ) from error
        raise raised or error from error
