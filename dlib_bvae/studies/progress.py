"""What people are shown of a study: a plan before, a live table or a line an event meanwhile, its status at any time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dlib_bvae.artifacts.lock import locks_here
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.progress_line import duration
from dlib_bvae.runtime import RUNS, forget_interrupt
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.preflight import data_of, place
from dlib_bvae.studies.state import RuntimeEstimator, State, state_of, states
from dlib_bvae.studies.study import Run, Study, load

_COLUMNS = ("done", "scoring", "training", "waiting", "failed")
_MOST_RUNNING = 16  # lines of running runs
_REFRESH = 0.5  # times a second
_PERIOD = 2.0  # seconds between looks
_SHARE = 10  # a look may take one part in so many of the time
WIDTH_OF_A_PIPE = 160
_MOST = 16  # lines of runs that are under way, and of those that failed


def left_out(runs: Sequence[Run], absent: Mapping[str, str]) -> list[str]:
    """One sentence a reason why runs cannot be done, see check: how many, on which data sets, and why."""
    reasons: dict[str, list[str]] = {}
    for run in runs:
        if why := absent.get(place(run)):
            reasons.setdefault(why, []).append(data_of(run))
    return [
        f"left out: {pluralize(len(on), 'run')} on {', '.join(dict.fromkeys(on))}: {why}" for why, on in reasons.items()
    ]


def print_plan(
    study: Study,
    states: Sequence[State],
    absent: Mapping[str, str],
    store: Path,
    workers: int,
    console: Console,
) -> None:
    """Prints a table of the parts and what of each is done, the data sets that cannot be had, and the sums."""
    console.print(_plan_table(study.runs, states))
    for line in left_out([run for run, state in zip(study.runs, states, strict=True) if not state.done], absent):
        print(line)
    trained = sum(state.trained for state in states)
    scored, asked = sum(state.scored for state in states), sum(state.evaluations for state in states)
    print(
        f"{store}: {pluralize(len(states), 'run')}, {trained:,} trained, {sum(state.done for state in states):,} done; "
        f"{pluralize(asked, 'evaluation')}, {scored:,} done; {workers} at a time"
    )


def _plan_table(runs: Sequence[Run], states: Sequence[State]) -> Table:
    table = Table(
        "part", "model", "data set", "runs", "done", "steps per run", "evaluations per run", "evaluations done"
    )
    for column in table.columns[3:]:
        column.justify = "right"
    for part in dict.fromkeys(run.part for run in runs):
        mine = [(run, state) for run, state in zip(runs, states, strict=True) if run.part == part]
        table.add_row(
            part,
            _distinct(run.config.get("model.name", "") for run, _ in mine),
            _distinct(run.config.get("dataset.name", "") for run, _ in mine),
            f"{len(mine):,}",
            f"{sum(state.done for _, state in mine):,}",
            _distinct("" if state.steps is None else f"{state.steps:,}" for _, state in mine),
            _distinct(state.evaluations for _, state in mine),
            f"{sum(state.scored for _, state in mine):,}",
        )
    return table


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


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
        if outcome is None or not self._console.is_terminal or outcome.status in ("failed", "timeout", "lost", "apart"):
            self._print(self._line(run, outcome))

    def _line(self, run: Run, outcome: Outcome | None) -> str:
        what = "started" if outcome is None else ending(outcome)
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


def ending(outcome: Outcome) -> str:
    """An outcome in words."""
    if outcome.status in ("failed", "timeout"):
        return f"failed: {outcome.message}"
    if outcome.status == "apart":
        return f"trained alone from now on, as the process that trained it with others failed: {outcome.message}"
    if outcome.status in ("busy", "lost"):
        return f"{'left out' if outcome.status == 'busy' else 'lost'}: {outcome.message}"
    return (
        f"{outcome.status} in {duration(outcome.seconds)}" if outcome.status in ("done", "trained") else outcome.status
    )


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


def show(study: Sequence[str], gin_bindings: Sequence[str] = (), results: Path | None = None) -> None:
    """Shows the states of the runs of the study in `results` (default: runs/<its name>).

    On a terminal until all are done or Ctrl-C is pressed, elsewhere once. Starts nothing and takes no lock, so it may be
    asked for on any machine that sees the results. Raises UserError when there is no such folder.
    """
    chosen = load(study, gin_bindings)
    store = RUNS / chosen.name if results is None else results
    if not store.is_dir():
        raise UserError(
            f"there is no {store}; start the study first (dlib_bvae_study run), or say by --results_dir where its runs are"
        )
    console = Console()
    if not console.is_terminal:
        Console(width=WIDTH_OF_A_PIPE).print(picture(chosen, states(chosen.runs, store)))
        return
    try:
        _watch(chosen, store, console)
    except KeyboardInterrupt:
        forget_interrupt()


def _watch(study: Study, store: Path, console: Console) -> None:
    seen = states(study.runs, store)
    with Live(picture(study, seen), console=console, auto_refresh=False) as live:
        while not all(state.done for state in seen):
            began = time.monotonic()
            seen = states(study.runs, store)
            live.update(picture(study, seen), refresh=True)
            time.sleep(max(_PERIOD, _SHARE * (time.monotonic() - began)))


def picture(study: Study, seen: Sequence[State]) -> Group:
    """The sums, the runs that are under way or failed, and a table of the parts."""
    names = labels(study.runs)
    pairs = [(names[run.digest], state) for run, state in zip(study.runs, seen, strict=True)]
    # Whether a process of another machine still works on a run cannot be known from here.
    running = [(name, described(state)) for name, state in pairs if state.running or state.running is None]
    failed = [(name, f"failed: {state.failure}") for name, state in pairs if state.phase == "failed"]
    counts = [
        f"{sum(state.done for state in seen):,} of {pluralize(len(seen), 'run')} done",
        f"{len(running):,} under way",
    ]
    counts += [f"{len(failed):,} failed"] if failed else []
    lines = [" · ".join(counts), *_first(running), *_first(failed)]
    return Group(*map(Text, lines), part_table(study.runs, seen))


def _first(pairs: Sequence[tuple[str, str]]) -> list[str]:
    more = len(pairs) - _MOST
    return [*(f"  {name}: {what}" for name, what in pairs[:_MOST]), *([f"  and {more:,} more"] if more > 0 else [])]
