"""train.py: a training goes on to more steps, starts from another run's weights, and keeps its model at some steps."""

import contextlib
import json
import shutil

import pytest

from dlib_bvae.artifacts import read_config, read_identity, read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate, postprocess, train

CONSTANT = "model.schedule = None"
STEPS = "model.training_steps = {}"
MIG = ["mig.num_train = 200"]


@contextlib.contextmanager
def interrupted(loop=None):
    """A training in the block is interrupted after `loop`, None for before its first step."""

    def run_loop(*arguments, **flags):
        if loop is not None:
            loop(*arguments, **flags)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "run_loop", run_loop)
        with pytest.raises(KeyboardInterrupt):
            yield


def results_of(run):
    return read_results(run / "train", "train")


@pytest.fixture(scope="module")
def twenty(ten_steps, tmp_path_factory):
    return ten_steps(tmp_path_factory.mktemp("runs") / "twenty", CONSTANT, STEPS.format(20))


@pytest.fixture(scope="module")
def ten(ten_steps, tmp_path_factory):
    return ten_steps(tmp_path_factory.mktemp("runs") / "ten", CONSTANT)


@pytest.fixture(scope="module")
def scheduled(ten_steps, tmp_path_factory):
    """10 steps with the schedule of the file."""
    return ten_steps(tmp_path_factory.mktemp("runs") / "scheduled")


@pytest.fixture
def run(ten, tmp_path):
    """A copy of `ten`."""
    return shutil.copytree(ten, tmp_path / "run")


def test_a_longer_training_is_that_of_one_go(ten_steps, twenty, run, capsys):
    evaluate.run("mig", [], MIG, run)
    capsys.readouterr()
    ten_steps(run, CONSTANT, STEPS.format(20))
    assert f"{run}/train: extends a training of 10 steps to 20\n" in capsys.readouterr().out
    one, other = results_of(run), results_of(twenty)
    assert {key: one[key] for key in ("weights", "loss", "kl", "steps", "identity")} == {
        key: other[key] for key in ("weights", "loss", "kl", "steps", "identity")
    }
    assert "continued_from" not in read_config(run / "train", "train")
    assert read_identity(run / "train", "train").recorded["continued_from"] == [10]
    assert not (run / "train.part").exists()
    evaluate.run("mig", [], MIG, run)
    assert "was computed from another training; encoding again" in capsys.readouterr().out
    ten_steps(run, CONSTANT, STEPS.format(20))
    assert "trained already" in capsys.readouterr().out


def test_where_the_schedule_knows_the_total_the_identity_says_so(ten_steps, scheduled, tmp_path, capsys):
    whole = ten_steps(tmp_path / "whole", STEPS.format(20))
    run = shutil.copytree(scheduled, tmp_path / "run")
    ten_steps(run, STEPS.format(15))
    ten_steps(run, STEPS.format(20))
    assert "says so (continued_from)" in capsys.readouterr().out
    assert read_identity(run / "train", "train").parameters["continued_from"] == [10, 15]
    assert read_config(run / "train", "train")["continued_from"] == [10, 15]
    assert results_of(run)["identity"] != results_of(whole)["identity"]
    ten_steps(run, STEPS.format(20))
    assert "trained already" in capsys.readouterr().out


def test_where_the_loss_knows_the_total_the_identity_says_so(ten_steps, tmp_path):
    for steps in (10, 20):
        run = ten_steps(tmp_path / "run", CONSTANT, "model.model = @annealed_vae()", STEPS.format(steps))
    assert read_identity(run / "train", "train").parameters["continued_from"] == [10]


def test_the_finished_training_is_used_until_the_longer_one_is_there(ten_steps, run, capsys):
    before = results_of(run)
    with interrupted():
        ten_steps(run, CONSTANT, STEPS.format(20))
    assert results_of(run) == before
    postprocess.run(model_dir=run)
    ten_steps(run, CONSTANT)  # the short one is still what was asked for first
    assert "trained already" in capsys.readouterr().out
    assert (run / "train.part" / "checkpoint").is_dir()
    ten_steps(run, CONSTANT, STEPS.format(20))
    assert results_of(run)["steps"] == 20
    assert not (run / "train.part").exists()


def test_without_a_checkpoint_it_cannot_go_on(ten_steps, tmp_path):
    run = ten_steps(tmp_path / "run", CONSTANT, "model.keep_checkpoints = 0")
    assert not (run / "train" / "checkpoint").exists()
    said = r"keeps no checkpoint, so it cannot be extended to 20 steps \(model\.keep_checkpoints was 0, or .*--overwrite trains"
    with pytest.raises(UserError, match=said):
        ten_steps(run, CONSTANT, STEPS.format(20))
    assert results_of(run)["steps"] == 10
    assert not (run / "train.part").exists()


def test_an_interrupted_training_may_be_shortened_to_what_it_has_not_passed(ten_steps, twenty, tmp_path):
    run = tmp_path / "run"
    with interrupted(train.run_loop):
        ten_steps(run, CONSTANT)
    with interrupted():  # 10 of 30 steps
        ten_steps(run, CONSTANT, STEPS.format(30))
    with pytest.raises(UserError, match=r"has taken 10 steps already, which is more than model\.training_steps = 5"):
        ten_steps(run, CONSTANT, STEPS.format(5))
    ten_steps(run, CONSTANT, STEPS.format(20))
    assert results_of(run)["weights"] == results_of(twenty)["weights"]
    assert results_of(run)["identity"] == results_of(twenty)["identity"]


@pytest.mark.parametrize("steps", [5, 20])
def test_what_was_interrupted_before_a_checkpoint_begins_again(ten_steps, tmp_path, steps):
    with interrupted():
        ten_steps(tmp_path / "run", CONSTANT)
    run = ten_steps(tmp_path / "run", CONSTANT, STEPS.format(steps))
    assert results_of(run)["steps"] == steps
    assert "continued_from" not in read_identity(run / "train", "train").recorded


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        ([STEPS.format(5)], r"model\.training_steps = 10, now it is 5; choose another --model_dir"),
        ([STEPS.format(20), "vae.beta = 2.0"], r"vae\.beta = 4\.0, now it is 2\.0; choose another --model_dir"),
    ],
)
def test_fewer_steps_and_other_parameters_are_refused(ten_steps, ten, bindings, said):
    with pytest.raises(UserError, match=said):
        ten_steps(ten, CONSTANT, *bindings)


def test_models_of_steps_are_encoded_and_scored(ten_steps, run, tmp_path, capsys):
    short, run = run, ten_steps(tmp_path / "longer", CONSTANT, STEPS.format(20), "model.export_steps = [10, 15]")
    codes = [
        postprocess.run(model_dir=each, step=step) for each, step in ((run, 10), (short, None), (run, 20), (run, None))
    ]
    assert [each.name for each in codes] == ["mean-step10", "mean", "mean-step20", "mean"]
    ten_of_twenty, of_ten, twenty, last = (json.loads((each / "codes.json").read_text())["sha256"] for each in codes)
    assert ten_of_twenty == of_ten != last == twenty
    (scored,) = evaluate.run("mig", [], MIG, run, step=10)
    assert scored == run / "mean-step10" / "metrics" / "mig-num_train=200"
    evaluate.run("mig", [], MIG, run, step=10)
    assert "scored already" in capsys.readouterr().out
    with pytest.raises(
        UserError, match=r"keeps no model of step 11 \(kept: 10, 15, and the last\); train with model\.exp"
    ):
        postprocess.run(model_dir=run, step=11)
    ten_steps(run, CONSTANT, STEPS.format(20))  # fewer models than there are is the same training
    assert "trained already" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"has passed step 12 without keeping its model"):
        ten_steps(run, CONSTANT, STEPS.format(20), "model.export_steps = [12]")
    ten_steps(run, CONSTANT, STEPS.format(30), "model.export_steps = [25]")
    assert sorted(path.name for path in (run / "train").glob("saved_model*")) == [
        "saved_model",
        "saved_model-10",
        "saved_model-15",
        "saved_model-25",
    ]


def test_another_run_s_weights_count_and_not_its_place(ten_steps, twenty, scheduled, tmp_path, capsys):
    other, moved = tmp_path / "other", tmp_path / "moved"
    shutil.copytree(twenty, other)
    start = "model.initial_weights = {!r}"
    run = ten_steps(tmp_path / "run", start.format(str(other)))
    assert results_of(run)["weights"] != results_of(scheduled)["weights"]
    assert read_config(run / "train", "train")["model.initial_weights"] == results_of(twenty)["weights"]
    other.rename(moved)
    capsys.readouterr()
    for place in (other, moved):  # gone, and elsewhere
        ten_steps(run, start.format(str(place)))
        assert "trained already" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"model\.initial_weights = .*, now it is"):
        ten_steps(run, start.format(str(scheduled)))
    with pytest.raises(UserError, match=r"model\.initial_weights: there is no run"):
        ten_steps(tmp_path / "new", start.format(str(other)))
