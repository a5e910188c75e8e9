"""commands/__init__.py: one table of commands, an executable for each, flags before anything heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae import commands
from dlib_bvae.commands.metrics import validity

BIN = Path(__file__).parents[2] / "bin"


def test_every_executable_runs_a_command():
    for path in BIN.glob("dlib_bvae_*"):
        name = path.name.removeprefix("dlib_bvae_")
        assert name in commands.COMMANDS
        assert path.read_text(encoding="utf-8").endswith(f'from dlib_bvae.commands import run\n\nrun("{name}")\n')
    # the report is python -m dlib_bvae report, or dlib_bvae_reproduce --report
    assert set(commands.COMMANDS) - {path.name.removeprefix("dlib_bvae_") for path in BIN.iterdir()} == {"report"}


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [f"dlib_bvae_{name}", "--help"])
    with pytest.raises(SystemExit) as stop:
        commands.run(name)
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: dlib_bvae_{name} ")


def test_the_package_runs_a_command_by_its_name():
    run = lambda *words: subprocess.run(
        [sys.executable, "-m", "dlib_bvae", *words], capture_output=True, text=True, check=False
    )
    assert run("aggregate", "--help").stdout.startswith("usage: dlib_bvae_aggregate ")
    wrong = run("agregate")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "python -m dlib_bvae: no command is called 'agregate'; did you mean aggregate or evaluate?\n",
    )
    assert run().returncode == 2


def test_flags_choose_a_part_of_the_table_of_known_codes():
    parser, _ = validity()
    given = parser.parse_args(["--structures=causal", "--codes=noise", "--sizes=200"])
    assert (given.structures, given.codes, given.sizes, given.perturbations) == ("causal", "noise", "200", None)


def test_the_former_flag_of_perturbations_still_works():
    parser, _ = validity()
    assert parser.parse_args(["--knobs=dead"]).perturbations == "dead"
    assert parser.parse_args(["--perturbations=dead"]).perturbations == "dead"
