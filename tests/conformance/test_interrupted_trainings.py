"""Trainings with steps, and commands after them, that are killed: the same command goes on and ends as an undisturbed one."""

import random
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from support.killed import killed_after, steps_of
from support.later_commands import LATER, assert_nothing_is_stale, quietly, score
from support.tiny_runs import VAE, bound, command, snapshot, strays

from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import train


def _train_vae(folder, *lines):
    return train.run([], [*VAE, *lines], folder / "one")


@pytest.fixture(scope="module")
def whole_vae(vae):
    """The results of a VAE that was never interrupted."""
    return read_results(vae / "train", "train")


def assert_is_whole(run, whole):
    found = read_results(run / "train", "train")
    for key in (
        "weights",
        "loss",
        "kl",
        "reconstruction",
        "steps",
        "identity",
    ):  # weights: a digest of every bit of them
        assert found[key] == whole[key]
    assert strays(run) == []


def is_begun(part):
    """Whether a training that is not finished says what it is, and can go on."""
    begun = part / "begun.json"
    return begun.exists() and begun.read_text(encoding="utf-8") != "{}" and not (part / DONE).exists()


DONE = "results/json/train_results.json"
WAY_OUT = (
    r"was computed with vae\.beta = 4\.0, now it is 2.*; choose another --model_dir, or --overwrite to begin again"
)
SHARES = [0.4, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.02, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 0.99))]


@pytest.mark.parametrize("share", SHARES)
def test_a_training_that_is_killed_goes_on_and_another_is_refused_with_the_way_out(share, tmp_path, whole_vae):
    count = tmp_path / "count"
    count.mkdir()
    steps = steps_of(count, partial(quietly, _train_vae, count))
    place = tmp_path / "place"
    place.mkdir()
    assert killed_after(int(share * steps), place, partial(quietly, _train_vae, place))
    part, before = place / "one" / "train.part", snapshot(place)
    if is_begun(part) or (part / DONE).exists() or (place / "one" / "train" / DONE).exists():
        with pytest.raises(UserError, match=WAY_OUT):
            quietly(lambda folder: _train_vae(folder, "vae.beta = 2"), place)
        if is_begun(part):
            after = snapshot(place)
            assert {path: after.get(path) for path in before if "/." not in path} == after
    quietly(_train_vae, place)
    assert_is_whole(place / "one", whole_vae)


def kill_at(seconds, folder, *flags):
    """Starts a command and kills it after so many seconds; whether it was still there."""
    command = [sys.executable, "-m", "dlib_bvae", *map(str, flags)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_processes_that_are_killed_at_random_times(seed, place, whole_vae):
    order, flags = random.Random(seed), ["train", "--model_dir=one", *bound(*VAE)]
    start = time.monotonic()
    assert not kill_at(300, place, *flags[:1], "--model_dir=whole", *flags[2:])
    seconds = time.monotonic() - start
    while kill_at(order.uniform(0.3, 1.1) * seconds, place, *flags):
        pass
    assert command(*flags).code == 0
    assert_is_whole(place / "one", whole_vae)
    for name in ("postprocess", "evaluate"):
        more = ["--metric=active_units"] if name == "evaluate" else []
        kill_at(order.uniform(0.3, 1.1) * seconds, place, name, "--model_dir=one", *more)
        later = order.choice(["score", "score others", "encode few", "draw", "study"])
        quietly(LATER[later], place)
        assert [path for path in strays(place / "one") if not path.startswith("mean.part")] == []
        quietly(score, place)
        assert_nothing_is_stale(place / "one")
    assert strays(place / "one") == []
