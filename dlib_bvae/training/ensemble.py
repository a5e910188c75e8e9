"""Many trainers advanced together, step by step, inside one graph; each writes the checkpoints and logs that it would alone."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.fused import FusedVAE
from dlib_bvae.training.hardware import announce
from dlib_bvae.training.loop import ProgressLine, begun
from dlib_bvae.training.session import Chunk, Interrupted, TrainingSession, raised_by, signals
from dlib_bvae.training.trainer import Trainer

Inputs = list[dict[str, tf.Tensor]]
Outcome = dict[str, float] | UserError
WAYS = ("auto", "fused", "loop")


class Ensemble:
    """One step of every trainer at a time; each sees, draws and updates what it would alone.

    way: "loop" computes one network after the other, "fused" all networks by shared operations (see FusedVAE), "auto"
    fuses on a GPU, where networks can be fused. Afterwards `way` is the one that was taken. xla: of the trainers.
    Raises UserError where "fused" cannot be.
    """

    def __init__(self, trainers: Sequence[Trainer], way: str = "auto", xla: bool = False):
        self.trainers = tuple(trainers)
        network = _fused(self.trainers, way, xla)
        self.way = "loop" if network is None else "fused"
        self._step = self._apart if network is None else self._together(network, xla)
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)

    def _run(self, count: tf.Tensor) -> tf.Tensor:
        """Runs up to `count` steps, stopping after one in which a loss was not finite; returns whose was, bool (members,)."""
        counter = self.trainers[0].state.step
        last = counter + count

        def body(finite: tf.Tensor) -> tuple[tf.Tensor]:
            del finite
            step = tf.identity(counter)
            inputs = [trainer.feed.inputs(step) for trainer in self.trainers]
            values = self._step(step, inputs)
            return (tf.stack([t.record(found) for t, found in zip(self.trainers, values, strict=True)]),)

        going = lambda finite: tf.reduce_all(finite) & (counter < last)
        return tf.while_loop(going, body, (tf.fill([len(self.trainers)], True),), parallel_iterations=1)[0]

    def _apart(self, step: tf.Tensor, inputs: Inputs) -> list[dict[str, tf.Tensor]]:
        """Trainer.step of every trainer."""
        return [trainer.traced(step=step, **seen) for trainer, seen in zip(self.trainers, inputs, strict=True)]

    def _together(self, network: FusedVAE, xla: bool) -> Callable[[tf.Tensor, Inputs], list[dict[str, tf.Tensor]]]:
        """The same, with one pass through `network` and one gradient for all, as they share no variable."""
        trainers, variables = self.trainers, [trainer.variables for trainer in self.trainers]

        def step_all(step: tf.Tensor, inputs: Inputs) -> list[dict[str, tf.Tensor]]:
            observations = [seen["observations"] for seen in inputs]
            given = [
                {name: x for name, x in seen.items() if name != "observations"} | {"step": step, "total": trainer.total}
                for trainer, seen in zip(trainers, inputs, strict=True)
            ]
            keys, adapts = [t.key(step) for t in trainers], [t.objective.adapt for t in trainers]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                batches = network.batches(observations, keys, adapts, given)
                losses = [trainer.losses(batch) for trainer, batch in zip(trainers, batches, strict=True)]
                total = tf.add_n([scaled for _, scaled in losses])
            gradients = tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            each = zip(trainers, batches, losses, gradients, strict=True)
            return [trainer.update(batch, found, gradient) for trainer, batch, (found, _), gradient in each]

        return tf.function(step_all, jit_compile=xla or None, autograph=False)


def _fused(trainers: Sequence[Trainer], way: str, xla: bool) -> FusedVAE | None:
    """The fused network where `way` asks for it; None for the loop."""
    if way == "loop" or (way == "auto" and not tf.config.list_physical_devices("GPU")):
        return None
    try:
        if any(trainer.strategy is not None for trainer in trainers):
            raise UserError("fused networks are computed by one device; set model.devices = 1 or ensemble.way = 'loop'")
        return FusedVAE([trainer.network for trainer in trainers], xla)
    except UserError:
        if way == "fused":
            raise
        return None


def train_ensemble(
    trainers: Sequence[Trainer],
    directories: Sequence[Path],
    *,
    way: str,
    xla: bool,
    checkpoint_every: int,
    log_every: int,
    examples: np.ndarray,
    images: str = "",
) -> tuple[list[Outcome], str]:
    """Trains all to the end from the newest checkpoints of one step; returns outcomes and the way taken.

    Where members have no such step, as when some were trained longer before or are new, each goes on from its newest
    checkpoint, and those behind catch up first. An outcome is
    what loop.train returns, or the UserError of a member that diverged: it drops out and the others go on. way, xla: see
    Ensemble. images: see loop.train. Others: see TrainingSession. Raises Interrupted after SIGTERM or SIGINT.
    """
    way = Ensemble(trainers, way, xla).way  # before anything is written
    sessions = [
        TrainingSession(trainer, folder, checkpoint_every=checkpoint_every, log_every=log_every, examples=examples)
        for trainer, folder in zip(trainers, directories, strict=True)
    ]
    common = set.intersection(*(set(session.kept()) for session in sessions))
    if common and len({session.step for session in sessions}) > 1:  # killed between the checkpoints of two members
        for session in sessions:
            session.restore(max(common))
    first, batch = min(session.step for session in sessions), trainers[0].feed.batch_size
    announce(
        trainers[0].strategy,
        what=begun(directories[0], first, trainers[0].total, batch, images, len(trainers)),
    )
    errors: dict[TrainingSession, UserError] = {}
    with signals() as caught:
        while active := [session for session in sessions if session not in errors and not session.trainer.done]:
            first = min(session.step for session in active)
            group = [session for session in active if session.step == first]
            limit = min([session.step for session in active if session.step > first], default=trainers[0].total)
            errors |= _advance(group, limit, way, xla, caught)
    return [errors[session] if session in errors else session.outcome() for session in sessions], way


def _advance(
    group: Sequence[TrainingSession], limit: int, way: str, xla: bool, caught: list[int]
) -> dict[TrainingSession, UserError]:
    """Trains sessions at one step together to the step `limit`, or until one ends; returns what went wrong in which."""
    trainers = [session.trainer for session in group]
    ensemble, chunk, step, errors = (
        Ensemble(trainers, way, xla),
        Chunk(),
        group[0].step,
        dict[TrainingSession, UserError](),
    )
    for session in group:
        session.restart_clock()
    with ProgressLine(step, trainers[0].total, sum(trainer.feed.batch_size for trainer in trainers)) as line:
        while step < limit and not errors and not any(trainer.done for trainer in trainers):
            stop = min(limit, *(session.begin() for session in group))
            with raised_by(*trainers), chunk.timed(stop - step) as count:
                finite = ensemble.run(tf.constant(count, tf.int64)).numpy()
            stopping = bool(caught)  # a signal from now on waits for the next checkpoints, which all members write
            for session, good in zip(group, finite, strict=True):
                try:
                    session.reach(bool(good), stopping)
                except UserError as error:
                    errors[session] = error
                    print(f"{session.directory}: {error}; the others go on", file=sys.stderr, flush=True)
            step = group[0].step
            line.update(step, _mean([trainer.means() for trainer in trainers]))
            if stopping and not all(trainer.done for trainer in trainers):
                raise Interrupted(caught[0], step)
    return errors


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean over members of every scalar that all have."""
    names = set.intersection(*(set(found) for found in values))
    return {name: statistics.fmean(found[name] for found in values) for name in names}
