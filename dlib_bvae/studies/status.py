"""How far a study is, from its results alone: dlib_bvae_sweep status."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from dlib_bvae.errors import UserError
from dlib_bvae.runtime import RUNS
from dlib_bvae.studies.progress import described, labels, part_table
from dlib_bvae.studies.state import State, states
from dlib_bvae.studies.study import Study, load

_PERIOD = 2.0  # seconds between looks
_SHARE = 10  # a look may take one part in so many of the time
_WIDTH_OF_A_PIPE = 160
_MOST = 16  # lines of runs that are under way, and of those that failed


def show(study: Sequence[str], gin_bindings: Sequence[str] = (), results: Path | None = None) -> None:
    """Shows the states of the runs of the study in `results` (default: runs/<its name>).

    On a terminal until all are done or Ctrl-C is pressed, elsewhere once. Starts nothing and takes no lock, so it may be
    asked for on any machine that sees the results. Raises UserError when there is no such folder.
    """
    chosen = load(study, gin_bindings)
    store = RUNS / chosen.name if results is None else results
    if not store.is_dir():
        raise UserError(f"there is no {store}; start the sweep first, or say by --results where its runs are")
    console = Console()
    if not console.is_terminal:
        Console(width=_WIDTH_OF_A_PIPE).print(picture(chosen, states(chosen.runs, store)))
        return
    with contextlib.suppress(KeyboardInterrupt):
        _watch(chosen, store, console)


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
    counts = [f"{sum(state.done for state in seen):,} of {len(seen):,} runs done", f"{len(running):,} under way"]
    counts += [f"{len(failed):,} failed"] if failed else []
    lines = [" · ".join(counts), *_first(running), *_first(failed)]
    return Group(*map(Text, lines), part_table(study.runs, seen))


def _first(pairs: Sequence[tuple[str, str]]) -> list[str]:
    more = len(pairs) - _MOST
    return [*(f"  {name}: {what}" for name, what in pairs[:_MOST]), *([f"  and {more:,} more"] if more > 0 else [])]
