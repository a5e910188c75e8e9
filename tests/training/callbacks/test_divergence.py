"""Divergence: a loss that stays far above its best ends the training."""

from pathlib import Path

import gin
import pytest

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import linear_weight
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.stages.train import build
from dlib_bvae.training import loop
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.optimizers import adam
from dlib_bvae.training.settings import TrainingSettings


def test_divergence_is_a_loss_that_stays_far_above_its_best():
    watch = Divergence(5, factor=2.0, windows=2)
    assert [watch.observe(loss) for loss in (100.0, 50.0, 101.0, 99.0, 101.0, 102.0)] == [False] * 5 + [True]
    negative = Divergence(5, factor=1.5, windows=1)
    assert [negative.observe(loss) for loss in (-100.0, -51.0, -49.0)] == [False, False, True]
    small = Divergence(5, factor=2.0, windows=1)  # of a best near 0 more than 1 nat above it is far
    assert [small.observe(loss) for loss in (0.1, 1.0, 1.2)] == [False, False, True]
    assert not any(Divergence(5, factor=0.0, windows=1).observe(loss) for loss in (1.0, 1e9))
    with pytest.raises(UserError, match="divergence.factor must be > 1, or 0 for never; got 1"):
        Divergence(5, factor=1)


@pytest.mark.usefixtures("tiny_networks")
def test_a_training_that_diverges_is_ended(tmp_path):
    gin.bind_parameter("divergence.factor", 1.2)
    gin.bind_parameter("divergence.windows", 1)
    settings = TrainingSettings(
        model=vae(beta=linear_weight(last=1e4, steps=10)),
        batch_size=16,
        training_steps=40,
        loss_window=5,
        optimizer=lambda variables: adam(variables, learning_rate=3e-3),
    )
    trainer, examples = build(DummyData(), settings)
    with pytest.raises(UserError, match="the training has diverged: at step .* for 1 window of 5 steps") as raised:
        loop.train(trainer, tmp_path, checkpoint_every=6, log_every=5, examples=examples)
    step = max(int(path.stem.rpartition("-")[2]) for path in tmp_path.glob("checkpoint/*.index"))
    assert f"({tmp_path / 'checkpoint'} has the last checkpoint, of step {step})" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_is_due_after_whole_windows_only():
    training = type("Training", (), {"done": True, "means": lambda self: {"loss": 1.0}})()
    watch = Divergence(5)
    assert [step for step in range(1, 13) if watch.due(training, step)] == [5, 10]
    assert watch.run(training, 5, Path("run")) == {}


def test_no_checkpoint_is_named_where_there_is_none(tmp_path):
    losses = iter([1.0, 9.0])
    training = type("Training", (), {"done": False, "means": lambda self: {"loss": next(losses)}})()
    watch = Divergence(5, factor=1.5, windows=1)
    watch.run(training, 5, tmp_path)
    with pytest.raises(UserError, match="has diverged") as raised:
        watch.run(training, 10, tmp_path)
    assert "checkpoint" not in str(raised.value)
