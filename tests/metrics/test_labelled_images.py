"""Metrics on images with factors that make no full grid."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.ground_truth import LabelledImages
from dlib_bvae.errors import NotApplicable
from dlib_bvae.visualize.matrices import save_matrices

CHOOSE_FACTORS = {"beta_vae", "factor_vae_score", "factor_vae_score_dlib", "fairness", "strong_downstream_task"}
SMALL = {"num_train": 120, "num_test": 80, "batch_size": 8, "n_estimators": 2, "widths": [8, 32]}
OTHERS = [
    name
    for name in metrics.names()
    if name not in CHOOSE_FACTORS and "decode" not in inspect.signature(metrics.METRICS.get(name)).parameters
]

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed to converge")


class Listed(LabelledImages):
    """dummy_data's images with a list of their factors."""

    name, fingerprint, observation_shape, num_images = "listed", "listed", (16, 16, 1), 512

    def __init__(self):
        self.data = datasets.load("dummy_data")
        self.factor_names, self.factor_sizes = self.data.factor_names, self.data.factor_sizes

    def images_at(self, indices):
        return self.data.images_at(indices)

    def factors_at(self, indices):
        return self.data.factors_at(indices)


def codes_of(factors):
    return factors @ np.random.default_rng(1).normal(size=(4, 5)) + np.random.default_rng(2).normal(
        size=(len(factors), 5)
    )


def score(name, data, codes):
    parameters = inspect.signature(metrics.METRICS.get(name)).parameters
    small = {key: value for key, value in SMALL.items() if key in parameters}
    if isinstance(small.get("num_train"), int) and isinstance(parameters["num_train"].default, tuple):
        small["num_train"] = [50]
    return metrics.score(name, data, codes, 0, **small)


@pytest.mark.parametrize("name", OTHERS)
def test_a_list_of_the_whole_grid_scores_as_the_grid_does(name):
    grid = datasets.load("dummy_data")
    codes = codes_of(grid.factors_at(np.arange(512)))
    assert score(name, Listed(), codes) == score(name, grid, codes)


@pytest.mark.parametrize("name", OTHERS)
def test_a_probe_is_scored_by_codes_or_by_a_function(name):
    probe = Subsample(datasets.load("dummy_data"), 200, 0)
    encode = lambda observations: observations.sum(axis=1)[:, ::4, 0] + observations.sum(axis=2)[:, ::4, 0] / 8
    assert score(name, probe, encode) == score(name, probe, encode(probe.observations_at(np.arange(200))))


@pytest.mark.parametrize("name", sorted(CHOOSE_FACTORS))
def test_what_compares_images_with_chosen_factors_refuses(name):
    probe = Subsample(datasets.load("dummy_data"), 200, 0)
    with pytest.raises(NotApplicable, match=rf"{name} compares images with chosen factors.* has 200 images for 512"):
        score(name, probe, codes_of(probe.factors_at(np.arange(200))))


def test_rows_and_their_factors_go_together():
    probe = Subsample(datasets.load("dummy_data"), 150, 5)
    known = probe.factors_at(np.arange(150)).astype(float)
    assert metrics.score("mig", probe, known, 0)["discrete_mig"] > 0.8
    mixed = known[np.random.default_rng(0).permutation(150)]
    assert metrics.score("mig", probe, mixed, 0)["discrete_mig"] < 0.2


def test_a_file_with_labels_in_any_number_is_scored_and_drawn(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (90, 2)) * 10
    np.savez(tmp_path / "mine.npz", images=np.zeros((90, 8, 8), np.uint8) + 9, labels=labels)
    data = from_file(str(tmp_path / "mine.npz"), labels="labels", factor_names=("a", "b"), full_grid=False)
    found = metrics.score("mig", data, labels + 0.0, 0)
    assert found["discrete_mig"] > 0.8
    assert set(found["mig_per_factor"]) == {"a", "b"}
    assert save_matrices(Path(tmp_path), found, metrics.matrices("mig"), data)
