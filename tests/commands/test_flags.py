"""flags.py: one pair of flags for where runs are and where results go, runs by position, and defaults in every help."""

import argparse
import importlib
from pathlib import Path

import pytest

from dlib_bvae import commands
from dlib_bvae.commands.flags import for_each_run
from dlib_bvae.errors import UserError


def parsers(name):
    """(its words, its parser) of the command `name` and of each of its sub-commands."""
    module, function = commands.COMMANDS[name].split(":")
    found = [(name, getattr(importlib.import_module(f"dlib_bvae.commands.{module}"), function)()[0])]
    for _, parser in list(found):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += [(f"{name} {part}", each) for part, each in action.choices.items()]
    return found


ALL = [each for name in commands.COMMANDS for each in parsers(name)]
REPEATED = (argparse._AppendAction, argparse._StoreTrueAction, argparse._HelpAction, argparse._VersionAction)


@pytest.mark.parametrize(("name", "parser"), ALL, ids=[name for name, _ in ALL])
def test_every_flag_that_has_a_default_says_it(name, parser):
    for action in parser._actions:
        if isinstance(action, (*REPEATED, argparse._SubParsersAction)) or action.required:
            continue
        assert "default" in action.help, (name, action.dest)


@pytest.mark.parametrize(("name", "parser"), ALL, ids=[name for name, _ in ALL])
def test_places_have_one_name_and_their_former_one(name, parser):
    flags = {flag: action.dest for action in parser._actions for flag in action.option_strings}
    for today, former in (("--results_dir", "--results"), ("--output_dir", "--output")):
        if name != "data preview":  # whose --output is a file
            assert (today in flags) == (former in flags), name
            assert flags.get(today) == flags.get(former)


def test_runs_are_given_by_position_or_by_flag():
    called = []
    call = for_each_run(lambda **given: called.append(given))
    call(runs=[Path("a"), Path("b")], model_dir=None, x=1)
    call(runs=[], model_dir=Path("c"), x=2)
    call(runs=[], model_dir=None, x=3)
    call(runs=[Path("d")], model_dir=None, output_dir=Path("o"))
    assert called == [
        {"model_dir": Path("a"), "x": 1},
        {"model_dir": Path("b"), "x": 1},
        {"model_dir": Path("c"), "x": 2},
        {"model_dir": None, "x": 3},
        {"model_dir": Path("d"), "output_dir": Path("o")},
    ]
    with pytest.raises(UserError, match="by position and by --model_dir; leave out one"):
        call(runs=[Path("a")], model_dir=Path("c"))
    with pytest.raises(UserError, match="--output_dir takes what belongs to one run"):
        call(runs=[Path("a"), Path("b")], model_dir=None, output_dir=Path("o"))
    assert len(called) == 5
