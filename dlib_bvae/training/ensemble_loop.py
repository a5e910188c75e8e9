"""The training loop of an ensemble: members in step, each with the checkpoints and logs that it would write alone."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.training.course import Chunk, Course, Interrupted, raised_by, signals
from dlib_bvae.training.ensemble import Ensemble
from dlib_bvae.training.progress import ProgressLine
from dlib_bvae.training.trainer import Trainer

Outcome = dict[str, float] | UserError


def train_ensemble(
    trainers: Sequence[Trainer], directories: Sequence[Path], *, way: str, xla: bool, **options: Any
) -> tuple[list[Outcome], str]:
    """Trains all to the end from the newest checkpoints of one step; returns outcomes and the way taken.

    Where members have no such step, each goes on from its newest checkpoint, and those behind catch up first. An outcome is
    what loop.train returns, or the UserError of a member that diverged: it drops out and the others go on. way, xla: see
    Ensemble. options: see Course. Raises Interrupted after SIGTERM or SIGINT.
    """
    way = Ensemble(trainers, way, xla).way  # before anything is written
    courses = [Course(trainer, folder, **options) for trainer, folder in zip(trainers, directories, strict=True)]
    common = set.intersection(*(set(course.kept()) for course in courses))
    if common and len({course.step for course in courses}) > 1:  # killed between the checkpoints of two members
        for course in courses:
            course.restore(max(common))
    errors: dict[Course, UserError] = {}
    with signals() as caught:
        while active := [course for course in courses if course not in errors and not course.trainer.done]:
            first = min(course.step for course in active)
            group = [course for course in active if course.step == first]
            limit = min([course.step for course in active if course.step > first], default=trainers[0].total)
            errors |= _advance(group, limit, way, xla, caught)
    return [errors[course] if course in errors else course.outcome() for course in courses], way


def _advance(group: Sequence[Course], limit: int, way: str, xla: bool, caught: list[int]) -> dict[Course, UserError]:
    """Trains courses of one step together to the step `limit`, or until one of them ends; returns what went wrong in which."""
    trainers = [course.trainer for course in group]
    ensemble, chunk, step, errors = Ensemble(trainers, way, xla), Chunk(), group[0].step, dict[Course, UserError]()
    for course in group:
        course.restart_clock()
    with ProgressLine(step, trainers[0].total, sum(trainer.feed.batch_size for trainer in trainers)) as line:
        while step < limit and not errors and not any(trainer.done for trainer in trainers):
            stop = min(limit, *(course.begin() for course in group))
            with raised_by(*trainers), chunk.timed(stop - step) as count:
                finite = ensemble.run(tf.constant(count, tf.int64)).numpy()
            for course, good in zip(group, finite, strict=True):
                try:
                    course.reach(bool(good), bool(caught))
                except UserError as error:
                    errors[course] = error
                    print(f"{course.directory}: {error}; the others go on", file=sys.stderr, flush=True)
            step = group[0].step
            line.update(step, _mean([trainer.means() for trainer in trainers]))
            if caught and not all(trainer.done for trainer in trainers):
                raise Interrupted(caught[0], step)
    return errors


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean over members of every scalar that all have."""
    names = set.intersection(*(set(found) for found in values))
    return {name: statistics.fmean(found[name] for found in values) for name in names}
