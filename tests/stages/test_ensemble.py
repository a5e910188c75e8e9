"""An ensemble from a configuration to its run directories."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.artifacts import open_run
from dlib_bvae.artifacts.identity import config_hash
from dlib_bvae.errors import UserError
from dlib_bvae.stages import ensemble, train

CONFIG = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
BINDINGS = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 4",
    "model.training_steps = 4",
    "model.checkpoint_every = 2",
    "model.log_every = 4",
    "model.clip_norm = 50.0",
    "encoder.num_latent = 3",
    "encoder.encoder_fn = @fc_encoder",
    "decoder.decoder_fn = @fc_decoder",
]
OWN = ["model.random_seed = 6", "vae.beta = 8.0", "adam.learning_rate = 0.002"]  # of the last member
SEEDS = "ensemble.seeds = [5, 6, 6]"
EACH = 'ensemble.each = {"vae.beta": [1.0, 1.0, 8.0], "adam.learning_rate": [0.001, 0.001, 0.002]}'
NAMES = [f"vae.beta={beta}-adam.learning_rate={rate}-seed{seed}" for beta, rate, seed in
         ((1.0, 0.001, 5), (1.0, 0.001, 6), (8.0, 0.002, 6))]  # fmt: skip


def results(directory, name="train_results"):
    return json.loads((directory / "train" / "results" / "json" / f"{name}.json").read_text(encoding="utf-8"))


def weights(directory):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(directory / "train" / "checkpoint")))
    names = [name for name in reader.get_variable_to_dtype_map() if "VARIABLE_VALUE" in name and "seconds" not in name]
    return {name: reader.get_tensor(name) for name in names}


def files(directory):
    names = (path.relative_to(directory).as_posix() for path in directory.rglob("*"))
    return sorted(name for name in names if "events" not in name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with three members of other seeds, β and rates, trained by fused networks."""
    folder = tmp_path_factory.mktemp("ensemble")
    done = ensemble.run(CONFIG, [*BINDINGS, SEEDS, EACH, "ensemble.way = 'fused'"], folder / "run")
    assert done == [folder / f"run-{name}" for name in NAMES]
    return folder


@pytest.fixture(scope="module")
def solo(tmp_path_factory):
    """The run of OWN, trained alone."""
    return train.run(CONFIG, [*BINDINGS, *OWN], tmp_path_factory.mktemp("alone") / "solo")


def test_a_member_is_the_run_that_it_would_be_alone(trained, solo):
    member = trained / f"run-{NAMES[2]}"
    assert files(member) == files(solo)
    assert results(member, "train_config") == results(solo, "train_config")
    gin = [(path / "train" / "results" / "gin" / "train.gin").read_text() for path in (member, solo)]
    assert gin[0] == gin[1]
    one, other = results(member), results(solo)
    assert one.pop("ensemble") == {"members": 3, "way": "fused"}
    assert one.keys() == other.keys()
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    for key in ("model", "dataset", "fingerprint", "seed", "steps", "num_parameters"):
        assert one[key] == other[key]
    for name, value in weights(solo).items():
        np.testing.assert_allclose(weights(member)[name], value, atol=2e-3, rtol=1e-2, err_msg=name)
    # As a solo run it is finished.
    train.run(CONFIG, [*BINDINGS, *OWN], member)


def test_members_of_one_configuration_are_seeds_of_one_row(trained):
    hashes = [config_hash(results(trained / f"run-{name}", "train_config")) for name in NAMES]
    assert hashes[0] == hashes[1] != hashes[2]
    assert [results(trained / f"run-{name}")["seed"] for name in NAMES] == [5, 6, 6]


def test_finished_members_are_left_out(trained, capsys):
    times = {path: path.stat().st_mtime_ns for path in trained.rglob("*.json")}
    more = [SEEDS.replace("6]", "6, 9]"), EACH.replace("8.0]", "8.0, 1.0]").replace("0.002]", "0.002, 0.001]")]
    done = ensemble.run(CONFIG, [*BINDINGS, *more], trained / "run")
    printed = capsys.readouterr().out
    assert printed.count("trained already") == 3
    assert printed.splitlines()[-1] == str(done[-1])
    assert results(done[-1])["ensemble"] == {"members": 4, "way": "loop"}
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["ensemble.seeds = 3"], r"ensemble.seeds must be a list of seeds such as \[1, 2, 3\]; got 3"),
        (["ensemble.seeds = [1, 1]"], "two members of the ensemble would be called seed1; give each seed once"),
        (["ensemble.seeds = [1, -2]"], "model.random_seed must be an integer"),
        (
            ["ensemble.seeds = [1]", "ensemble.way = 'both'"],
            "ensemble.way must be one of auto, fused, loop; got 'both'",
        ),
        (["ensemble.way = 'loop'"], "parameters of ensemble need ensemble.seeds"),
        (
            ["ensemble.seeds = [1, 2]", "ensemble.each = {'vae.beta': [1.0]}"],
            "must be a list of 2 values, one per seed",
        ),
        (["ensemble.seeds = [1]", "ensemble.each = {'vae.beta': [@adam]}"], "may hold numbers, texts and truth values"),
        (["ensemble.seeds = [1]", "ensemble.each = {'vae beta': [1]}"], 'must name parameters such as "vae.beta"'),
        (
            ["ensemble.seeds = [1]", "ensemble.each = {'model.random_seed': [1]}"],
            "the seeds of an ensemble are ensemble.seeds",
        ),
        (["ensemble.seeds = [1]", "model.model = @pca()"], "pca is fitted, not trained step by step"),
        (["ensemble.seeds = [1]", "ensemble.each = ['vae.beta']"], "ensemble.each must be a dictionary such as"),
        (["ensemble.seeds = [1]", "ensemble.each = {'vae.bta': [1]}"], "did you mean beta"),
        (
            ["ensemble.seeds = [1, 2]", "ensemble.each = {'model.batch_size': [4, 8]}"],
            "the members of an ensemble share model.batch_size; leave it out of ensemble.each",
        ),
    ],
)
def test_bad_input_is_one_sentence(bindings, message, tmp_path):
    with pytest.raises(UserError, match=message):
        ensemble.run(CONFIG, [*BINDINGS, *bindings], tmp_path / "run")
    assert not list(tmp_path.glob("*/train*"))


def test_a_member_that_diverges_is_an_error_at_the_end(tmp_path):
    bindings = ["ensemble.seeds = [1, 2]", 'ensemble.each = {"adam.learning_rate": [0.001, 1e38]}']
    with pytest.raises(UserError, match="1 of 2 members diverged; of the first: the loss or a weight became NaN"):
        ensemble.run(CONFIG, [*BINDINGS, *bindings], tmp_path / "run")
    assert (tmp_path / "run-adam.learning_rate=0.001-seed1" / "train" / "saved_model").is_dir()
    assert not (tmp_path / "run-adam.learning_rate=1e+38-seed2" / "train").exists()


def test_every_member_is_locked(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr(ensemble, "open_run", lambda path: held.append(path) or open_run(path))
    monkeypatch.setattr(ensemble, "_train", lambda built, *_: [None] * len(built))
    done = ensemble.run(CONFIG, [*BINDINGS, "ensemble.seeds = [1, 2]"], tmp_path / "run")
    assert held == done == [tmp_path / "run-seed1", tmp_path / "run-seed2"]


def test_a_member_s_directory_has_a_name_that_is_never_too_long(tmp_path):
    long = [ensemble.Member((), f"vae.name={'x' * 300}{k}-seed1").directory(tmp_path / "run") for k in range(2)]
    assert [len(each.name) for each in long] == [255, 255]
    assert long[0] != long[1]
    for each in long:
        each.mkdir()
    assert ensemble.Member((), "seed1").directory(tmp_path / "run") == tmp_path / "run-seed1"


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_a_directory_without_a_name_has_no_place_for_members(place):
    with pytest.raises(UserError, match="--model_dir must end in a name"):
        ensemble.Member((), "seed1").directory(Path(place))


def wanted(folder, *differing, more=()):
    """Members of their own run directories that differ in these gin statements."""
    return [
        ensemble.Wanted(CONFIG, [*BINDINGS, *more, *statements], folder / f"run{place}")
        for place, statements in enumerate(differing)
    ]


def test_runs_with_directories_of_their_own_equal_what_they_are_alone(solo, tmp_path):
    asked = wanted(tmp_path, ["model.random_seed = 5"], OWN)
    assert ensemble.run_members(asked, "fused") == [None, None]
    member = asked[1].directory
    assert files(member) == files(solo)
    gin, config = ((path / "train" / "results" / "gin" / "train.gin").read_text() for path in (member, solo))
    assert gin == config
    identities = [results(path, "train_identity") for path in (member, solo)]
    assert identities[0] == identities[1]
    one, other = results(member), results(solo)
    assert one.pop("ensemble") == {"members": 2, "way": "fused"}
    assert one.keys() == other.keys()
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    for name, value in weights(solo).items():
        np.testing.assert_allclose(weights(member)[name], value, atol=2e-3, rtol=1e-2, err_msg=name)


def test_one_that_is_refused_or_diverges_stops_no_other_and_finished_ones_are_left_out(tmp_path, capsys):
    asked = wanted(
        tmp_path,
        ["vae.beta = -1.0"],
        ["adam.learning_rate = 1e38"],
        ["model.random_seed = 1"],
        ["model.random_seed = 2"],
        ["model.batch_size = 8"],
    )
    errors = ensemble.run_members(asked)
    assert [error is None for error in errors] == [False, False, True, True, False]
    assert "vae.beta must be a finite number >= 0" in str(errors[0])
    assert "the loss or a weight became NaN" in str(errors[1])
    assert "share model.batch_size" in str(errors[4])
    assert [(each.directory / "train").is_dir() for each in asked] == [False, False, True, True, False]
    assert results(asked[2].directory)["ensemble"] == {"members": 3, "way": "loop"}
    before = results(asked[2].directory)
    capsys.readouterr()
    assert ensemble.run_members(wanted(tmp_path, [], [], ["model.random_seed = 1"])[2:]) == [None]
    assert "trained already" in capsys.readouterr().out
    assert results(asked[2].directory) == before
