"""dependent.py: images drawn from the joint distributions that redundant and causal state."""

import numpy as np
import pytest
from scipy import stats

from dlib_bvae import metrics
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS, load
from dlib_bvae.datasets.derived.dependent import Causal, Redundant
from dlib_bvae.datasets.derived.training_distribution import Correlated
from dlib_bvae.errors import NotApplicable, UserError

LEAST_P = 1e-4
IMAGES = 40_000
EDGES = [("length", "row"), ("orientation", "column"), ("row", "column")]


def frequencies_fit(data):
    """Whether the images of each cell of the grid are as many as the stated probabilities say, by a chi-squared test."""
    grid = np.stack(np.unravel_index(np.arange(512), data.factor_sizes), axis=1)
    expected = data.num_images * data.probability_of(grid)
    assert expected.sum() == pytest.approx(data.num_images)
    found = np.bincount(data.rows, minlength=512)
    assert found[expected == 0].sum() == 0
    rare = expected < 5  # counted together
    groups = np.append(found[~rare], found[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    kept = groups[1] > 0
    return stats.chisquare(groups[0][kept], groups[1][kept]).pvalue > LEAST_P


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_redundant_images_have_the_stated_frequencies(bars, noise):
    assert frequencies_fit(Redundant(bars, "column", "row", noise=noise, images=IMAGES))


def test_a_redundant_factor_is_a_function_of_its_source(bars):
    same = Redundant(bars, "column", "row", images=500)
    factors = same.factors_at(np.arange(500))
    np.testing.assert_array_equal(factors[:, 3], factors[:, 2])
    coarse = Redundant(bars, "length", "column", images=500)
    assert coarse.function == [0, 0, 1, 1, 2, 2, 3, 3]
    swapped = Redundant(bars, "orientation", "length", function=[1, 0, 0, 1], images=500)
    factors = swapped.factors_at(np.arange(500))
    np.testing.assert_array_equal(factors[:, 0], np.array([1, 0, 0, 1])[factors[:, 1]])
    assert Redundant(bars, "row", "orientation", images=2).function == [0, 7]


def test_noise_is_the_share_of_uniform_values(bars):
    data = Redundant(bars, "column", "row", noise=0.2, images=2)
    assert data.probability_of([[0, 0, 3, 3], [1, 2, 3, 4]]) == pytest.approx([0.825 / 64, 0.025 / 64])


@pytest.mark.parametrize(("graph", "sigma"), [(EDGES, 0.3), ("chain", 0.15), (EDGES, {"row": 0.1, "column": 2.0})])
def test_causal_images_have_the_stated_frequencies(bars, graph, sigma):
    assert frequencies_fit(Causal(bars, graph, sigma, images=IMAGES))


def test_an_effect_follows_the_mean_of_its_causes(bars):
    data = Causal(bars, EDGES, 0.2, images=2)
    assert data.parents == {2: [1], 3: [0, 2]}
    values = np.arange(8) / 7
    density = np.exp(-((values - (1 + 2 / 7) / 2) ** 2) / (2 * 0.2**2))
    np.testing.assert_allclose(data.table(3)[1, 2], density / density.sum())
    row = np.exp(-((values - 1 / 3) ** 2) / (2 * 0.2**2))
    expected = 1 / 2 * 1 / 4 * (row / row.sum())[2] * (density / density.sum())[5]
    assert data.probability_of([[1, 1, 2, 5]]) == pytest.approx([expected])


def test_a_small_sigma_makes_a_function(bars):
    factors = Causal(bars, [("row", "column")], 1e-4, images=200).factors_at(np.arange(200))
    np.testing.assert_array_equal(factors[:, 2], factors[:, 3])


MAKERS = [
    lambda **given: Redundant(factor="row", source="column", **given),
    lambda **given: Causal(graph="chain", **given),
]


@pytest.mark.parametrize("make", MAKERS)
def test_images_factors_and_identity(bars, make):
    data = make(data=bars, images=300)
    rows = np.arange(300)
    np.testing.assert_array_equal(data.images_at(rows), bars.images_at(data.rows))
    np.testing.assert_array_equal(data.factors_at(rows), bars.factors_at(data.rows))
    assert (data.num_images, data.factor_sizes, data.origin) == (300, bars.factor_sizes, "rendered")
    again, other = make(data=bars, images=300), make(data=bars, images=300, seed=1)
    np.testing.assert_array_equal(data.rows, again.rows)
    assert (data.rows != other.rows).any()
    assert data.fingerprint == again.fingerprint != other.fingerprint
    assert data.name.endswith("(dummy_data, 300 images, seed 0)")


def test_metrics_are_of_the_images_drawn_and_those_that_need_a_grid_say_so(bars):
    data = Redundant(bars, "column", "row", images=3000)
    codes = data.factors_at(np.arange(3000))[:, :3].astype(float)  # the source stands for what repeats it
    assert metrics.score("mcc", data, codes, 0)["coverage"] == pytest.approx(0.75, abs=0.05)
    assert metrics.score("mig", data, codes, 0)["discrete_mig"] > 0.9
    for name in ("beta_vae", "factor_vae_score", "fairness", "strong_downstream_task"):
        with pytest.raises(
            NotApplicable, match=r"one of every combination; redundant\(dummy_data, .*\) has 3000 images for 512"
        ):
            metrics.score(name, data, codes, 0)


def test_gin_chooses_them():
    bindings = [
        "dataset.name = @causal()",
        "causal.data = 'dummy_data'",
        "causal.graph = [('row', 'column')]",
        "causal.images = 10",
    ]
    with configuration([], bindings, [DATASETS]):
        assert load().parents == {3: [2]}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda bars: Redundant(bars, "row", "row"), "must be two factors; both are 'row'"),
        (lambda bars: Redundant(bars, "rows", "column"), "no factor of dummy_data is called 'rows'"),
        (lambda bars: Redundant(bars, "row", "length", [0, 1]), "must list a value for each of the source's 4"),
        (
            lambda bars: Redundant(bars, "row", "length", [0, 1, 2, 8]),
            "each value of redundant.function must be an integer <= 7",
        ),
        (lambda bars: Redundant(bars, "row", "length", noise=1.5), r"redundant\.noise must be a finite number"),
        (lambda bars: Redundant(bars, "row", "length", images=1), r"redundant\.images must be an integer >= 2"),
        (lambda bars: Causal(bars, "tree"), "must be 'chain' or list pairs"),
        (lambda bars: Causal(bars, []), "must be 'chain' or list pairs"),
        (lambda bars: Causal(bars, [("row",)]), "an edge of causal.graph must be two factors"),
        (lambda bars: Causal(bars, [("row", "column"), ("row", "column")]), "has the edge .* twice"),
        (lambda bars: Causal(bars, [("row", "column"), ("column", "length"), ("length", "row")]), "must have no cycle"),
        (lambda bars: Causal(bars, [("row", "row")]), "must have no cycle"),
        (lambda bars: Causal(bars, "chain", 0), r"causal\.sigma must be a finite number > 0"),
        (lambda bars: Causal(bars, "chain", {"row": 1}), "one for each of the effects length, row, column"),
        (lambda bars: Causal(Correlated(bars, [("row", "column")], 0.2), "chain"), "has training weights of its own"),
    ],
)
def test_what_does_not_fit_is_one_sentence(bars, make, words):
    with pytest.raises(UserError, match=words):
        make(bars)
