"""The experiments that come with the package: each gin file can be read and makes its network and objective."""

from pathlib import Path

import pytest

from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.stages.train import REGISTRIES, training

HOME = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted(path.name for path in (HOME / "gin").glob("*.gin"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_makes_a_network_that_its_objective_trains(name):
    with configuration([str(HOME / "gin" / name)], [], REGISTRIES):
        settings = training()
        network = settings["network"]((16, 16, 1), 0, settings["precision"])
        settings["model"].build(network.num_latent, DummyData(), 0)
        settings["optimizer"]([network.trainable_variables[0]])
    assert network.latents in settings["model"].latents
    assert settings["name"]


def test_every_objective_has_an_experiment():
    used = set()
    for name in EXPERIMENTS:
        with configuration([str(HOME / "gin" / name)], [], REGISTRIES):
            used.add(type(training()["model"]))
    assert used == {OBJECTIVES.get(name) for name in OBJECTIVES.names()}
