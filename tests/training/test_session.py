"""Between steps: what is due when, in which order; checkpoints; how many steps make a second."""

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.training import session as sessions
from dlib_bvae.training.callbacks import Callback
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.events import KL
from dlib_bvae.training.examples import latents
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.loop import train
from dlib_bvae.training.optimizers import adam, warm_up
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.session import Chunk, Interrupted, TrainingSession, raised_by, signals
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer
from dlib_bvae.visualize.diagrams import scalars

pytestmark = pytest.mark.usefixtures("tiny_networks")
DATA = DummyData()
EXAMPLES = DATA.observations_at([0, 9])


class Counter(tf.Module, Callback):
    """Counts its calls; stops the training at `last` calls."""

    def __init__(self, name, every_steps, noted, last=99):
        super().__init__(name)
        self.every_steps, self.note, self.last, self.key = every_steps, noted.append, last, name
        self.calls = tf.Variable(0)

    @property
    def kept(self):
        return self

    @property
    def stopped(self):
        return int(self.calls) >= self.last

    def run(self, training, step, directory):
        self.calls.assign_add(1)
        self.note((self.name, step))
        return {f"{self.name}/calls": float(self.calls)}


def make(*callbacks, total=12, **settings):
    settings = TrainingSettings(vae(), batch_size=4, training_steps=total, **settings)
    network = settings.network((16, 16, 1), 0)
    feed = MemoryFeed(DATA, Plan(DATA, 4, 0))
    return Trainer(network, adam(network.trainable_variables), feed, settings, callbacks)


def run(trainer, folder, checkpoint_every=6, log_every=5):
    return train(trainer, folder, checkpoint_every=checkpoint_every, log_every=log_every, examples=EXAMPLES)


def tags(folder):
    events = [event for path in folder.glob("events*") for event in tf.compat.v1.train.summary_iterator(str(path))]
    return [(value.tag, event.step) for event in events for value in event.summary.value]


def test_callbacks_are_called_in_their_order_when_they_are_due_and_at_the_end(tmp_path):
    noted = []
    run(make(Counter("a", 5, noted), Counter("b", 4, noted)), tmp_path)
    assert noted == [("b", 4), ("a", 5), ("b", 8), ("a", 10), ("a", 12), ("b", 12)]


def test_what_is_logged_stands_in_the_order_in_which_it_is_known(tmp_path):
    run(make(Counter("a", 5, [])), tmp_path)
    found = [("image" if tag.startswith("reconstructions") else tag, step) for tag, step in tags(tmp_path)]
    found = [each for each in found if each[0] in ("loss/loss", "a/calls", "latents/active_units", "image")]
    pictures = found.count(("image", 6))
    assert pictures
    logged = lambda step: [("loss/loss", step), ("a/calls", step)]
    saved = lambda step: [("latents/active_units", step), *[("image", step)] * pictures]
    assert found == [*logged(5), *saved(6), *logged(10), *logged(12), *saved(12)]


def test_rates_are_those_since_the_last_log(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    trainer = make(schedule=warm_up(10))
    session = TrainingSession(trainer, tmp_path, checkpoint_every=100, log_every=5, examples=EXAMPLES)
    for steps, seconds in ((5, 2.0), (1, 8.0), (4, 2.0)):
        session.begin()
        trainer.run(tf.constant(steps, tf.int64))
        now[0] += seconds
        session.reach(finite=True, stopping=False)
    found = scalars(tmp_path)
    assert found["speed/images_per_second"] == pytest.approx({5: 5 * 4 / 2.0, 10: 5 * 4 / 10.0})
    assert found["optimizer/learning_rate"] == pytest.approx({5: 0.5e-4, 10: 1e-4})  # of steps 4 and 9


def test_an_optimizer_without_a_learning_rate_logs_none(tmp_path):
    trainer = make(total=5)
    del trainer.optimizer.learning_rate
    trainer.run = lambda count: trainer.state.step.assign_add(count)
    session = TrainingSession(trainer, tmp_path, checkpoint_every=100, log_every=5, examples=EXAMPLES)
    trainer.run(tf.constant(5, tf.int64))
    assert session._rates().keys() == {"speed/images_per_second"}


def test_each_latent_has_its_kl_at_every_checkpoint(tmp_path):
    trainer = make()
    run(trainer, tmp_path)
    found = scalars(tmp_path)
    kl, active = latents(trainer.network, EXAMPLES, 4)
    assert {name: curve[12] for name, curve in found.items() if name.startswith(KL)} == pytest.approx(
        {f"latents/kl_z{latent}": kl[latent] for latent in range(4)}, rel=1e-5
    )
    assert list(found["latents/kl_z0"]) == [6, 12]
    assert found["latents/active_units"][12] == active


def test_of_many_latents_the_distribution_of_their_kl_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "_MOST_CHARTS", 3)
    run(make(total=6), tmp_path)
    assert not any(name.startswith(KL) for name in scalars(tmp_path))
    assert ("latents/kl", 6) in tags(tmp_path)


def test_a_callback_that_stops_the_training_ends_it_and_those_after_it_have_a_last_call(tmp_path):
    noted = []
    trainer = make(Counter("a", 2, noted, last=2), Counter("b", 7, noted))
    run(trainer, tmp_path)
    assert int(trainer.state.step) == 4
    assert noted == [("a", 2), ("a", 4), ("b", 4)]
    assert Checkpoints(tmp_path / "checkpoint", trainer.state).steps() == [4]


def test_what_a_callback_keeps_is_in_the_checkpoints(tmp_path):
    trainer = make(Counter("a", 2, []), total=6)
    run(trainer, tmp_path)
    again = make(Counter("a", 2, []), total=6)
    TrainingSession(again, tmp_path, checkpoint_every=6, log_every=5, examples=EXAMPLES)
    assert int(again.callbacks[0].calls) == 3


def test_the_outcome_is_the_mean_of_the_last_window_and_the_rate_of_all_steps(tmp_path):
    trainer = make(loss_window=5)
    outcome = run(trainer, tmp_path)
    assert trainer.state.counted.numpy().tolist() == [2, 0]  # steps 10 and 11; the log of step 12 was the last
    assert outcome["loss"] == pytest.approx(trainer.means()["loss"])
    assert outcome["seconds"] == float(trainer.state.seconds) > 0
    assert outcome["images_per_second"] == pytest.approx(12 * 4 / outcome["seconds"])


def test_a_chunk_grows_tenfold_at_most_to_fill_a_second(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    chunk = Chunk()

    def take(most, seconds_a_step):
        with chunk.timed(most) as count:
            now[0] += count * seconds_a_step
        return count

    assert [take(1000, 0.01) for _ in range(4)] == [1, 10, 100, 100]
    assert take(30, 0.01) == 30
    assert chunk.steps == 100
    take(1000, 0.5)
    assert take(1000, 0.5) == 2
    take(1000, 60.0)
    assert chunk.steps == 1


def test_a_signal_is_noted_and_what_was_done_at_one_before_is_done_again_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with signals() as caught:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert caught == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_between_steps_stops_the_training_after_the_next_with_a_checkpoint(tmp_path, monkeypatch):
    def kill(self, training, step, directory):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    monkeypatch.setattr(Counter, "run", kill)
    with pytest.raises(Interrupted, match="stopped at step 5 with a checkpoint") as stopped:
        run(make(Counter("a", 3, [])), tmp_path)
    assert stopped.value.signum == signal.SIGTERM
    assert list((tmp_path / "checkpoint").glob("*-5.index"))


def test_an_error_of_the_data_set_is_raised_as_it_was():
    error = UserError("the file is damaged")
    trainers = [SimpleNamespace(feed=SimpleNamespace(error=found)) for found in (None, error)]
    with pytest.raises(UserError, match="the file is damaged"), raised_by(*trainers):
        raise tf.errors.UnknownError(None, None, "inside the graph")
    with pytest.raises(tf.errors.UnknownError), raised_by(trainers[0]):
        raise tf.errors.UnknownError(None, None, "determinism is no matter here")
    with pytest.raises(tf.errors.UnimplementedError), raised_by(trainers[0]):
        raise tf.errors.UnimplementedError(None, None, "another kernel")


def test_a_loss_or_a_weight_that_is_not_finite_ends_the_training_without_a_checkpoint(tmp_path):
    trainer = make()
    for variable in trainer.variables:
        variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(UserError, match=r"became NaN or infinite at step 1; there is no checkpoint yet; lower"):
        run(trainer, tmp_path)
    assert not list(tmp_path.glob("checkpoint/*.index"))


class Breaks(Callback):
    """Makes the weights NaN after step 8."""

    every_steps, of_total, kept = 8, False, tf.Module()

    def due(self, training, step):
        return step == 8

    def run(self, training, step, directory):
        for variable in training.variables:
            variable.assign(np.full(variable.shape, np.nan))
        return {}


def test_a_training_that_diverges_names_the_checkpoint_that_is_kept(tmp_path):
    expected = r"at step \d+; the last good checkpoint, of step 6, is kept in .*checkpoint; lower the learning rate"
    with pytest.raises(UserError, match=expected):
        run(make(Breaks()), tmp_path)


def test_a_device_that_cannot_be_deterministic_is_said_unless_the_data_failed_first():
    error = tf.errors.UnimplementedError(None, None, "no deterministic kernel for this\nmore")
    fine, broken = (SimpleNamespace(feed=SimpleNamespace(error=each)) for each in (None, OSError("the disk is gone")))
    expected = (
        r"model\.deterministic cannot be kept on this device \(no deterministic kernel for this\); train without it"
    )
    with pytest.raises(UserError, match=expected), raised_by(fine):
        raise error
    with pytest.raises(OSError, match="the disk is gone"), raised_by(fine, broken):
        raise error
