"""Does what is missing of a study, in parallel on this machine or on a cluster, and says how it ended."""

from __future__ import annotations

import contextlib
import math
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from dlib_bvae.artifacts.record import check_writable
from dlib_bvae.errors import UserError, check_integer, check_positive, pluralize
from dlib_bvae.runtime import RUNS
from dlib_bvae.studies import plan
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.executors import LOCAL, Executor
from dlib_bvae.studies.preflight import check, place
from dlib_bvae.studies.progress import WIDTH_OF_A_PIPE, Progress, labels, left_out
from dlib_bvae.studies.state import State, states
from dlib_bvae.studies.study import Run, Study, load

_FAILED = ("failed", "timeout")


class Stopped(Exception):
    """The command was asked to end by the signal `signum`, and can continue."""

    def __init__(self, signum: int):
        super().__init__("stopped; what was in training has a checkpoint; run the same command again to continue")
        self.signum = signum


class Missing(NamedTuple):
    """A study without the runs whose data set cannot be had, the state of each run, and the sentences on the others."""

    study: Study
    states: list[State]
    left_out: list[str]


def run(
    study: Sequence[str],
    gin_bindings: Sequence[str] = (),
    results: Path | None = None,
    workers: int | None = None,
    dry_run: bool = False,
    max_hours: float | None = None,
    executor: Executor = LOCAL,
) -> None:
    """Does what is missing of the study of the gin files `study` in `results` (default: runs/<its name>).

    workers: runs at a time (default: as many as `executor` has room for). dry_run: print what would be done. max_hours: end
    after so many, with checkpoints; what does not fit is not started. A run that fails does not stop the others. Raises
    UserError for a study that is wrong, before anything is trained, and at the end for runs that failed; Stopped at a signal.
    """
    chosen = load(study, gin_bindings)
    store = RUNS / chosen.name if results is None else results
    workers = executor.default_workers(chosen) if workers is None else workers
    check_integer("--workers", workers, 1)
    hours = None if max_hours is None else check_positive("--max_hours", max_hours)
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH_OF_A_PIPE)
    before = states(chosen.runs, store)
    if all(state.done for state in before):
        print(f"{store}: all is done ({pluralize(len(before), 'run')})")
        _say_next(store)
        return
    absent = check([each for each, state in zip(chosen.runs, before, strict=True) if not state.done])
    if dry_run:
        plan.show(chosen, before, absent, store, workers, executor, probe=False)
        return
    check_writable(store)
    _go(_missing(chosen, before, absent), store, workers, hours, console, executor)


def _missing(study: Study, before: Sequence[State], absent: dict[str, str]) -> Missing:
    pairs = list(zip(study.runs, before, strict=True))
    kept = [(each, state) for each, state in pairs if state.done or place(each) not in absent]
    lines = left_out([each for each, state in pairs if not state.done], absent)
    return Missing(study._replace(runs=tuple(each for each, _ in kept)), [state for _, state in kept], lines)


def _go(missing: Missing, store: Path, workers: int, hours: float | None, console: Console, executor: Executor) -> None:
    stop = threading.Event()
    with (
        _signals(stop) as caught,
        Progress(missing.study, missing.states, store, workers, console, stop) as progress,
        _deadline(stop, hours) as seconds_left,
    ):
        fits = _fitting(progress, seconds_left, hours)
        outcomes = executor.execute(missing.study, store, workers, progress.report, stop, fits)
    if not console.is_terminal:
        print(progress.summary())
    _tell(missing, outcomes, store)
    left_over = not all(progress.state(each).done for each in missing.study.runs)
    if caught and left_over:
        raise Stopped(caught[0])
    if hours is not None and left_over:
        allowed = "hour is" if hours == 1 else "hours are"
        print(f"the {hours:g} {allowed} over, or too short for what is left; run the same command again to continue")
    _raise_failures(missing, outcomes)
    if not left_over:
        _say_next(store)


def _say_next(store: Path) -> None:
    place = shlex.quote(str(store))
    print(
        f"next: dlib_bvae_aggregate --results_dir={place} (a table of all scores), "
        f"dlib_bvae_leaderboard --results_dir={place} (a page)"
    )


def _tell(missing: Missing, outcomes: dict[str, Outcome], store: Path) -> None:
    """One line a run that failed, one a data set that cannot be had, one for runs that others work on."""
    names = labels(missing.study.runs)
    for each in missing.study.runs:
        outcome = outcomes.get(each.digest)
        if outcome is not None and outcome.status in _FAILED:
            print(f"failed: {names[each.digest]}: {outcome.message} ({each.directory(store) / 'log.txt'})")
    for line in missing.left_out:
        print(line)
    if busy := sum(outcome.status == "busy" for outcome in outcomes.values()):
        print(f"left out: {pluralize(busy, 'run')} that another process works on")


def _raise_failures(missing: Missing, outcomes: dict[str, Outcome]) -> None:
    failed = sum(outcome.status in _FAILED for outcome in outcomes.values())
    wrong = [f"{pluralize(failed, 'run')} failed"] if failed else []
    wrong += ["the data sets of others cannot be had"] if missing.left_out else []
    if wrong:
        raise UserError(f"{' and '.join(wrong)}; the lines above say why; the same command tries them again")


def _fitting(progress: Progress, left: Callable[[], float], hours: float | None) -> Callable[[Run], bool]:
    """Whether a run is expected to end in time, or is too long for any such time and has to go on piece by piece."""

    def fits(each: Run) -> bool:
        seconds = progress.pace.left(each, progress.state(each))
        return hours is None or seconds is None or seconds <= left() or seconds > hours * 3600

    return fits


@contextlib.contextmanager
def _deadline(stop: threading.Event, hours: float | None) -> Iterator[Callable[[], float]]:
    """Sets `stop` after `hours`, if any; gives a function that returns the seconds until then."""
    if hours is None:
        yield lambda: math.inf
        return
    end = time.monotonic() + hours * 3600
    timer = threading.Timer(hours * 3600, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield lambda: end - time.monotonic()
    finally:
        timer.cancel()


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[list[int]]:
    """Sets `stop` at SIGINT and SIGTERM; gives the list of those that came."""
    caught: list[int] = []

    def handle(signum: int, _: object) -> None:
        caught.append(signum)
        stop.set()

    previous = {signum: signal.signal(signum, handle) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
