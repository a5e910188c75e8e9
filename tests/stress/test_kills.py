"""Commands that die between two steps of their work with files: nothing is lost, nothing half-placed counts, again they finish.

After a kill each result, row and file is as it was before or as the whole command leaves it, and the user's files are as they
were. The same command then ends as one that was never disturbed, file by file, and leaves no part of anything.
"""

import random
import shutil
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from support.killed import killed_after, steps_of
from support.killed_commands import COMMANDS, NOTES, Expected, half_done, state, undone
from support.later_commands import quietly
from support.tiny_runs import strays

from dlib_bvae.artifacts import environment

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
KILLS = 24  # of each command, at different steps


@pytest.fixture(autouse=True)
def no_git():
    """Results say nothing of the checkout: asking git takes longer than the commands."""
    with mock.patch.object(environment, "_git_commit", return_value=None):
        yield


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """copied("place") → the working directory is a copy of the prepared one, of which nothing is left from before."""

    def copy(name):
        place = tmp_path / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(tmp_path / "before", place)
        monkeypatch.chdir(place)

    return copy


def prepared(folder, calls, monkeypatch):
    """Runs what comes before in the new `folder`, and puts a file of the user's into all its directories."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    for call in calls:
        quietly(call, Path())
    for each in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        (each / NOTES).write_text("of the user")


def wrong_after(step, call, old, new):
    """(Whether the command died at this step, what did not hold) in the working directory."""
    if not killed_after(step, Path(), partial(quietly, call, Path())):
        return False, ["it was not killed"]
    wrong = half_done(state(), old, new)
    quietly(call, Path())
    return True, [*wrong, *(f"again: {each}" for each in undone(state(), new)), *strays(Path())]


@pytest.mark.parametrize("name", COMMANDS)
def test_after_a_kill_everything_is_old_or_new_and_again_all_is_well(name, tmp_path, monkeypatch, copied, tally):
    command = COMMANDS[name]
    prepared(tmp_path / "before", command.before, monkeypatch)
    old, ends = state(), []
    for _ in range(2):
        copied("place")
        steps = steps_of(Path(), partial(quietly, command.call, Path()))
        ends.append(state())
    new = Expected.of(*ends)
    counts = tally(f"kills of {name} ({steps} steps)", "old or new, then finished")
    for step in sorted(random.Random(name).sample(range(steps), min(KILLS, steps))):
        copied("place")
        try:
            _, wrong = wrong_after(step, command.call, old, new)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        counts.add("; ".join(wrong[:4]) or "old or new, then finished", f"step {step}")
