"""The training loop of an ensemble: members in step, each with the checkpoints and logs that it would write alone."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.training.ensemble import Ensemble
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.session import Chunk, Interrupted, TrainingSession, raised_by, signals
from dlib_bvae.training.trainer import Trainer

Outcome = dict[str, float] | UserError


def train_ensemble(
    trainers: Sequence[Trainer], directories: Sequence[Path], *, way: str, xla: bool, **options: Any
) -> tuple[list[Outcome], str]:
    """Trains all to the end from the newest checkpoints of one step; returns outcomes and the way taken.

    Where members have no such step, each goes on from its newest checkpoint, and those behind catch up first. An outcome is
    what loop.train returns, or the UserError of a member that diverged: it drops out and the others go on. way, xla: see
    Ensemble. options: see TrainingSession. Raises Interrupted after SIGTERM or SIGINT.
    """
    way = Ensemble(trainers, way, xla).way  # before anything is written
    sessions = [
        TrainingSession(trainer, folder, **options) for trainer, folder in zip(trainers, directories, strict=True)
    ]
    common = set.intersection(*(set(session.kept()) for session in sessions))
    if common and len({session.step for session in sessions}) > 1:  # killed between the checkpoints of two members
        for session in sessions:
            session.restore(max(common))
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
    """Trains courses of one step together to the step `limit`, or until one of them ends; returns what went wrong in which."""
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
            for session, good in zip(group, finite, strict=True):
                try:
                    session.reach(bool(good), bool(caught))
                except UserError as error:
                    errors[session] = error
                    print(f"{session.directory}: {error}; the others go on", file=sys.stderr, flush=True)
            step = group[0].step
            line.update(step, _mean([trainer.means() for trainer in trainers]))
            if caught and not all(trainer.done for trainer in trainers):
                raise Interrupted(caught[0], step)
    return errors


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean over members of every scalar that all have."""
    names = set.intersection(*(set(found) for found in values))
    return {name: statistics.fmean(found[name] for found in values) for name in names}
