"""The training loop: many steps a call inside one tf.function, checkpoints, exact resumption."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import Objective
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.feed import Feed
from dlib_bvae.training.progress import ProgressLine

_SECONDS_A_CALL = 1.0
_SUMMED = ("loss", "reconstruction", "kl")


class Interrupted(Exception):
    """Training stopped at a signal, with its state saved."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped at step {step} with a checkpoint; run the same command again to continue")
        self.signum = signum


class State(tf.Module):
    """Everything that a checkpoint must hold to continue bit for bit: weights, optimiser, step, seconds trained."""

    def __init__(self, network: GaussianVAE, optimizer: Any):
        super().__init__("state")
        self.network, self.optimizer = network, optimizer
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)


class Trainer:
    """Steps of one network under one objective.

    Noise is drawn from (seed, step) and data from (seed, step), so the state above is all there is to restore.
    """

    def __init__(self, state: State, objective: Objective, feed: Feed, schedule: Any, total: int, seed: int, xla: bool):
        self.state, self.objective, self.feed = state, objective, feed
        self.schedule, self.total, self.seed = schedule, total, seed
        self._step: Callable = tf.function(self.step, jit_compile=True) if xla else self.step
        self.variables = state.network.trainable_variables
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)])

    def step(self, observations: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update on `observations`; returns scalars in nats."""
        network = self.state.network
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            key = tf.stack([tf.constant(self.seed & 0x7FFFFFFF, tf.int64), step])
            batch = network.batch(observations, key)
            terms = self.objective.terms(batch)
            loss = tf.add_n(list(terms.values()))
        gradients = tape.gradient(loss, self.variables)
        self.state.optimizer.apply(gradients, tf.cast(self.schedule(step, self.total), tf.float32), step)
        measured = {"reconstruction": tf.reduce_mean(batch.reconstruction), "kl": tf.reduce_mean(batch.kl)}
        return {"loss": loss, **measured}

    def _run(self, count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Runs up to `count` steps, stopping after one whose loss is not finite; returns means over the steps run."""
        state = self.state
        sums = {name: tf.constant(0.0) for name in _SUMMED}
        first = tf.identity(state.step)
        finite = tf.constant(True)

        def body(sums: dict, finite: tf.Tensor) -> tuple[dict, tf.Tensor]:
            step = tf.identity(state.step)
            values = self._step(self.feed.observations(step), step)
            state.step.assign_add(1)
            return {name: sums[name] + values[name] for name in sums}, tf.math.is_finite(values["loss"])

        sums, finite = tf.while_loop(
            lambda sums, finite: finite & (state.step < first + count), body, (sums, finite), parallel_iterations=1
        )
        done = tf.cast(state.step - first, tf.float32)
        return {**{name: value / done for name, value in sums.items()}, "finite": finite}

    def weights_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in self.variables)


def train(
    trainer: Trainer, directory: Path, *, checkpoint_every: int, log_every: int, examples: tf.Tensor
) -> dict[str, float]:
    """Trains to the end from the newest checkpoint under `directory`/checkpoint; returns the last losses and rates.

    examples: observations float32 (n, H, W, C) in [0, 1] whose reconstructions go to TensorBoard at every checkpoint.
    Raises Interrupted after SIGTERM or SIGINT, UserError when the loss is not finite.
    """
    state = trainer.state
    checkpoints = Checkpoints(directory / "checkpoint", state)
    checkpoints.restore()
    first, values = int(state.step), None
    writer = tf.summary.create_file_writer(str(directory))
    started, chunk = time.monotonic(), 1
    before = float(state.seconds)
    with _signals() as caught, ProgressLine(first, trainer.total, trainer.feed.batch_size) as line:
        while (step := int(state.step)) < trainer.total:
            stop = min(_next_multiple(step, checkpoint_every), _next_multiple(step, log_every), trainer.total)
            began = time.monotonic()
            values = {k: v.numpy() for k, v in trainer.run(tf.constant(min(chunk, stop - step), tf.int64)).items()}
            took = max(time.monotonic() - began, 1e-6)
            step, ran = int(state.step), int(state.step) - step
            state.seconds.assign(before + time.monotonic() - started)
            if not values.pop("finite"):
                raise _diverged(step, directory)
            chunk = max(1, int(ran * min(_SECONDS_A_CALL / took, 10.0)))
            line.update(step, **values)
            if step % log_every == 0 or step == trainer.total:
                _log(writer, step, values)
            if step % checkpoint_every == 0 or step == trainer.total or caught:
                if not trainer.weights_finite():
                    raise _diverged(step, directory)
                _log_images(writer, step, state.network, examples)
                checkpoints.save(step)
            if caught and step < trainer.total:
                raise Interrupted(caught[0], step)
    seconds = float(state.seconds)
    rate = (trainer.total - first) * trainer.feed.batch_size / max(time.monotonic() - started, 1e-9)
    return {**{k: float(v) for k, v in (values or {}).items()}, "seconds": seconds, "images_per_second": rate}


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
