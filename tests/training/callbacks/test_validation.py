"""Validation: never trained on, a function of the weights, and the same best weights however often a run is killed."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.models.objectives.weights import linear_weight
from dlib_bvae.stages.train import build, training
from dlib_bvae.training import loop
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.validation import Validation, make_validation, split_rows
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.optimizers import adam
from dlib_bvae.training.plan import Plan

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
    settings = training(
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


def values(trainer):
    return [v.numpy() for v in trainer.state.variables if v is not trainer.state.seconds]


def test_images_of_the_split_are_never_trained_on():
    trainer, _ = make()
    rows = trainer.validation.rows
    assert len(rows) == len(set(rows)) == 32
    plan = Plan(trainer.validation.rest, 16, 0)
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
    rest = make_validation(Weighted(), make()[0].network, 32, OBJECTIVES.get("vae").wants, num_images=32).rest
    assert np.count_nonzero(rest.training_weights()) == 384 - 32
    assert rest.factor_sizes == DATA.factor_sizes


def test_the_losses_are_those_of_the_exported_weights():
    trainer, _ = make(weights={"beta": linear_weight(last=4.0, steps=20)}, average_decay=0.9)
    trainer.run(tf.constant(5, tf.int64))
    weights = [variable.numpy() for variable in trainer.variables]
    losses = trainer.validation.losses(trainer)
    assert losses == trainer.validation.losses(trainer)
    assert all((one == two.numpy()).all() for one, two in zip(weights, trainer.variables, strict=True))
    trainer.average.use()
    mean, log_variance = (x.numpy() for x in trainer.network.encode(DATA.observations_at(trainer.validation.rows)))
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
    trainer.validation.losses(trainer)
    for one, other in zip(before, values(trainer), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("moment", ["run", "save", "use_best"])
def test_a_killed_run_ends_with_the_same_best_weights(moment, tmp_path, monkeypatch):
    whole = make(keep="best")
    expected = train(whole, tmp_path / "whole")
    whole[0].validation.use_best()
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
            made[0].validation.use_best()
            if moment != "use_best" or len(calls) > 2:
                break
        except KeyboardInterrupt:
            continue
    assert len(calls) > 2
    assert got["loss"] == expected["loss"]
    assert made[0].validation.results() == whole[0].validation.results()
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
    assert trainer.validation.results() == found
    assert trainer.validation.use_best()
    for one, other in zip(seen[1], trainer.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    again = make(keep="best", patience=2)
    train(again, tmp_path)
    assert int(again[0].state.step) == 16
    assert again[0].validation.results() == found
    last = make(keep="last")[0]
    assert not last.validation.use_best()


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


def test_divergence_is_a_loss_that_stays_far_above_its_best():
    watch = Divergence(factor=2.0, windows=2)
    assert [watch.observe(loss) for loss in (100.0, 50.0, 101.0, 99.0, 101.0, 102.0)] == [False] * 5 + [True]
    negative = Divergence(factor=1.5, windows=1)
    assert [negative.observe(loss) for loss in (-100.0, -51.0, -49.0)] == [False, False, True]
    assert not any(Divergence(factor=0.0, windows=1).observe(loss) for loss in (1.0, 1e9))
    with pytest.raises(UserError, match="divergence.factor must be > 1, or 0 for never; got 1"):
        Divergence(factor=1)


def test_a_training_that_diverges_is_ended(tmp_path):
    gin.bind_parameter("divergence.factor", 1.2)
    gin.bind_parameter("divergence.windows", 1)
    made = make(weights={"beta": linear_weight(last=1e4, steps=10)}, total=40)
    with pytest.raises(UserError, match="the training has diverged: at step .* for 1 windows of 5 steps") as raised:
        train(made, tmp_path)
    assert "\n" not in str(raised.value)
