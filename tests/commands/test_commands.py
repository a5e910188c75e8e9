"""commands/__init__.py: one table of commands, an executable for each, flags before anything heavy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae import __version__, commands
from dlib_bvae.commands.metrics import validity

BIN = Path(__file__).parents[2] / "bin"


def test_every_executable_runs_a_command():
    for path in BIN.glob("dlib_bvae_*"):
        name = path.name.removeprefix("dlib_bvae_")
        assert name in commands.COMMANDS
        assert path.read_text(encoding="utf-8").endswith(f'from dlib_bvae.commands import run\n\nrun("{name}")\n')
    # that one is dlib_bvae_study report; it never had an executable
    assert set(commands.COMMANDS) - {path.name.removeprefix("dlib_bvae_") for path in BIN.iterdir()} == {"report"}


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [f"dlib_bvae_{name}", "--help"])
    with pytest.raises(SystemExit) as stop:
        commands.run(name)
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: dlib_bvae_{name} ")


@pytest.mark.parametrize("name", commands.FORMER)
def test_a_former_name_takes_what_today_s_takes_and_says_which_that_is(name, monkeypatch, capsys):
    shown = {}
    for words in ([name], commands.FORMER[name].split()):
        monkeypatch.setattr("sys.argv", [f"dlib_bvae_{words[0]}", *words[1:], "--help"])
        with pytest.raises(SystemExit):
            commands.run(words[0])
        shown[words[0]] = " ".join(capsys.readouterr().out.split())
    former, today = shown.values()
    assert f"Today this is dlib_bvae_{commands.FORMER[name]}" in former
    assert set(re.findall(r"--\w+", today)) - {"--help"} <= set(re.findall(r"--\w+", former))


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
    assert (run("--version").returncode, run("--version").stdout) == (0, f"dlib_bvae {__version__}\n")


def test_the_list_of_commands_has_today_s_with_a_line_each(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dlib_bvae", "--help"])
    with pytest.raises(SystemExit):
        commands.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == [each for each in commands.COMMANDS if each not in commands.FORMER]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", ["train", "metrics"])
def test_every_command_says_its_version(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [f"dlib_bvae_{name}", "--version"])
    with pytest.raises(SystemExit) as stop:
        getattr(commands.entry, name)()
    assert (stop.value.code, capsys.readouterr().out) == (0, f"dlib_bvae {__version__}\n")


def test_flags_choose_a_part_of_the_table_of_known_codes():
    parser, _ = validity()
    given = parser.parse_args(["--structures=causal", "--codes=noise", "--sizes=200"])
    assert (given.structures, given.codes, given.sizes, given.perturbations) == ("causal", "noise", "200", None)


def test_the_former_flag_of_perturbations_still_works():
    parser, _ = validity()
    assert parser.parse_args(["--knobs=dead"]).perturbations == "dead"
    assert parser.parse_args(["--perturbations=dead"]).perturbations == "dead"
