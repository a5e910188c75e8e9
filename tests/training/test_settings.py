"""The settings of a training: their defaults, their bounds, and that nothing changes them."""

import dataclasses

import gin
import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.linear import pca
from dlib_bvae.models.objectives.annealed_vae import annealed_vae
from dlib_bvae.models.objectives.base import cyclical_weight
from dlib_bvae.models.objectives.d_vae import d_vae
from dlib_bvae.models.objectives.tripod import tripod
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.registry import ADDITION, EXECUTION, LABEL, SEED, kind_of
from dlib_bvae.training.callbacks import Callback
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.frechet_curve import Curve
from dlib_bvae.training.callbacks.validation import Validation
from dlib_bvae.training.optimizers import adam, constant, cosine, step_decay, warm_up
from dlib_bvae.training.settings import TrainingSettings, depends_on_total


def test_defaults():
    settings = TrainingSettings(vae())
    assert (settings.network, settings.optimizer) == (GaussianVAE, adam)
    assert isinstance(settings.learning_rates, constant)
    numbers = [settings.batch_size, settings.training_steps, settings.checkpoint_every, settings.log_every]
    assert numbers == [64, 300_000, 1_000, 100]
    assert (settings.clip_norm, settings.clip_value, settings.average_decay) == (0.0, 0.0, 0.0)
    assert (settings.random_seed, settings.devices, settings.precision) == (0, 0, "float32")
    assert (settings.loss_window, settings.initial_weights, settings.export_steps) == (100, "", ())
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


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("batch_size", 2**16),
        *((name, 10**12) for name in ("training_steps", "checkpoint_every", "log_every", "loss_window")),
    ],
)
def test_numbers_that_no_training_has_are_refused(name, most):
    TrainingSettings(vae(), **{name: most})
    for value in (most + 1, 2**63, 10**30):
        with pytest.raises(UserError, match=f"model.{name} must be an integer <= {most}; got {value}"):
            TrainingSettings(vae(), **{name: value})


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5, "0", True, None])
def test_a_seed_that_is_none_is_refused(seed):
    TrainingSettings(vae(), random_seed=2**31 - 1)
    with pytest.raises(UserError, match=r"model.random_seed must be an integer in 0 … 2\^31 - 1; got"):
        TrainingSettings(vae(), random_seed=seed)


def test_what_is_no_method_is_refused():
    with pytest.raises(UserError, match=r"model.model must be an objective such as @vae\(\), .* got 3"):
        TrainingSettings(3)


@pytest.mark.parametrize("steps", [[0], [7], [2, 2], [1.5], [True], ["3"], 3, "3", [[1]], {2: 3}, None])
def test_steps_to_export_that_are_none_are_refused(steps):
    assert TrainingSettings(vae(), training_steps=6, export_steps=[6, 1]).export_steps == (6, 1)
    expected = (
        r"model.export_steps must be a list of different integers in 1 … model.training_steps = 6, such as \[6\]; got"
    )
    with pytest.raises(UserError, match=expected):
        TrainingSettings(vae(), training_steps=6, export_steps=steps)


def test_weights_to_start_from_are_a_directory():
    with pytest.raises(UserError, match="model.initial_weights must be a run directory such as 'runs/other'; got None"):
        TrainingSettings(vae(), initial_weights=None)


def test_what_tells_two_trainings_apart_is_declared():
    kinds = {field.name: kind_of(f"model.{field.name}") for field in dataclasses.fields(TrainingSettings)}
    assert {name: kind for name, kind in kinds.items() if kind is not None} == {
        "random_seed": SEED,
        **dict.fromkeys(("name", "checkpoint_every", "keep_checkpoints", "log_every"), LABEL),
        **dict.fromkeys(("xla", "devices", "deterministic"), EXECUTION),
        "export_steps": ADDITION,
    }
    others = {
        "feed.max_mib": EXECUTION,
        "validation.seed": SEED,
        "frechet_curve.seed": SEED,
        "frechet_curve.every_steps": None,
    }
    assert {name: kind_of(name) for name in others} == others


class Measured(Callback):
    """As a callback is that says nothing of the number of steps."""


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, False),
        (constant(), False),
        (warm_up(), False),
        (warm_up(then=constant()), False),
        (warm_up(then=cosine()), True),
        (warm_up(then=warm_up(then=step_decay())), True),
        (cosine(), True),
        (step_decay(), True),
        (lambda step, total: 1.0, True),
        (warm_up(then=lambda step, total: 1.0), True),
    ],
)
def test_a_schedule_says_whether_it_depends_on_the_number_of_steps(schedule, expected):
    assert depends_on_total(TrainingSettings(vae(), schedule=schedule), [Divergence(5)]) is expected


def test_a_method_says_whether_it_depends_on_the_number_of_steps():
    assert depends_on_total(TrainingSettings(d_vae()), [Divergence(5)]) is True
    assert depends_on_total(TrainingSettings(tripod()), [Divergence(5)]) is False


def test_a_callback_says_whether_it_depends_on_the_number_of_steps():
    settings = TrainingSettings(vae())
    assert [kind.of_total for kind in (Divergence, Validation, Curve, Measured)] == [False, True, True, True]
    assert depends_on_total(settings, [Divergence(5)]) is False
    assert depends_on_total(settings, [Divergence(5), Measured()]) is True


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (annealed_vae(), True),
        (annealed_vae(iteration_threshold=7), False),
        (vae(beta=cyclical_weight()), True),
        (vae(beta=cyclical_weight(steps=8)), False),
    ],
)
def test_an_objective_says_whether_it_depends_on_the_number_of_steps(objective, expected):
    assert depends_on_total(TrainingSettings(objective), [Divergence(5)]) is expected
