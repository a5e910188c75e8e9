"""Every objective: it lowers its own loss, and a training that was interrupted ends bit for bit as one that was not."""

import numpy as np
import pytest
import tensorflow as tf
from support.methods import DATA, scheduled, small_trainer

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.models.objectives.base import cyclical_weight
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks.validation import loss_terms
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.optimizers import adam, adamw, cosine
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import WINDOW, Trainer


def scheduled_methods():
    OBJECTIVES.import_all()
    return {name: weights for name in OBJECTIVES.names() if (weights := scheduled(name))}


def run(trainer, steps):
    trainer.state.forget_sums(WINDOW)
    assert bool(trainer.run(tf.constant(steps, tf.int64)))
    return trainer.means()


def values(trainer):
    return [variable.numpy() for variable in trainer.state.variables]


def last_loss(trainer):
    """The loss of the first batch with the weights of terms that it has in the last step."""
    return float(loss_terms(trainer, key=trainer.key(0), **trainer.feed.inputs(tf.constant(0, tf.int64)))["loss"])


def check(trainer, folder):
    before = last_loss(trainer)
    first = run(trainer, 3)
    assert all(np.isfinite(value) for value in first.values())
    checkpoint = tf.train.Checkpoint(state=trainer.state)
    path = checkpoint.write(str(folder / "checkpoint"))
    results = []
    for _ in range(2):
        checkpoint.read(path).assert_consumed()
        results.append((run(trainer, 4), values(trainer)))
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    run(trainer, 60)
    last = run(trainer, 20)
    # Without a decoder only the loss is watched, and of pairs by chance no codes agree.
    watched, share = ("reconstruction", 0.75) if trainer.network.decodes else ("loss", 1.0)
    assert last[watched] < share * first[watched]
    assert last_loss(trainer) < before


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_it_lowers_its_loss_and_resumes_bit_for_bit(name, tmp_path):
    check(small_trainer(name), tmp_path)


@pytest.mark.parametrize(("name", "weights"), scheduled_methods().items())
def test_so_does_one_whose_weights_change(name, weights, tmp_path):
    weight = cyclical_weight(last=0.5, first=0.25, steps=16, cycles=2)
    trainer = small_trainer(name, dict.fromkeys(weights, weight))
    check(trainer, tmp_path)
    assert set(weights) <= set(trainer.names)
    trainer.state.step.assign(0)
    run(trainer, 3)
    for weight in weights:
        assert trainer.means()[weight] == pytest.approx((0.25 + 0.3125 + 0.375) / 3)


def test_so_does_a_training_with_every_option(tmp_path):
    options = {"clip_norm": 100.0, "clip_value": 10.0, "average_decay": 0.9, "precision": "mixed_float16"}
    optimizer = lambda variables: adamw(variables, learning_rate=3e-3)
    trainer = small_trainer("vae", optimizer=optimizer, schedule=cosine(), **options)
    check(trainer, tmp_path)
    assert "skipped_updates" in trainer.names
    weights = [variable.numpy() for variable in trainer.variables]
    trainer.average.use()
    assert all((one != other.numpy()).any() for one, other in zip(weights, trainer.variables, strict=True))


@pytest.mark.parametrize(
    "name", [name if name == "vae" else pytest.param(name, marks=pytest.mark.slow) for name in OBJECTIVES.names()]
)
def test_two_steps_with_xla_log_and_learn_what_plain_ones_do(name):
    found = []
    for xla in (False, True):
        trainer = small_trainer(name, xla=xla)
        found.append((run(trainer, 2), [variable.numpy() for variable in trainer.variables]))
    (plain, weights), (compiled, compiled_weights) = found
    assert plain == pytest.approx(compiled, rel=1e-3, abs=1e-4)
    for one, other in zip(weights, compiled_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_float16_training_whose_gradients_overflow_finds_its_scale():
    trainer = small_trainer("vae", precision="mixed_float16")
    trainer.scale.factor.assign(2.0**40)
    assert run(trainer, 30)["skipped_updates"] > 0.1
    assert float(trainer.scale.factor) < 2.0**30
    assert trainer.weights_finite()


def test_the_logged_names_are_the_terms_and_what_was_measured():
    trainer = small_trainer("beta_tc_vae")
    parts = ("total_correlation", "index_code_information", "dimension_wise_kl")
    measured = {*(f"minibatch_{part}" for part in parts), "kl", "reconstruction", "loss"}
    assert set(trainer.names) == measured | {"weighted_kl", "weighted_total_correlation"}
    means = run(trainer, 2)
    terms = means["reconstruction"] + means["weighted_kl"] + means["weighted_total_correlation"]
    assert means["loss"] == pytest.approx(terms, rel=1e-5)


def test_the_noise_of_discrete_latents_follows_the_length_of_the_training():
    trainer = small_trainer("d_vae")  # of 100 steps
    along = lambda step: 1.25 - 0.75 * np.cos(np.pi * step / 100)
    assert run(trainer, 3)["noise"] == pytest.approx(np.mean([along(step) for step in range(3)]), rel=1e-5)
    inputs = trainer.feed.inputs(tf.constant(0, tf.int64))
    assert float(loss_terms(trainer, key=trainer.key(0), **inputs)["noise"]) == pytest.approx(along(99), rel=1e-5)


def test_another_kind_of_network_is_refused():
    objective = OBJECTIVES.get("qlae")()
    network = GaussianVAE((16, 16, 1), 0)
    with pytest.raises(UserError, match="qlae trains a network with quantized latents; model.network makes gaussian"):
        Trainer(
            network,
            adam(network.trainable_variables),
            MemoryFeed(DATA, Plan(DATA, 8, 0)),
            TrainingSettings(model=objective, training_steps=1),
        )
