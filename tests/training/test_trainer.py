"""Clipping, loss scaling and averaging against numpy."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks import Callback
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.optimizers import sgd, step_decay
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import LOG, WINDOW, Average, LossScale, Trainer, make_clip

GRADIENTS = [tf.constant([3.0, -0.5]), tf.constant([[4.0]])]


def test_clipping_bounds_the_common_norm_and_each_number():
    clipped = make_clip(norm=1.0, value=0.0)(GRADIENTS)
    norm = np.sqrt(9 + 0.25 + 16)
    for one, other in zip(clipped, GRADIENTS, strict=True):
        np.testing.assert_allclose(one, other / norm, rtol=1e-6)
    by_value = make_clip(norm=0.0, value=1.0)(GRADIENTS)
    np.testing.assert_allclose(by_value[0], [1.0, -0.5])
    np.testing.assert_allclose(by_value[1], [[1.0]])
    assert make_clip(0.0, 0.0)(GRADIENTS) is GRADIENTS
    with pytest.raises(UserError, match="model.clip_norm must be a finite number >= 0"):
        make_clip(-1.0, 0.0)


def test_a_gradient_that_is_not_finite_halves_the_scale_and_changes_nothing():
    scale, variable = LossScale(), tf.Variable(1.0)
    update = lambda gradients: variable.assign_sub(gradients[0])
    first = float(scale.factor)
    assert not bool(scale.apply([tf.constant(np.inf)], update))
    assert (float(variable), float(scale.factor)) == (1.0, first / 2)
    assert bool(scale.apply([scale.factor * 0.25], update))
    assert (float(variable), float(scale.factor)) == (0.75, first / 2)
    scale.good.assign(1_999)
    assert bool(scale.apply([scale.factor * 0.0], update))
    assert (int(scale.good), float(scale.factor)) == (0, first)


def test_the_average_follows_with_a_growing_decay():
    variable = tf.Variable([1.0])
    average = Average([variable], decay=0.5)
    expected = 1.0
    for step, value in enumerate([2.0, 4.0, 0.0, 1.0, 5.0, 2.0, 3.0, 9.0, 7.0]):
        variable.assign([value])
        average.follow(tf.constant(step, tf.int64))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    average.use()
    np.testing.assert_allclose(variable, [expected], rtol=1e-5)


@pytest.mark.parametrize("decay", [-0.1, 1.0, "x"])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(UserError, match="model.average_decay must be a finite number"):
        Average([], decay)


DATA = DummyData()


def make(callbacks=(), precision="float32", **settings):
    settings = TrainingSettings(vae(2.0), training_steps=4, random_seed=5, schedule=step_decay(0.5, 0.5), **settings)
    network = GaussianVAE((16, 16, 1), 5, precision)
    optimizer = sgd(network.trainable_variables, learning_rate=1e-3, momentum=0.0)
    return Trainer(network, optimizer, MemoryFeed(DATA, Plan(DATA, 4, 5)), settings, callbacks)


@pytest.mark.usefixtures("tiny_networks")
def test_two_steps_by_hand():
    trainer, other = make(), GaussianVAE((16, 16, 1), 5)
    trainer.run(tf.constant(3, tf.int64))
    losses = []
    for step, rate in enumerate([1e-3, 1e-3, 5e-4]):
        rows = Plan(DATA, 4, 5).indices(tf.constant(step, tf.int64))["observations"]
        with tf.GradientTape() as tape:
            batch = other.batch(tf.constant(DATA.observations_at(rows)), tf.constant([5, step], tf.int64))
            losses.append(tf.reduce_mean(batch.reconstruction) + 2.0 * tf.reduce_mean(batch.kl))
        gradients = tape.gradient(losses[-1], other.trainable_variables)
        for variable, gradient in zip(other.trainable_variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)
    for ours, theirs in zip(other.trainable_variables, trainer.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert trainer.means()["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert (int(trainer.state.step), trainer.state.counted.numpy().tolist(), trainer.done) == (3, [3, 3], False)
    trainer.state.forget_sums(WINDOW)
    assert set(trainer.means().values()) == {0.0}
    assert trainer.means(LOG)["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    trainer.run(tf.constant(1, tf.int64))
    assert trainer.done


@pytest.mark.usefixtures("tiny_networks")
def test_the_seed_of_the_noise_is_that_of_the_training_and_the_step():
    trainer = make()
    assert trainer.key(tf.constant(7, tf.int64)).numpy().tolist() == [5, 7]
    trainer.seed = 2**31 + 3
    assert trainer.key(tf.constant(7, tf.int64)).numpy().tolist() == [3, 7]


@pytest.mark.usefixtures("tiny_networks")
def test_steps_stop_after_the_one_whose_loss_is_not_finite():
    trainer = make()
    trainer.variables[-1].assign(np.full(trainer.variables[-1].shape, np.inf))
    assert not trainer.weights_finite()
    assert not bool(trainer.run(tf.constant(3, tf.int64)))
    assert int(trainer.state.step) == 1


@pytest.mark.usefixtures("tiny_networks")
def test_a_block_has_the_weights_to_export_and_others_come_back_after_it_however_it_ends():
    trainer = make(average_decay=0.5)
    trainer.run(tf.constant(2, tf.int64))
    before, averages = trainer.variables[0].numpy(), trainer.average.averages[0].numpy()
    assert (before != averages).any()
    found = []

    def fail():
        with trainer.exported():
            found.append(trainer.variables[0].numpy())
            raise KeyError

    pytest.raises(KeyError, fail)
    np.testing.assert_array_equal(found[0], averages)
    np.testing.assert_array_equal(trainer.variables[0], before)
    trainer.use_exported()
    np.testing.assert_array_equal(trainer.variables[0], averages)


@pytest.mark.usefixtures("tiny_networks")
@pytest.mark.parametrize("chooses", [False, True])
def test_weights_that_a_callback_has_chosen_go_before_the_averages(chooses):
    class Choice(tf.Module, Callback):
        every_steps = 1
        kept = property(lambda self: self)

        def choose_weights(self):
            return chooses

    trainer = make([Choice("choice")], average_decay=0.5)
    trainer.run(tf.constant(2, tf.int64))
    last, averages = trainer.variables[0].numpy(), trainer.average.averages[0].numpy()
    trainer.use_exported()
    np.testing.assert_array_equal(trainer.variables[0], last if chooses else averages)


@pytest.mark.usefixtures("tiny_networks")
def test_half_precision_has_a_scale_that_does_not_change_the_loss():
    trainer = make(precision="mixed_float16")
    batch = SimpleNamespace(reconstruction=tf.constant([2.0]), kl=tf.constant([1.0]), measured={})
    losses, scaled = trainer.losses(batch)
    assert float(losses["loss"]) == 4.0
    assert float(scaled) == 4.0 * 2.0**15
    assert make().scale is None


@pytest.mark.usefixtures("tiny_networks")
def test_without_averages_the_last_weights_are_the_ones_to_export():
    trainer = make()
    trainer.run(tf.constant(1, tf.int64))
    last = trainer.variables[0].numpy()
    with trainer.exported():
        np.testing.assert_array_equal(trainer.variables[0], last)
    trainer.use_exported()
    np.testing.assert_array_equal(trainer.variables[0], last)
