"""A finished training that is given more steps goes on from its checkpoint, and equals one of as many steps in one go."""

import shutil

import gin
import numpy as np
import pytest
from support.trainings import EXAMPLES, check_equal, checkpoint_of, made, trained

from dlib_bvae.stages import train as stage
from dlib_bvae.training.callbacks.frechet_curve import Curve
from dlib_bvae.training.checkpoints import kept_step
from dlib_bvae.training.ensemble import train_ensemble
from dlib_bvae.training.exports import exported_steps
from dlib_bvae.training.optimizers import warm_up

pytestmark = pytest.mark.usefixtures("tiny_networks")


def extended(folder, first, total, **settings):
    """A training of `first` steps whose checkpoint another of `total` steps starts with."""
    trained(made(first, **settings), folder / "short")
    shutil.copytree(folder / "short" / "checkpoint", folder / "long" / "checkpoint")
    trainer = made(total, **settings)
    return trainer, trained(trainer, folder / "long")


@pytest.mark.parametrize("first", [5, 7])
def test_it_equals_the_training_in_one_go_bit_for_bit(first, tmp_path):
    settings = {"loss_window": 4, "average_decay": 0.9, "clip_norm": 10.0, "schedule": warm_up(6)}
    trainer, losses = extended(tmp_path, first, 13, **settings)
    whole = made(13, **settings)
    assert trained(whole, tmp_path / "whole") == losses
    check_equal(checkpoint_of(tmp_path / "long"), checkpoint_of(tmp_path / "whole"))
    for each in (trainer, whole):
        each.use_exported()
    for one, other in zip(trainer.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


class Brightness:
    """The mean of reconstructions."""

    tags = {"mean": "brightness/mean"}
    about = {}

    def __call__(self, network):
        return {"mean": float(network.reconstruct(EXAMPLES).numpy().mean())}


def test_validation_and_a_curve_go_on_with_what_they_have(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "frechet_curve", lambda data, network: Curve(Brightness(), 3))
    gin.bind_parameter("validation.num_images", 8)
    gin.bind_parameter("validation.every_steps", 4)
    trainer, _ = extended(tmp_path, 7, 13)
    _, validation, curve = trainer.callbacks
    assert curve.results()["steps"] == [3, 6, 7, 9, 12, 13]  # 7: the end of the shorter training
    assert curve.results()["mean"][:2] == curve_of(tmp_path, monkeypatch)
    assert int(validation.best.last_step) == 13
    again = made(13)
    trained(again, tmp_path / "long")
    assert again.callbacks[-1].results() == curve.results()


def curve_of(folder, monkeypatch):
    trainer = made(6)
    trained(trainer, folder / "six")
    return trainer.callbacks[-1].results()["mean"]


def test_a_training_that_was_stopped_early_has_nothing_left_to_do(tmp_path):
    gin.bind_parameter("validation.num_images", 4)
    gin.bind_parameter("validation.every_steps", 2)
    gin.bind_parameter("validation.patience", 1)
    short = made(20, optimizer=lambda variables: Still())
    trained(short, tmp_path)
    assert int(short.state.step) == 4  # the second validation is no better
    long = made(30, optimizer=lambda variables: Still())
    trained(long, tmp_path)
    assert int(long.state.step) == 4


class Still:
    """Changes no weight."""

    def apply(self, gradients, rate_factor, step):
        """See Optimizer."""


def test_the_model_of_the_step_where_it_goes_on_can_still_be_kept(tmp_path):
    trained(made(5), tmp_path)
    assert kept_step(tmp_path) == 5
    trained(made(9, export_steps=[3, 5, 8]), tmp_path)
    assert exported_steps(tmp_path) == [5, 8]


def test_members_of_an_ensemble_that_are_at_different_steps_all_reach_the_end(tmp_path):
    options = {"way": "loop", "xla": False, "checkpoint_every": 5, "log_every": 100, "examples": EXAMPLES}
    for seed, steps in ((0, 4), (1, 9)):
        trained(made(steps, random_seed=seed), tmp_path / str(seed))
    trainers = [made(12, random_seed=seed) for seed in (0, 1, 2)]
    train_ensemble(trainers, [tmp_path / str(seed) for seed in (0, 1, 2)], **options)
    for seed, trainer in enumerate(trainers):
        assert int(trainer.state.step) == kept_step(tmp_path / str(seed)) == 12
        alone = made(12, random_seed=seed)
        trained(alone, tmp_path / f"alone {seed}")
        for one, other in zip(trainer.variables, alone.variables, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)
