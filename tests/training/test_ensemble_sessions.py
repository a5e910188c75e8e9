"""The loop of an ensemble: interrupted anywhere it ends as one that was not; a member that diverges leaves the others alone."""

import os
import signal

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.architectures import fc_decoder, fc_encoder
from dlib_bvae.models.objectives import Wants
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks.validation import make_validation
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.ensemble import train_ensemble
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.loop import train
from dlib_bvae.training.optimizers import adam
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.session import Interrupted, TrainingSession
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer

DATA = DummyData()
TOTAL = 6
EXAMPLES = tf.constant(DATA.observations_at([0, 9]))
OPTIONS = {"checkpoint_every": 2, "log_every": 3, "examples": EXAMPLES}


@pytest.fixture(autouse=True)
def small_networks():
    gin.bind_parameter("encoder.num_latent", 2)
    gin.bind_parameter("encoder.encoder_fn", fc_encoder)
    gin.bind_parameter("decoder.decoder_fn", fc_decoder)
    yield
    gin.clear_config()


def make(seed, patience=None):
    network = GaussianVAE((16, 16, 1), seed)
    optimizer = adam(network.trainable_variables, learning_rate=1e-3)
    feed = MemoryFeed(DATA, Plan(DATA, 4, seed))
    callbacks = []
    if patience is not None:
        callbacks = [make_validation(DATA, network, 4, Wants(), num_images=4, every_steps=2, patience=patience)]
    settings = TrainingSettings(model=vae(), training_steps=TOTAL, random_seed=seed)
    return Trainer(network, optimizer, feed, settings, callbacks)


def together(folder, seeds, trainers=None):
    trainers = trainers or [make(seed) for seed in seeds]
    directories = [folder / str(seed) for seed in seeds]
    return trainers, train_ensemble(trainers, directories, way="loop", xla=False, **OPTIONS)


def kept(folder):
    state = tf.train.get_checkpoint_state(str(folder / "checkpoint"))
    return [] if state is None else [int(path.rsplit("-", 1)[1]) for path in state.all_model_checkpoint_paths]


def weights(trainer):
    return [variable.numpy() for variable in (*trainer.variables, trainer.state.sums, trainer.state.step)]


def check_same(trainers, others, exact=True):
    # Which members share a graph may change how sums are rounded.
    tolerances = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-4, "atol": 1e-6}
    for one, other in zip(trainers, others, strict=True):
        for ours, theirs in zip(weights(one), weights(other), strict=True):
            np.testing.assert_allclose(ours, theirs, **tolerances)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Seeds 0 and 1 trained together without interruption."""
    gin.bind_parameter("encoder.num_latent", 2)
    gin.bind_parameter("encoder.encoder_fn", fc_encoder)
    gin.bind_parameter("decoder.decoder_fn", fc_decoder)
    return together(tmp_path_factory.mktemp("whole"), (0, 1))


def test_the_outcomes_are_those_of_the_loop_of_one(whole, tmp_path):
    trainers, (outcomes, way) = whole
    assert way == "loop"
    alone = make(1)
    outcome = train(alone, tmp_path, **OPTIONS)
    check_same(trainers[1:], [alone], exact=False)
    assert outcomes[1].keys() == outcome.keys()
    assert outcomes[1]["loss"] == pytest.approx(outcome["loss"], rel=1e-6)
    assert kept(tmp_path) == [4, 6]


class Killed(Exception):
    """As a kill: nothing after it runs."""


def die_at(step, reach):
    def reach_or_die(self, *given):
        if self.step >= step:
            raise Killed
        reach(self, *given)

    return reach_or_die


@pytest.mark.parametrize("saving", [2, 4, pytest.param(6, marks=pytest.mark.slow)])
def test_killed_between_two_members_checkpoints_it_ends_as_if_not(saving, whole, tmp_path, monkeypatch):
    count, save = [], Checkpoints.save

    def save_or_die(self, step):
        count.append(step)
        if len(count) == saving:
            raise Killed
        save(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_or_die)
        with pytest.raises(Killed):
            together(tmp_path, (0, 1))
    assert kept(tmp_path / "0") != kept(tmp_path / "1")
    check_same(together(tmp_path, (0, 1))[0], whole[0], exact=saving > 2)  # 2: one had no checkpoint yet
    assert kept(tmp_path / "0") == kept(tmp_path / "1") == [4, 6]


def test_stopped_by_a_signal_it_saves_and_goes_on(whole, tmp_path, monkeypatch):
    save = Checkpoints.save

    def save_and_stop(self, step):
        save(self, step)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_stop)
        with pytest.raises(Interrupted, match="stopped at step 3 with a checkpoint") as stopped:
            together(tmp_path, (0, 1))
    assert stopped.value.signum == signal.SIGTERM
    check_same(together(tmp_path, (0, 1))[0], whole[0])


def test_a_member_that_is_new_catches_up(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TrainingSession, "reach", die_at(4, TrainingSession.reach))
        with pytest.raises(Killed):
            train(make(0), tmp_path / "0", **OPTIONS)
    assert kept(tmp_path / "0") == [2]
    trainers, (outcomes, _) = together(tmp_path, (0, 1))
    check_same(trainers, whole[0], exact=False)
    assert [outcome["loss"] for outcome in outcomes] == pytest.approx([x["loss"] for x in whole[1][0]], rel=1e-5)


def test_a_member_that_stops_early_does_not_stop_the_others(tmp_path):
    trainers = [make(seed, patience) for seed, patience in ((0, 1), (1, 0))]
    trainers[0].callbacks[0].best.loss.assign(-1.0)
    together(tmp_path, (0, 1), trainers)
    assert [int(trainer.state.step) for trainer in trainers] == [2, TOTAL]
    assert (kept(tmp_path / "0"), kept(tmp_path / "1")) == ([2], [4, 6])
    again, (outcomes, _) = together(tmp_path, (0, 1), [make(seed, patience) for seed, patience in ((0, 1), (1, 0))])
    check_same(again, trainers)
    assert outcomes[1]["loss"] == trainers[1].means()["loss"]


def test_a_member_that_diverges_is_told_of_and_the_others_go_on(whole, tmp_path, capsys):
    trainers = [make(seed) for seed in (0, 1, 2)]
    bad = trainers[1].variables[0]
    bad.assign(np.full(bad.shape, np.nan))
    _, (outcomes, _) = together(tmp_path, (0, 1, 2), trainers)
    assert isinstance(outcomes[1], UserError)
    assert "became NaN or infinite at step 1; there is no checkpoint yet" in str(outcomes[1])
    assert f"{tmp_path / '1'}: the loss" in capsys.readouterr().err
    assert kept(tmp_path / "1") == []
    assert [int(trainer.state.step) for trainer in trainers] == [TOTAL, 1, TOTAL]
    check_same(trainers[:1], whole[0][:1])
    assert np.isfinite(outcomes[2]["loss"])


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path, monkeypatch):
    trainers = [make(seed) for seed in (0, 1)]
    finite = Trainer.weights_finite
    monkeypatch.setattr(Trainer, "weights_finite", lambda self: self is not trainers[0] and finite(self))
    _, (outcomes, _) = together(tmp_path, (0, 1), trainers)
    assert isinstance(outcomes[0], UserError)
    assert kept(tmp_path / "0") == []
    assert kept(tmp_path / "1") == [4, 6]
