"""The experiments that come with the package: each gin file can be read and makes its network and objective."""

from pathlib import Path

import pytest
from support.methods import method_files

from dlib_bvae.artifacts import Work
from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.baselines import Baseline
from dlib_bvae.stages.train import REGISTRIES, TRAIN, fit_of
from dlib_bvae.training.settings import TrainingSettings

HOME = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted(path.name for path in (HOME / "gin").glob("*.gin"))
METHODS = sorted(file for files in method_files().values() for file in files)


def check_it_makes_what_it_says(file, folder):
    with configuration([file], [], REGISTRIES):
        settings = TrainingSettings()
        if isinstance(settings.model, Baseline):
            fit_of(Work(TRAIN, folder / "train"), settings.model, DummyData(), settings)(folder)
            return settings
        network = settings.network((16, 16, 1), 0, settings.precision)
        settings.model.build(network.num_latent, DummyData(), 0)
        settings.optimizer([network.trainable_variables[0]])
    assert network.latents in settings.model.latents
    return settings


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_makes_a_network_that_its_objective_trains_or_fits_one(name, tmp_path):
    assert check_it_makes_what_it_says(str(HOME / "gin" / name), tmp_path).name


@pytest.mark.parametrize("file", METHODS)
def test_so_does_the_file_of_a_method(file, tmp_path):
    check_it_makes_what_it_says(str(HOME / file), tmp_path)
