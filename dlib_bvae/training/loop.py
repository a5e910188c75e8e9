"""The training loop: many steps a call inside one tf.function, checkpoints, exact resumption."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from dlib_bvae.training.profile import Profile
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.session import Chunk, Interrupted, TrainingSession, raised_by, signals
from dlib_bvae.training.trainer import Trainer


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

    examples: see TrainingSession. profile: the steps first … last - 1 are profiled; none where they are equal.
    Raises Interrupted after SIGTERM or SIGINT, UserError when the loss is not finite or the training has diverged.
    """
    session = TrainingSession(
        trainer, directory, checkpoint_every=checkpoint_every, log_every=log_every, examples=examples
    )
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
            session.reach(finite, bool(caught))
            line.update(session.step, trainer.means())
            if caught and not trainer.done:
                raise Interrupted(caught[0], session.step)
    return session.outcome()
