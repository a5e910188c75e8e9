"""The settings of a training: their defaults, their bounds, and that nothing changes them."""

import dataclasses

import gin
import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.linear import pca
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.optimizers import adam, constant, cosine
from dlib_bvae.training.settings import TrainingSettings


def test_defaults():
    settings = TrainingSettings(vae())
    assert (settings.network, settings.optimizer) == (GaussianVAE, adam)
    assert isinstance(settings.learning_rates, constant)
    numbers = [settings.batch_size, settings.training_steps, settings.checkpoint_every, settings.log_every]
    assert numbers == [64, 300_000, 1_000, 100]
    assert (settings.clip_norm, settings.clip_value, settings.average_decay) == (0.0, 0.0, 0.0)
    assert (settings.random_seed, settings.devices, settings.precision) == (0, 0, "float32")
    assert (settings.xla, settings.deterministic, settings.name) == (False, False, "")


def test_gin_gives_them_under_the_name_model():
    with gin.unlock_config():
        gin.bind_parameter("model.batch_size", 7)
        gin.bind_parameter("model.schedule", cosine(0.5))
    try:
        settings = TrainingSettings(vae())
    finally:
        gin.clear_config()
    assert settings.batch_size == 7
    assert settings.learning_rates.final == 0.5


def test_the_method_has_the_name_that_is_given_or_its_own():
    assert TrainingSettings(pca()).method == "pca"
    assert TrainingSettings(pca(), name="PCA").method == "PCA"


def test_they_are_fixed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingSettings(vae()).batch_size = 1


@pytest.mark.parametrize("name", ["batch_size", "training_steps", "checkpoint_every", "log_every", "loss_window"])
def test_numbers_below_one_are_refused(name):
    TrainingSettings(vae(), **{name: 1})
    with pytest.raises(UserError, match=f"model.{name} must be an integer >= 1; got 0"):
        TrainingSettings(vae(), **{name: 0})


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5, "0"])
def test_a_seed_that_is_none_is_refused(seed):
    TrainingSettings(vae(), random_seed=2**31 - 1)
    with pytest.raises(UserError, match=r"model.random_seed must be an integer in 0 … 2\^31 - 1; got"):
        TrainingSettings(vae(), random_seed=seed)


def test_what_is_no_method_is_refused():
    with pytest.raises(UserError, match=r"model.model must be an objective such as @vae\(\), .* got 3"):
        TrainingSettings(3)
