"""A stage that dies between any two steps of its work with files: every later command goes on as if it had never been begun."""

import json
import random
import shutil
from functools import partial
from unittest import mock

import numpy as np
import pytest
from support.killed import killed_after, steps_of
from support.later_commands import (
    FEW,
    LATER,
    assert_nothing_is_stale,
    draw,
    encode,
    fit,
    quietly,
    results,
    score,
    study,
)
from support.tiny_runs import SETS, snapshot, strays

from dlib_bvae.artifacts import environment, read_results
from dlib_bvae.stages import evaluate, postprocess, rank
from dlib_bvae.stages.external import external_codes

# What is killed: (what is done before, the command). All but those of pictures take no TensorFlow and milliseconds.
KILLED = {
    "fit": ([], fit),
    "fit again": ([fit, score], partial(fit, overwrite=True)),
    "encode": ([fit], encode),
    "encode again": ([fit, score], lambda folder: encode(folder, FEW)),
    "encode the same again": ([fit, score], partial(encode, overwrite=True)),
    "score": ([fit, encode], score),
    "score again": ([fit, score], partial(score, overwrite=True)),
    "study": ([fit, encode], study),
    "draw again": ([fit, draw], lambda folder: draw(folder, "visualize.random_seed = 5")),
}


@pytest.fixture(autouse=True, scope="module")
def no_git():
    """Results say nothing of the checkout: asking git takes longer than the commands."""
    with mock.patch.object(environment, "_git_commit", return_value=None):
        yield


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Killed command → a folder as it was before, and the number of steps that the command takes."""
    prepared = {}

    def prepare(name):
        if name not in prepared:
            folder = tmp_path_factory.mktemp("before")
            commands, killed = KILLED[name]
            for each in commands:
                quietly(each, folder)
            copy = shutil.copytree(folder, tmp_path_factory.mktemp("count") / "folder")
            prepared[name] = folder, steps_of(copy, partial(quietly, killed, copy))
        return prepared[name]

    return prepare


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """later("score few") → the results of every stage after this command on a new folder."""
    known = {}

    def after(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            quietly(fit, folder)
            quietly(LATER[name], folder)
            known[name] = results(folder)
        return known[name]

    return after


def try_later(folder, later, expected):
    """Runs a command on what a killed one left: its results are those on a new folder, and nothing is left but what can go on."""
    quietly(LATER[later], folder)
    found = results(folder)
    wanted = {key: value for key, value in expected.items() if not key.startswith("one/train")}
    assert {key: found.get(key) for key in wanted} == wanted
    if not later.startswith("fit"):  # what a new training makes stale is made again by the next command
        assert_nothing_is_stale(folder / "one")
    assert [path for path in strays(folder / "one") if not path.startswith(("train.part", "mean.part"))] == []


def die(name, steps, before, folder):
    """A folder in which the command `name` died after so many steps."""
    shutil.copytree(before(name)[0], folder)
    assert killed_after(steps, folder, partial(quietly, KILLED[name][1], folder))
    return folder


def commands_after(name):
    """The later commands that can be run whatever the killed one left: before a fit is done there is only the fit."""
    return ["fit", "fit overwrite"] if name == "fit" else list(LATER)


def check(name, step, later, before, undisturbed, folder):
    """Tries a later command, then the killed one and a score, after a kill after so many steps; removes `folder`."""
    die(name, step, before, folder)
    try:
        try_later(folder, later, undisturbed(later))
        quietly(KILLED[name][1], folder)
        assert strays(folder / "one") == []
        quietly(score, folder)
        assert_nothing_is_stale(folder / "one")
    except Exception as error:
        raise AssertionError(
            f"{name} was killed after {step} of {before(name)[1]} steps, then {later}: {error}"
        ) from error
    shutil.rmtree(folder)


CHEAP = [each for each in LATER if not each.startswith(("draw", "study", "score another"))]
SAMPLED_STEPS = 4  # of pictures, which take seconds, half as many


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "draw again" else name for name in KILLED]
)
def test_after_a_kill_a_later_command_goes_on(name, before, undisturbed, tmp_path):
    _, steps = before(name)
    assert steps > 10
    order = random.Random(name)
    choices = [each for each in commands_after(name) if each in CHEAP]
    for step in order.sample(range(steps), SAMPLED_STEPS // (2 if name.startswith("draw") else 1)):
        check(name, step, order.choice(choices), before, undisturbed, tmp_path / str(step))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "later"), [(name, later) for name in KILLED for later in commands_after(name)])
def test_after_a_kill_at_any_step_every_later_command_goes_on(name, later, before, undisturbed, tmp_path):
    for step in range(before(name)[1]):
        check(name, step, later, before, undisturbed, tmp_path / str(step))


def test_a_kill_while_equal_codes_take_the_place_of_others_costs_no_score(before, tmp_path):
    folder, steps = before("encode the same again")
    metrics = snapshot(folder / "one" / "mean" / "metrics")
    assert metrics
    for step in range(0, steps, 2):
        place = die("encode the same again", step, before, tmp_path / str(step))
        quietly(score, place)
        assert snapshot(place / "one" / "mean" / "metrics") == metrics
        assert strays(place) == []
        assert_nothing_is_stale(place / "one")


def test_a_label_that_was_half_written_is_written_again(before, tmp_path):
    folder, _ = before("score again")

    def named(place):
        return fit(place, "model.name = 'mine'")

    steps = steps_of(shutil.copytree(folder, tmp_path / "count"), partial(quietly, named, tmp_path / "count"))
    assert steps > 10
    for step in range(steps):
        place = shutil.copytree(folder, tmp_path / str(step))
        assert killed_after(step, place, partial(quietly, named, place))
        quietly(named, place)
        assert strays(place) == []
        assert read_results(place / "one" / "train", "train")["model"] == "mine"
        aggregates = [json.loads(path.read_text()) for path in place.rglob("aggregate/*.json")]
        assert len(aggregates) == 3
        assert {each["train_results.model"] for each in aggregates} == {"mine"}
        assert {each["train_config.model.name"] for each in aggregates} == {"mine"}
        assert_nothing_is_stale(place / "one")


def _external(folder, *lines, overwrite=False):
    source = external_codes(codes=folder / "codes.npy", dataset="dummy_data", output_dir=folder / "theirs")
    lines = ["active_units.num_train = 100", *lines]
    return evaluate.run("active_units", [], lines, None, overwrite, None, source)


def _rank(folder, *lines, overwrite=False):
    return rank.run("udr", [folder / "random0", folder / "random1"], [], [*SETS, *lines], overwrite)


@pytest.fixture
def sources(tmp_path, trained):
    """A folder with codes from elsewhere and two runs that can be ranked."""
    folder = tmp_path / "sources"
    for name in ("random0", "random1"):
        shutil.copytree(trained / name, folder / name)
        quietly(lambda place, name=name: postprocess.run([], [], place / name), folder)
    np.save(folder / "codes.npy", np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32))
    return folder


@pytest.mark.parametrize(
    ("call", "others", "tried"),
    [
        (_external, ["active_units.threshold = 0.1"], 8),
        (_rank, ["udr.num_kl = 40"], 1),
        pytest.param(_external, ["evaluation.random_seed = 1"], 1000, marks=pytest.mark.slow),
        pytest.param(_rank, ["evaluation.random_seed = 1"], 1000, marks=pytest.mark.slow),
    ],
)
def test_codes_from_elsewhere_and_rankings_go_on_after_a_kill(call, others, tried, sources, tmp_path):
    whole = shutil.copytree(sources, tmp_path / "whole")
    steps = steps_of(whole, partial(quietly, call, whole))
    expected = results(whole)
    for step in random.Random(0).sample(range(steps), min(tried, steps)):
        place = shutil.copytree(sources, tmp_path / "place")
        assert killed_after(step, place, partial(quietly, call, place))
        quietly(lambda folder: call(folder, *others), place)
        assert strays(place) == []
        quietly(call, place)
        found = results(place)
        assert {key: found.get(key) for key in expected} == expected
        assert len(found) > len(expected)
        for name in ("theirs/codes", "random0/mean", "random1/mean"):
            for directory in (place / name).glob("metrics/*"):
                encoded = read_results(place / name, "postprocess")["uuid"]
                assert read_results(directory, "evaluation")["encoded"] == encoded
        shutil.rmtree(place)
