"""sensitivity.py: every cell is the metric as beta_vae defines it."""

import inspect
import json

import gin
import numpy as np
import pytest
from support.known_codes import GRID, Grid, mixed

from dlib_bvae.artifacts import config_dict
from dlib_bvae.config import configuration
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.beta_vae import beta_vae, points, points_of_sizes
from dlib_bvae.metrics.engine.codes import CodeReader
from dlib_bvae.metrics.sensitivity import beta_vae_sensitivity

FEW = {"num_train": 300, "num_eval": 150}
TWO = {**FEW, "batch_sizes": [4, 16], "classifiers": ["logistic_regression", "random_forest"]}


class Shapes(Grid):
    """A grid one of whose factors is called shape."""

    factor_names = ("shape", "scale", "x", "y")


SHAPES = Shapes(3, 4, 6, 5)


def test_there_is_a_cell_for_every_combination():
    cells = beta_vae_sensitivity(SHAPES, mixed(SHAPES), 0, **TWO)
    assert json.loads(json.dumps(cells, allow_nan=False)) == cells
    found = [(cell["factors"], cell["classifier"], cell["batch_size"]) for cell in cells]
    assert found == [
        (factors, classifier, size)
        for factors in ("all", "without shape")
        for classifier in ("logistic_regression", "random_forest")
        for size in (4, 16)
    ]
    assert {cell["factors"] for cell in beta_vae_sensitivity(GRID, mixed(GRID), 0, **TWO)} == {"all"}


def test_cells_of_the_most_pairs_are_the_metric_s_own_numbers():
    codes = mixed(SHAPES)
    cells = beta_vae_sensitivity(SHAPES, codes, 5, **TWO)
    for cell in cells:
        if cell["batch_size"] == 16:
            asked = ["scale", "x", "y"] if cell["factors"] == "without shape" else None
            alone = beta_vae(SHAPES, codes, 5, **FEW, batch_size=16, classifier=cell["classifier"], factors=asked)
            assert {**cell, "confusion": alone["confusion"]} == {**cell, **alone}


def test_points_of_fewer_pairs_are_the_first_pairs_of_each_point():
    calls = []

    def recorded(observations):
        calls.append(observations[:, 0, :, 0].astype(float))
        return calls[-1]

    features, labels = points_of_sizes(CodeReader(GRID, recorded), [0, 1, 2, 3], 40, [2, 5], 3)
    first, second = (each.reshape(40, 5, 4) for each in calls)
    assert features[2] == pytest.approx(np.abs(first - second)[:, :2].mean(axis=1))
    assert features[5] == pytest.approx(np.abs(first - second).mean(axis=1))
    assert (features[2][np.arange(40), labels] == 0).all()
    alone = points(CodeReader(GRID, recorded), [0, 1, 2, 3], 40, 5, 3)
    assert np.array_equal(features[5], alone[0])
    assert np.array_equal(labels, alone[1])


def test_a_cell_of_fewer_pairs_has_the_distribution_of_its_own_draws():
    """Mean and deviation of features over many points, against points drawn with that size alone."""
    source = CodeReader(GRID, mixed(GRID))
    shared = points_of_sizes(source, [0, 1, 2, 3], 4000, [3, 12], 0)[0][3]
    alone, _ = points(source, [0, 1, 2, 3], 4000, 3, 1)
    assert shared.mean(axis=0) == pytest.approx(alone.mean(axis=0), rel=0.05)
    assert shared.std(axis=0) == pytest.approx(alone.std(axis=0), rel=0.08)


def test_more_pairs_and_fewer_factors_score_higher():
    codes = mixed(SHAPES)
    cells = beta_vae_sensitivity(
        SHAPES, codes, 0, num_train=2000, num_eval=1000, batch_sizes=[1, 8, 64], classifiers=["linear"]
    )
    scores = [cell["eval_accuracy"] for cell in cells if cell["factors"] == "all"]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.1
    assert "shape" not in cells[-1]["eval_accuracy_per_factor"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_sizes": []}, "batch_sizes must be a list"),
        ({"batch_sizes": [0]}, r"every entry of beta_vae_sensitivity\.batch_sizes must be an integer >= 1"),
        ({"classifiers": "mlp"}, "classifiers must be a list"),
        ({"classifiers": ["mpl"]}, "no classifier is called 'mpl'; did you mean mlp"),
        ({"without": ["shapes"]}, "no factor is called 'shapes'; did you mean shape"),
        ({"without": "shape"}, "without must be a list"),
        ({"num_train": 3}, r"num_train must be an integer >= 4"),
        ({"num_eval": 10**12}, r"num_eval must be an integer <= 134217728"),
        ({"batch_sizes": [10**9]}, r"beta_vae_sensitivity\.batch_sizes must be an integer <= 1048576"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises((UserError, UnknownName), match=message):
        beta_vae_sensitivity(SHAPES, mixed(SHAPES), 0, **parameters)


def test_gin_and_signature_have_the_same_defaults():
    parameters = inspect.signature(beta_vae_sensitivity).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    expected = {
        "batch_sizes": (16, 64, 128, 256),
        "classifiers": ("linear", "mlp", "random_forest", "logistic_regression"),
        "without": None,
        "num_train": 10_000,
        "num_eval": 5_000,
    }
    assert defaults == expected
    with configuration(["gin/metrics/beta_vae_sensitivity.gin"], [], []):
        for key, value in config_dict(gin.config_str()).items():
            default = defaults[key.removeprefix("beta_vae_sensitivity.")]
            assert value == (list(default) if isinstance(default, tuple) else default)


def test_two_factors_are_enough():
    grid = Grid(3, 4)
    cells = beta_vae_sensitivity(grid, grid.identity(), 0, **{**TWO, "classifiers": ["logistic_regression"]})
    assert [cell["eval_accuracy"] for cell in cells] == [1.0, 1.0]
