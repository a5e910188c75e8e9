"""What is shown while a study is executed: a live table on a terminal, a line an event elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dlib_bvae.artifacts.lock import locks_here
from dlib_bvae.studies.pace import RuntimeEstimator
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.state import State, state_of
from dlib_bvae.studies.study import Study
from dlib_bvae.studies.supervise import Outcome
from dlib_bvae.studies.words import duration, pluralize

_COLUMNS = ("done", "scoring", "training", "waiting", "failed")
_MOST_RUNNING = 16  # lines of running runs
_REFRESH = 0.5  # times a second


class Progress:
    """The states of the runs of `study` while `workers` work on them; `report` is what execute() calls.

    states: at the start. stop: set when the children have been asked to end.
    """

    def __init__(
        self,
        study: Study,
        states: Sequence[State],
        store: Path,
        workers: int,
        console: Console,
        stop: threading.Event | None = None,
    ) -> None:
        self._study, self._store, self._workers, self._console = study, store, workers, console
        self._stop = threading.Event() if stop is None else stop
        self._states = {run.digest: state for run, state in zip(study.runs, states, strict=True)}
        self._labels = labels(study.runs)
        self.pace = RuntimeEstimator(study.runs, states, store)
        self._running: dict[str, Run] = {}
        self._began, self._lock = time.monotonic(), threading.RLock()
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=_REFRESH)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def state(self, run: Run) -> State:
        """The state of `run` as last seen."""
        return self._states[run.digest]

    def report(self, run: Run, outcome: Outcome | None) -> None:
        """Takes note of a run that is started (outcome None) or has ended."""
        with self._lock:
            if outcome is None:
                self._running[run.digest] = run
            else:
                self._running.pop(run.digest, None)
                self._look(run)
                if outcome.status == "done":
                    self.pace.learn(run)
        if outcome is None and self._console.is_terminal:
            return
        if outcome is None or not self._console.is_terminal or outcome.status in ("failed", "timeout", "lost"):
            self._print(self._line(run, outcome))

    def _line(self, run: Run, outcome: Outcome | None) -> str:
        what = "started" if outcome is None else told(outcome)
        done = sum(state.done for state in self._states.values())
        return f"[{done}/{len(self._states)} done] {self._labels[run.digest]}: {what}"

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _look(self, run: Run) -> None:
        self._states[run.digest] = state_of(run, run.directory(self._store), locks_here())

    def _render(self) -> Group:
        with self._lock:
            for run in self._running.values():
                self._look(run)
            lines = [self.summary(), *self._running_lines()]
            return Group(*map(Text, lines), part_table(self._study.runs, list(self._states.values())))

    def _running_lines(self) -> list[str]:
        shown = list(self._running.values())[:_MOST_RUNNING]
        lines = [f"  {self._labels[run.digest]}: {described(self._states[run.digest])}" for run in shown]
        more = len(self._running) - len(shown)
        return [*lines, f"  and {more} more"] if more else lines

    def summary(self) -> str:
        """Counts, time since the start, and time left, in one line."""
        states = list(self._states.values())
        failed = sum(state.phase == "failed" for state in states)
        parts = [f"{sum(state.done for state in states):,} of {pluralize(len(states), 'run')} done"]
        parts += [f"{len(self._running)} running"] if self._running else []
        parts += [f"{failed} failed"] if failed else []
        parts += ["stopping, with checkpoints"] if self._stop.is_set() and self._running else []
        parts += [f"{duration(time.monotonic() - self._began)} so far", *self._left()]
        return " · ".join(parts)

    def _left(self) -> list[str]:
        """How long what is not done takes; "at least" while of a part no run is done. Failed runs do not count."""
        waiting = [run for run in self._study.runs if not self.state(run).done and self.state(run).phase != "failed"]
        seconds = [self.pace.left(run, self.state(run)) for run in waiting]
        known = sum(each for each in seconds if each is not None) / max(1, min(self._workers, len(seconds)))
        if not known:
            return []
        return [f"{'at least' if None in seconds else 'about'} {duration(known)} left"]


def told(outcome: Outcome) -> str:
    """An outcome in words."""
    if outcome.status in ("failed", "timeout"):
        return f"failed: {outcome.message}"
    if outcome.status in ("busy", "lost"):
        return f"{'left out' if outcome.status == 'busy' else 'lost'}: {outcome.message}"
    return f"{outcome.status} in {duration(outcome.seconds)}" if outcome.status == "done" else outcome.status


def described(state: State) -> str:
    """Where a run is, in words: "training, step 1,000 of 6,000"."""
    if state.phase == "training" and state.step:
        return f"training, step {state.step:,}" + (f" of {state.steps:,}" if state.steps else "")
    if state.phase == "scoring":
        return f"scoring, {state.scored} of {state.evaluations}"
    return "starting" if state.phase == "waiting" else state.phase


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """Run.digest → the part and what differs among its runs: "conv beta=4.0 random_seed=1"."""
    values: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for key, value in run.config.items():
            values.setdefault((run.part, key), set()).add(repr(value))
    return {
        run.digest: " ".join(
            [
                run.part,
                *(f"{key.split('.')[-1]}={v}" for key, v in run.config.items() if len(values[run.part, key]) > 1),
            ]
        )
        for run in runs
    }


def part_table(runs: Sequence[Run], states: Sequence[State]) -> Table:
    """One row a part: how many of its runs are in which phase."""
    table = Table("part", "runs", *_COLUMNS, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    counts: dict[str, Counter[str]] = {}
    for run, state in zip(runs, states, strict=True):
        counts.setdefault(run.part, Counter())[state.phase] += 1
    for part, count in counts.items():
        shown = (str(count[phase]) if count[phase] else "" for phase in _COLUMNS)
        table.add_row(part, str(count.total()), *shown)
    return table
