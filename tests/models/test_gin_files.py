"""The experiments that come with the package: each gin file can be read and makes its network and objective."""

from pathlib import Path

import pytest

from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.baselines.base import BASELINES, Baseline
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.stages import fitting
from dlib_bvae.stages.train import REGISTRIES, training

HOME = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted(path.name for path in (HOME / "gin").glob("*.gin"))


def model_of(name):
    with configuration([str(HOME / "gin" / name)], [], REGISTRIES):
        return training()["model"]


@pytest.fixture(scope="module")
def models():
    return {name: model_of(name) for name in EXPERIMENTS}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_makes_a_network_that_its_objective_trains_or_fits_one(name, tmp_path):
    with configuration([str(HOME / "gin" / name)], [], REGISTRIES):
        settings = training()
        assert settings["name"]
        if isinstance(settings["model"], Baseline):
            fitting.prepare(DummyData(), settings)(tmp_path)
            return
        network = settings["network"]((16, 16, 1), 0, settings["precision"])
        settings["model"].build(network.num_latent, DummyData(), 0)
        settings["optimizer"]([network.trainable_variables[0]])
    assert network.latents in settings["model"].latents


def test_every_method_has_an_experiment(models):
    used = {type(model) for model in models.values()}
    assert used == {registry.get(name) for registry in (OBJECTIVES, BASELINES) for name in registry.names()}
