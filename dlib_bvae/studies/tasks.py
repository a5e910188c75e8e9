"""What a process of a sweep is given: steps of one run, or the training of several runs in one graph."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from dlib_bvae.errors import pluralize
from dlib_bvae.studies.state import State, steps_of
from dlib_bvae.studies.study import AUTO, Run, Study

TRAIN, ENCODE, SCORE = STEPS = ("train", "encode", "score")
ALL = (TRAIN, SCORE)
MOST_FUSED = 16  # runs in a graph by study.fuse = "auto", where there is a GPU
_SEED = "model.random_seed"
# Whose parameters may differ among runs of one graph, and what each is where a configuration does not say.
_FREE = {"model.model": "", "model.optimizer": "@adam", "model.schedule": ""}


class Task(NamedTuple):
    """`steps` of STEPS, done in this order by one process. runs: one, or several that are trained in one graph.

    SCORE encodes what is not encoded, and draws what is to be drawn; ENCODE does the first before, for those evaluations whose
    codes are of all images.
    """

    steps: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def scores_only(self) -> bool:
        """Whether it neither trains nor encodes ahead, so that it is given no GPU."""
        return self.steps == (SCORE,)

    def is_done(self, run: Run, store: Path) -> bool:
        """Whether the task's last step, and so those before, is done of `run`."""
        last = {TRAIN: run.is_trained, ENCODE: run.is_encoded}.get(self.steps[-1])
        return run.is_complete(store) if last is None else last(store)

    def of(self, *runs: Run) -> Task:
        """The same steps of `runs`."""
        return self._replace(runs=runs)


def tasks(study: Study, states: Sequence[State], store: Path, gpus: int) -> list[Task]:
    """The first tasks of the runs of `study` that are not done, in their order; after() says what follows each. states: of all.

    gpus: how many the sweep's trainings share. With some, a process trains and encodes, and leaves scoring to one without a
    GPU; with none, one process does all of a run, but for runs that are trained together.
    """
    pairs = list(zip(study.runs, states, strict=True))
    found: list[Task] = []
    for group in groups(study, [run for run, state in pairs if not state.trained], gpus):
        found.append(Task((TRAIN, ENCODE) if gpus else ALL if len(group) == 1 else (TRAIN,), group))
    for run in (run for run, state in pairs if state.trained and not state.done):
        found.append(Task(ALL if not gpus else (SCORE,) if run.is_encoded(store) else (TRAIN, ENCODE), (run,)))
    place = {run.digest: number for number, run in enumerate(study.runs)}
    return sorted(found, key=lambda task: place[task.runs[0].digest])


def after(task: Task, run: Run, status: str, store: Path) -> Task | None:
    """What is to be done next of `run`, whose `task` ended with `status`; None for nothing.

    A run that is "trained" is scored; one that was left "apart" from its group is trained alone.
    """
    if status == "apart":
        return task.of(run)
    if status == "done" and SCORE not in task.steps and not task._replace(steps=(SCORE,)).is_done(run, store):
        return Task((SCORE,), (run,))
    return None


def groups(study: Study, runs: Sequence[Run], gpus: int) -> list[tuple[Run, ...]]:
    """`runs` in groups of those that are trained in one graph, at most study.fuse each; a run for itself is a group of one.

    study.fuse = "auto": one each without a GPU; with GPUs up to MOST_FUSED, but no fewer groups than GPUs.
    """
    alike: dict[Hashable, list[Run]] = {}
    for run in runs:
        alike.setdefault(_common(run) or run.digest, []).append(run)
    found = []
    for members in alike.values():
        most = study.fuse if study.fuse != AUTO else min(MOST_FUSED, math.ceil(len(members) / gpus)) if gpus else 1
        found += [tuple(members[k : k + int(most)]) for k in range(0, len(members), int(most))]
    return found


def sentence(study: Study, runs: Sequence[Run], gpus: int) -> str:
    """What of `runs`, which are not trained, is trained together: "12 runs in 3 groups of 4"; "" for nothing."""
    sizes = [len(group) for group in groups(study, runs, gpus) if len(group) > 1]
    if not sizes:
        return ""
    of = f"{max(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    number = pluralize(len(sizes), "group")
    return f"trained together: {sum(sizes):,} runs in {number} of {of} (study.fuse = {study.fuse!r})"


def _common(run: Run) -> Hashable | None:
    """What runs that may be trained in one graph have in common; None for one that is trained alone.

    They differ in their seed, and in literal parameters of the objective, the optimizer and the schedule, and in nothing else
    that their files and statements say. A fitted method has no steps, and is fitted alone; so is
    one trained that binds what is of ensembles, which training refuses.
    """
    if steps_of(run.config) is None or any(key.startswith("ensemble.") for key in run.config):
        return None
    names = [str(run.config.get(key, default)).strip("@()") for key, default in _FREE.items()]
    owners = {name for name in names if name and "/" not in name}
    free = {key for key, value in run.config.items() if _is_free(key, value, owners)}
    kept = tuple(text for text in run.gin_bindings if text.partition("=")[0].strip() not in free)
    bound = tuple(sorted((key, repr(value)) for key, value in run.config.items() if key not in free))
    return run.part, run.gin_config, kept, bound


def _is_free(key: str, value: object, owners: set[str]) -> bool:
    literal = isinstance(value, (bool, int, float)) or (isinstance(value, str) and not value.startswith(("@", "%")))
    return key == _SEED or (literal and key.rpartition(".")[0] in owners)
