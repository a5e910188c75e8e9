"""What a study would do: --dry_run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dlib_bvae.studies.preflight import left_out
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.state import State
from dlib_bvae.studies.study import Study
from dlib_bvae.studies.words import pluralize


def print_plan(
    study: Study,
    states: Sequence[State],
    absent: Mapping[str, str],
    store: Path,
    workers: int,
    console: Console,
) -> None:
    """Prints a table of the parts and what of each is done, the data sets that cannot be had, and the sums."""
    console.print(_table(study.runs, states))
    for line in left_out([run for run, state in zip(study.runs, states, strict=True) if not state.done], absent):
        print(line)
    trained = sum(state.trained for state in states)
    scored, asked = sum(state.scored for state in states), sum(state.evaluations for state in states)
    print(
        f"{store}: {pluralize(len(states), 'run')}, {trained:,} trained, {sum(state.done for state in states):,} done; "
        f"{pluralize(asked, 'evaluation')}, {scored:,} done; {workers} at a time"
    )


def _table(runs: Sequence[Run], states: Sequence[State]) -> Table:
    table = Table("part", "model", "data set", "runs", "done", "steps a run", "evaluations a run", "evaluations done")
    for column in table.columns[3:]:
        column.justify = "right"
    for part in dict.fromkeys(run.part for run in runs):
        mine = [(run, state) for run, state in zip(runs, states, strict=True) if run.part == part]
        table.add_row(
            part,
            _all(run.config.get("model.name", "") for run, _ in mine),
            _all(run.config.get("dataset.name", "") for run, _ in mine),
            f"{len(mine):,}",
            f"{sum(state.done for _, state in mine):,}",
            _all("" if state.steps is None else f"{state.steps:,}" for _, state in mine),
            _all(state.evaluations for _, state in mine),
            f"{sum(state.scored for _, state in mine):,}",
        )
    return table


def _all(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))
