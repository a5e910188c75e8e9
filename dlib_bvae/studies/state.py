"""How far every run of a study is and how long it takes, from the files in its run directory alone: no TensorFlow, no lock."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.artifacts import is_done, read_results
from dlib_bvae.artifacts.lock import in_use, locks_here
from dlib_bvae.errors import UserError
from dlib_bvae.studies.evaluation import scored
from dlib_bvae.studies.study import Run, directories

PHASES = ("waiting", "training", "scoring", "done", "failed")
_CHECKPOINT = re.compile(r'^model_checkpoint_path: ".*-(\d+)"')
Locks = frozenset[tuple[int, int]] | None
_ENOUGH = 3  # done runs of a part that are read at the start


class State(NamedTuple):
    """One run's state.

    phase: one of PHASES; "failed" when its last attempt did and none is under way. trained: whether its training is
    finished. step: of the newest checkpoint, from which training goes on; steps: in all, None of a fitted method or when the
    configuration does not say. scored: of its evaluations. running: whether a process works on it now, None when one may on
    another machine. failure: why it failed.
    """

    phase: str
    trained: bool
    step: int
    steps: int | None
    scored: int
    evaluations: int
    running: bool | None
    failure: str

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase == "done"


def states(runs: Iterable[Run], store: Path) -> list[State]:
    """The state of each run, in order; every run directory in `store` is looked at once."""
    places, locks = directories(store), locks_here()
    return [state_of(run, places.get(run.digest), locks) for run in runs]


def state_of(run: Run, directory: Path | None, locks: Locks) -> State:
    """The state of one run; directory: its run directory, None where there is none. locks: see artifacts.lock.locks_here."""
    steps, asked = steps_of(run.config), len(run.evaluations)
    if directory is None:
        return State("waiting", False, 0, steps, 0, asked, False, "")
    trained = is_done(f"{directory}/train", "train")
    done = _scored(run, directory) if trained else 0
    if trained and done == asked and run.is_drawn(directory.parent):
        return State("done", True, steps or 0, steps, done, asked, False, "")
    running = in_use(directory, locks)
    step = (steps or 0) if trained else _newest(directory / "train.part" / "checkpoint")
    failure = "" if running else _failure(directory)
    begun = running or (directory / "train.part").is_dir()
    phase = "failed" if failure else "scoring" if trained else "training" if begun else "waiting"
    return State(phase, trained, step, steps, done, asked, running, failure)


def _scored(run: Run, directory: Path) -> int:
    try:
        return len(scored(directory, run.evaluations))
    except UserError:  # a damaged file: whoever does the run says so
        return 0


def steps_of(config: dict[str, Any]) -> int | None:
    """The training steps that a run's configuration asks for; None where it does not say."""
    value = config.get("model.training_steps")
    return value if isinstance(value, int) else None


def _newest(checkpoints: Path) -> int:
    """The step of the newest checkpoint, by the small file that is written last and that training goes on by."""
    try:
        match = _CHECKPOINT.search((checkpoints / "checkpoint").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(match[1]) if match else 0


def _failure(directory: Path) -> str:
    try:
        message = json.loads((directory / "failure.json").read_text(encoding="utf-8"))["message"]
        return message if isinstance(message, str) else "failure.json is damaged"
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return "failure.json is damaged"


class Seconds(NamedTuple):
    """What a run takes: to train, and to encode and score."""

    train: float
    score: float


class RuntimeEstimator:
    """Seconds of the runs of each part, as far as one of them is done in `store`."""

    def __init__(self, runs: Iterable[Run], states: Iterable[State], store: Path) -> None:
        self._store = store
        self._mean: dict[str, Seconds] = {}
        self._count: Counter[str] = Counter()
        for run, state in zip(runs, states, strict=True):
            if state.done and self._count[run.part] < _ENOUGH:
                self.learn(run)

    def learn(self, run: Run) -> None:
        """Takes note of a run that is done."""
        directory = run.directory(self._store)
        try:
            folders = scored(directory, run.evaluations).values()
            results = read_results(directory / "train", "train")
            train = results["elapsed_time"] / results.get("ensemble", {}).get(
                "members", 1
            )  # its part of the time of all
            score = sum(read_results(folder, "evaluation")["elapsed_time"] for folder in folders)
            score += sum(
                read_results(codes, "postprocess")["elapsed_time"]
                for codes in {folder.parents[1] for folder in folders}
            )
        except UserError:
            return  # those who need a damaged file say so
        self._count[run.part] += 1
        before, weight = self._mean.get(run.part, Seconds(0.0, 0.0)), 1 / self._count[run.part]
        self._mean[run.part] = Seconds(
            *(old + (new - old) * weight for old, new in zip(before, (train, score), strict=True))
        )

    def left(self, run: Run, state: State) -> float | None:
        """The seconds that `run` still takes, one core share; None while no run of its part is done."""
        mean = self._mean.get(run.part)
        if mean is None:
            return 0.0 if state.done else None
        trained = state.step / state.steps if state.steps else float(state.trained)
        scored = state.scored / state.evaluations if state.evaluations else float(trained >= 1)
        return mean.train * (1 - min(trained, 1.0)) + mean.score * (1 - scored)
