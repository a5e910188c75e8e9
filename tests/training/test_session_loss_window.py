"""Recorded losses and divergence have windows of model.loss_window steps; how often something is logged changes nothing else."""

import os
import signal

import gin
import numpy as np
import pytest
import tensorflow as tf
from support.trainings import EXAMPLES, check_equal, checkpoint_of, logged, made, trained

from dlib_bvae.training.ensemble import train_ensemble
from dlib_bvae.training.events import Events
from dlib_bvae.training.session import Interrupted, TrainingSession
from dlib_bvae.training.trainer import LOG, WINDOW

pytestmark = pytest.mark.usefixtures("tiny_networks")
TOTAL, LOSS_WINDOW = 19, 5


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    """The loss of every step of the training that these tests repeat."""
    from support.methods import Decoder, Encoder

    for key, value in (("encoder.encoder_fn", Encoder), ("decoder.decoder_fn", Decoder), ("encoder.num_latent", 4)):
        gin.bind_parameter(key, value)
    trainer, found = made(TOTAL), []
    for _ in range(TOTAL):
        trainer.state.forget_sums(WINDOW)
        trainer.run(tf.constant(1, tf.int64))
        found.append(trainer.means()["loss"])
    gin.clear_config()
    return found


def expected_log(losses, every):
    steps = [*range(every, TOTAL, every), TOTAL]
    starts = [0, *steps]
    return [(step, np.mean(losses[start:step])) for start, step in zip(starts, steps, strict=False)]


def best_of(trainer):
    return float(trainer.callbacks[0].best)


def test_results_weights_and_divergence_are_the_same_however_often_is_logged(losses, tmp_path):
    found = {}
    for every in (1, 7, 20, 100):
        trainer = made(TOTAL, loss_window=LOSS_WINDOW)
        outcome = trained(trainer, tmp_path / str(every), log_every=every)
        found[every] = outcome, best_of(trainer), checkpoint_of(tmp_path / str(every))
        np.testing.assert_allclose(logged(tmp_path / str(every), "loss/loss"), expected_log(losses, every), rtol=1e-5)
    outcome, best, state = found[100]
    assert outcome["loss"] == pytest.approx(np.mean(losses[15:]), rel=1e-5)
    assert best == pytest.approx(min(np.mean(losses[i : i + 5]) for i in (0, 5, 10)), rel=1e-5)
    for other_outcome, other_best, other_state in found.values():
        assert (other_outcome, other_best) == (outcome, best)
        check_equal(other_state, state)


def test_what_is_logged_is_exact_after_an_interruption(losses, tmp_path, monkeypatch):
    reach = TrainingSession.reach

    def reach_and_stop(self, finite, stopping):
        reach(self, finite, stopping)
        if self.step >= 10 and not stopping:  # the next steps end at a step of no log and no window
            os.kill(os.getpid(), signal.SIGTERM)

    trainer = made(TOTAL, loss_window=6)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingSession, "reach", reach_and_stop)
        with pytest.raises(Interrupted):
            trained(trainer, tmp_path, log_every=7)
    assert int(trainer.state.step) < TOTAL
    again = made(TOTAL, loss_window=6)
    outcome = trained(again, tmp_path, log_every=7)
    np.testing.assert_allclose(logged(tmp_path, "loss/loss"), expected_log(losses, 7), rtol=1e-5)
    assert outcome == trained(made(TOTAL, loss_window=6), tmp_path / "whole", log_every=7)


def test_another_log_every_after_an_interruption_logs_the_steps_since_the_last_log(losses, tmp_path, monkeypatch):
    def stop(self, step, values):
        write(self, step, values)
        if step == 8:
            os.kill(os.getpid(), signal.SIGTERM)

    write = Events.scalars
    with monkeypatch.context() as patch:
        patch.setattr(Events, "scalars", stop)
        with pytest.raises(Interrupted):
            trained(made(TOTAL), tmp_path, log_every=4)
    trained(made(TOTAL), tmp_path, log_every=9)
    steps = [step for step, _ in logged(tmp_path, "loss/loss")]
    assert steps[:2] == [4, 8]
    assert steps[-2:] == [18, 19]
    starts = dict(zip(steps, [0, *steps], strict=False))
    for step, value in logged(tmp_path, "loss/loss"):
        assert value == pytest.approx(np.mean(losses[starts[step] : step]), rel=1e-5), step


def test_a_window_of_each_kind_is_summed_for_itself():
    trainer = made(4)
    trainer.run(tf.constant(2, tf.int64))
    trainer.state.forget_sums(LOG)
    trainer.run(tf.constant(1, tf.int64))
    assert trainer.state.counted.numpy().tolist() == [3, 1]
    trainer.state.forget_sums(WINDOW)
    assert trainer.state.counted.numpy().tolist() == [0, 1]
    assert trainer.state.sums.numpy()[WINDOW].tolist() == [0.0] * len(trainer.names)
    assert trainer.means(LOG)["loss"] > 0


def test_members_of_an_ensemble_record_the_same_however_often_is_logged(tmp_path):
    found = []
    for every in (1, 7, 100):
        trainers = [made(12, loss_window=5, random_seed=seed) for seed in (0, 1)]
        folders = [tmp_path / f"{every}-{seed}" for seed in (0, 1)]
        options = {"checkpoint_every": 6, "log_every": every, "examples": EXAMPLES}
        outcomes, _ = train_ensemble(trainers, folders, way="loop", xla=False, **options)
        found.append([(outcome["loss"], best_of(trainer)) for outcome, trainer in zip(outcomes, trainers, strict=True)])
    assert found[0] == found[1] == found[2]
    assert found[0][0] != found[0][1]
