"""A stage that dies between any two steps of its work with files: every later command goes on as if it had never been begun."""

import contextlib
import io
import random
import shutil
from functools import partial
from unittest import mock

import pytest
from support.killed import killed_after, steps_of
from support.tiny_runs import CELLS, DATA, FITS, PICTURES, strays

from dlib_bvae.artifacts import environment, read_identity, read_results
from dlib_bvae.stages import evaluate, postprocess, sensitivity, visualize

OF_TIME = (
    "elapsed_time",
    "environment",
    "images_per_second",
    "peak_memory_mib",
    "started",
    "uuid",
    "encoded",
    "trained",
)
OF_PLACE = ("run", "run_set")
FEW = "postprocess.max_images = 300"


def _fit(folder, *lines, overwrite=False):
    from dlib_bvae.stages import train as stage

    return stage.run([], [*DATA, *FITS["oracle"], *lines], folder / "one", overwrite)


def _encode(folder, *lines, **more):
    return postprocess.run([], lines, folder / "one", **more)


def _score(folder, *lines, metric="active_units", **more):
    return evaluate.run(metric, [], [f"{metric}.num_train = 100", *lines], folder / "one", **more)


def _draw(folder, *lines, **more):
    return visualize.run([], [*PICTURES, *lines], folder / "one", **more)


def _study(folder, *lines, **more):
    return sensitivity.run([folder / "one"], [], [*CELLS, *lines], folder / "tables", **more)


# Every command that may come after one that died, under the parameters of that one and under others.
LATER = {
    "fit": _fit,
    "fit overwrite": partial(_fit, overwrite=True),
    "encode": _encode,
    "encode overwrite": partial(_encode, overwrite=True),
    "encode few": lambda folder: _encode(folder, FEW),
    "score": _score,
    "score few": lambda folder: _score(folder, FEW),
    "score others": lambda folder: _score(folder, "active_units.threshold = 0.1"),
    "score another": lambda folder: _score(folder, metric="mig"),
    "score overwrite": partial(_score, overwrite=True),
    "draw": _draw,
    "draw others": lambda folder: _draw(folder, "visualize.random_seed = 3"),
    "study": _study,
    "study others": lambda folder: _study(folder, "sensitivity.random_seed = 3"),
}
# What is killed: (what is done before, the command). All but those of pictures take no TensorFlow and milliseconds.
KILLED = {
    "fit": ([], _fit),
    "fit again": ([_fit, _score], partial(_fit, overwrite=True)),
    "encode": ([_fit], _encode),
    "encode again": ([_fit, _score], lambda folder: _encode(folder, FEW)),
    "score": ([_fit, _encode], _score),
    "score again": ([_fit, _score], partial(_score, overwrite=True)),
    "study": ([_fit, _encode], _study),
    "draw again": ([_fit, _draw], lambda folder: _draw(folder, "visualize.random_seed = 5")),
}


def quietly(call, folder):
    """What a call returns, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call(folder)


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
            quietly(_fit, folder)
            quietly(LATER[name], folder)
            known[name] = results(folder)
        return known[name]

    return after


def results(folder):
    """Stage directory → its results but for what depends on time and place, and the bytes of its codes."""
    found = {}
    for path in sorted(folder.rglob("results/json/*_results.json")):
        directory, stage = path.parents[2], path.stem.removesuffix("_results")
        values = read_results(directory, stage)
        kept = {key: value for key, value in values.items() if key not in (*OF_TIME, *OF_PLACE)}
        codes = directory / "codes.npy"
        found[str(directory.relative_to(folder))] = kept, codes.read_bytes() if codes.exists() else b""
    return found


def assert_nothing_is_stale(run):
    """Every result in a run is of the training and codes that stand there, and its identity is that of its inputs."""
    trained = read_results(run / "train", "train") if (run / "train").exists() else None
    for path in run.rglob("results/json/postprocess_results.json"):
        codes = path.parents[2]
        assert trained is None or read_results(codes, "postprocess")["trained"] == trained["uuid"]
        encoded = read_results(codes, "postprocess")
        made = [*codes.glob("metrics/*/results/json/evaluation_results.json")]
        made += codes.glob("sensitivity/results/json/sensitivity_results.json")
        for score in made:
            directory, stage = score.parents[2], score.stem.removesuffix("_results")
            found = read_results(directory, stage)
            assert found["encoded"] == encoded["uuid"]
            assert found["identity"] == read_identity(directory, stage).digest
            assert read_identity(directory, stage).inputs["codes"] == encoded["identity"]


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
        quietly(_score, folder)
        assert_nothing_is_stale(folder / "one")
    except Exception as error:
        raise AssertionError(
            f"{name} was killed after {step} of {before(name)[1]} steps, then {later}: {error}"
        ) from error
    shutil.rmtree(folder)


CHEAP = [each for each in LATER if not each.startswith(("draw", "study", "score another"))]
SAMPLED_STEPS = 5


@pytest.mark.parametrize("name", KILLED)
def test_after_a_kill_a_later_command_goes_on(name, before, undisturbed, tmp_path):
    _, steps = before(name)
    assert steps > 10
    order = random.Random(name)
    choices = [each for each in commands_after(name) if each in CHEAP]
    for step in order.sample(range(steps), SAMPLED_STEPS):
        check(name, step, order.choice(choices), before, undisturbed, tmp_path / str(step))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "later"), [(name, later) for name in KILLED for later in commands_after(name)])
def test_after_a_kill_at_any_step_every_later_command_goes_on(name, later, before, undisturbed, tmp_path):
    for step in range(before(name)[1]):
        check(name, step, later, before, undisturbed, tmp_path / str(step))
