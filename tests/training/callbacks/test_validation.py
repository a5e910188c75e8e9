"""Validation: never trained on, a function of the weights, and the same best weights however often a run is killed."""

import contextlib
from types import SimpleNamespace

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.models.objectives.base import Wants, linear_weight
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.stages.train import build
from dlib_bvae.training import loop
from dlib_bvae.training.callbacks.validation import TrainingSplit, Validation, loss_terms, make_validation, split_rows
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.optimizers import adam
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("tiny_networks")
DATA = DummyData()


class Weighted(DummyData):
    def training_weights(self):
        return np.where(np.arange(512) < 128, 0.0, np.where(np.arange(512) < 256, 9.0, 1.0))


def make(name="vae", network=None, weights=None, average_decay=0.0, total=24, **validation):
    validation = {"num_images": 32, "every_steps": 4, **validation}
    for key, value in validation.items():
        gin.bind_parameter(f"validation.{key}", value)
    given = {} if network is None else {"network": network}
    settings = TrainingSettings(
        model=OBJECTIVES.get(name)(**(weights or {})),
        batch_size=16,
        training_steps=total,
        optimizer=lambda variables: adam(variables, learning_rate=3e-3),
        average_decay=average_decay,
        **given,
    )
    return build(DATA, settings)


def train(made, folder):
    trainer, examples = made
    folder.mkdir(exist_ok=True)
    return loop.train(trainer, folder, checkpoint_every=6, log_every=5, examples=examples)


def validation_of(trainer):
    return next(callback for callback in trainer.callbacks if isinstance(callback, Validation))


def values(trainer):
    return [v.numpy() for v in trainer.state.variables if v is not trainer.state.seconds]


def test_images_of_the_split_are_never_trained_on():
    trainer, _ = make()
    rows = validation_of(trainer).rows
    assert len(rows) == len(set(rows)) == 32
    plan = Plan(validation_of(trainer).remaining, 16, 0)
    shown = np.concatenate([plan.indices(tf.constant(step, tf.int64))["observations"] for step in range(30)])
    assert sorted(shown) == sorted(set(range(512)) - set(rows))
    np.testing.assert_array_equal(trainer.feed.plan.indices(tf.constant(3, tf.int64))["observations"], shown[48:64])


def test_the_split_follows_from_its_seed_and_from_the_training_weights():
    np.testing.assert_array_equal(split_rows(DATA, 100, 32, 0), split_rows(DATA, 100, 32, 0))
    assert len(split_rows(DATA, 100, 32, 0)) == 96
    assert (split_rows(DATA, 96, 32, 0) != split_rows(DATA, 96, 32, 1)).any()
    rows = np.concatenate([split_rows(Weighted(), 32, 32, seed) for seed in range(20)])
    assert rows.min() >= 128
    assert (rows < 256).mean() > 0.75
    remaining = make_validation(Weighted(), make()[0].network, 32, OBJECTIVES.get("vae").wants, num_images=32).remaining
    assert np.count_nonzero(remaining.training_weights()) == 384 - 32
    assert remaining.factor_sizes == DATA.factor_sizes


def test_the_losses_are_those_of_the_exported_weights():
    trainer, _ = make(weights={"beta": linear_weight(last=4.0, steps=20)}, average_decay=0.9)
    trainer.run(tf.constant(5, tf.int64))
    weights = [variable.numpy() for variable in trainer.variables]
    losses = validation_of(trainer).losses(trainer)
    assert losses == validation_of(trainer).losses(trainer)
    assert all((one == two.numpy()).all() for one, two in zip(weights, trainer.variables, strict=True))
    trainer.average.use()
    mean, log_variance = (x.numpy() for x in trainer.network.encode(DATA.observations_at(validation_of(trainer).rows)))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1).mean()
    assert losses["kl"] == pytest.approx(kl, rel=1e-4)
    assert losses["beta"] == 4.0, "not that of the last step"
    assert losses["weighted_kl"] == pytest.approx(4.0 * kl, rel=1e-4)
    assert losses["loss"] == pytest.approx(losses["reconstruction"] + losses["weighted_kl"], rel=1e-5)


@pytest.mark.parametrize("name", ["control_vae", "factor_vae"])
def test_it_changes_nothing_of_the_training(name):
    trainer, _ = make(name)
    trainer.run(tf.constant(3, tf.int64))
    before = values(trainer)
    validation_of(trainer).losses(trainer)
    for one, other in zip(before, values(trainer), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("moment", ["run", "save", "choose_weights"])
def test_a_killed_run_ends_with_the_same_best_weights(moment, tmp_path, monkeypatch):
    whole = make(keep="best")
    expected = train(whole, tmp_path / "whole")
    validation_of(whole[0]).choose_weights()
    owner = Checkpoints if moment == "save" else Validation
    method, calls = getattr(owner, moment), []

    def killed(self, *given):
        calls.append(given)
        if len(calls) % 3 == 2:
            raise KeyboardInterrupt
        return method(self, *given)

    monkeypatch.setattr(owner, moment, killed)
    for _ in range(20):
        made = make(keep="best")
        try:
            got = train(made, tmp_path / "killed")
            validation_of(made[0]).choose_weights()
            if moment != "choose_weights" or len(calls) > 2:
                break
        except KeyboardInterrupt:
            continue
    assert len(calls) > 2
    assert got["loss"] == expected["loss"]
    assert validation_of(made[0]).results() == validation_of(whole[0]).results()
    for one, other in zip(values(whole[0]), values(made[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_best_weights_are_kept_and_patience_ends_the_training(tmp_path, monkeypatch):
    losses = iter([5.0, 3.0, 4.0, 3.5, 1.0])
    seen = []

    def given(self, trainer):
        seen.append([variable.numpy() for variable in trainer.variables])
        return {"loss": next(losses)}

    monkeypatch.setattr(Validation, "losses", given)
    trainer, examples = made = make(keep="best", patience=2)
    train(made, tmp_path)
    assert int(trainer.state.step) == 16
    found = {"num_images": 32, "best_step": 8, "best_loss": 3.0, "last_step": 16, "last_loss": 3.5, "exported_step": 8}
    assert validation_of(trainer).results() == found
    assert validation_of(trainer).choose_weights()
    for one, other in zip(seen[1], trainer.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    again = make(keep="best", patience=2)
    train(again, tmp_path)
    assert int(again[0].state.step) == 16
    assert validation_of(again[0]).results() == found
    last = make(keep="last")[0]
    assert not validation_of(last).choose_weights()


@pytest.mark.parametrize(
    ("bindings", "told"),
    [
        ({"fraction": 1.5}, "validation.fraction must be a finite number >= 0 and <= 1"),
        ({"fraction": 0.1}, "two ways to say the same"),
        ({"num_images": 8}, "at least a batch of 16 images"),
        ({"num_images": 512}, "leave one to train on; of dummy_data's 512 images it got 512"),
        ({"num_images": 0, "patience": 3}, "need images to validate on"),
        ({"keep": "first"}, "validation.keep must be one of last, best; got 'first'"),
        ({"every_steps": 0}, "validation.every_steps must be an integer >= 1"),
    ],
)
def test_bad_settings_are_refused(bindings, told):
    with pytest.raises(UserError, match=told):
        make(**bindings)


@pytest.mark.parametrize("name", ["ada_gvae", "s2_vae"])
def test_an_objective_of_pairs_or_labels_is_refused(name):
    with pytest.raises(UserError, match="trains on pairs or labels cannot be validated"):
        make(name)


def test_the_objective_sees_the_last_step_and_its_variables_stay():
    count = tf.Variable(3.0)

    def batch(observations, key, adapt, step, **given):
        return SimpleNamespace(step=step, measured={"key": key, **given})

    def losses(batch):
        count.assign_add(1.0)
        return {"loss": batch.step}, batch.step

    objective = SimpleNamespace(variables=[count], adapt=None)
    training = SimpleNamespace(total=10, objective=objective, network=SimpleNamespace(batch=batch), losses=losses)
    assert loss_terms(training, None, key=7, second=8) == {"loss": 9, "key": 7, "second": 8, "total": 10}
    assert float(count) == 3.0


def test_the_second_batch_is_the_next_one_of_the_same_images(tiny_networks):
    network = GaussianVAE((16, 16, 1), 0)
    validation = make_validation(DATA, network, 8, Wants(independent=True), num_images=24)
    seen = []

    def losses(key, observations, second):
        seen.append((observations.numpy(), second.numpy()))
        return {"loss": tf.constant(float(len(seen)))}

    validation._losses = losses
    training = SimpleNamespace(
        exported=contextlib.nullcontext, objective=SimpleNamespace(wants=Wants(independent=True))
    )
    assert validation.losses(training) == {"loss": 2.0}
    images = DATA.observations_at(validation.rows).reshape(3, 8, 16, 16, 1)
    for (first, second), number in zip(seen, range(3), strict=True):
        assert np.array_equal(first, images[number])
        assert np.array_equal(second, images[(number + 1) % 3])


def test_the_images_that_are_left_have_the_origin_of_the_data_set():
    data = DummyData()
    assert TrainingSplit(data, np.arange(16)).origin == data.origin == "rendered"
