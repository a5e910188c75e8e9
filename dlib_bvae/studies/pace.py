"""How long runs take, from the results of those that are done, and so how long a study still will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.state import State

_ENOUGH = 3  # done runs of a part that are read at the start


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
        folders = [directory / each.folder for each in run.evaluations]
        try:
            train = read_results(directory / "train", "train")["elapsed_time"]
            score = sum(read_results(folder, "evaluation")["elapsed_time"] for folder in folders)
            score += sum(
                read_results(codes, "postprocess")["elapsed_time"]
                for codes in {folder.parents[1] for folder in folders}
            )
        except UserError:
            return  # a damaged file is told by those who need it
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
