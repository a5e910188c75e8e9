"""null.py: statistics worked out by hand; the null of codes that know everything, of noise, and of codes that say nothing."""

import numpy as np
import pytest
from scipy import stats
from support.known_codes import GRID
from support.matchings import matchings

from dlib_bvae import metrics
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import elbo, scores
from dlib_bvae.metrics.engine import null
from dlib_bvae.metrics.engine.null import as_array, by_index, one_by_one, orders, statistics
from dlib_bvae.metrics.score_info import COUNT, UNIT, Score

FEW = {"num_train": 200}
LESS = Score(0.0, None, False)


def test_matchings_have_the_rows_of_the_codes_in_another_order_which_the_seed_and_the_number_say():
    codes = np.arange(20).reshape(10, 2)
    first, second, third = matchings(codes, 3, 0)
    assert not np.array_equal(first, second)
    assert np.array_equal(first[first[:, 0].argsort()], codes)
    (later,) = orders(len(codes), 1, 0, first=2)
    assert np.array_equal(codes[later], third)
    assert not np.array_equal(matchings(codes, 1, 1)[0], first)


def test_codes_in_another_order_read_by_index_are_the_array():
    codes = np.arange(20).reshape(10, 2)
    (order,) = orders(10, 1, 3)
    lazy = next(by_index(lambda codes: codes, codes, [order]))
    assert (lazy.shape, lazy.dtype, len(lazy)) == ((10, 2), codes.dtype, 10)
    assert np.array_equal(lazy[np.array([7, 0])], codes[order][[7, 0]])
    assert np.array_equal(lazy[np.array([[7], [0]]), np.array([1])], codes[order][[7, 0], 1:])
    assert np.array_equal(np.asarray(lazy, np.float32), codes[order])


def test_statistics_worked_out_by_hand():
    values = [0.1, 0.3, 0.2, 0.2]
    found = statistics(0.3, values, UNIT)
    std = np.sqrt(0.02 / 3)
    expected = {"n": 4, "mean": 0.2, "std": std, "q95": 0.285, "z": 0.1 / std, "p": None, "adjusted": 0.1 / 0.8}
    assert found.pop("missing") == {"p": "it takes at least 19 matchings"}
    assert found == pytest.approx(expected)
    less = statistics(0.1, values, LESS)
    expected = {"n": 4, "mean": 0.2, "std": std, "q95": -0.115, "z": 0.1 / std, "p": None, "adjusted": 0.5}
    del less["missing"]
    assert less == pytest.approx(expected)


def test_p_counts_the_matchings_that_are_at_least_as_good():
    values = [k / 20 for k in range(19)]
    assert statistics(0.8, values, UNIT)["p"] == 4 / 20  # 0.8, 0.85 and 0.9
    assert statistics(0.8 + 1e-12, values, UNIT)["p"] == 4 / 20  # equal but for rounding
    assert statistics(0.1, values, LESS)["p"] == 4 / 20
    assert statistics(2.0, values, UNIT._replace(high=None))["p"] == 1 / 20


@pytest.mark.parametrize(
    ("score", "values", "info", "missing"),
    [
        (0.5, [0.2, 0.2], UNIT, {"z": "the null does not vary"}),
        (1.0, [1.0, 1.0], UNIT, {"z": "the null does not vary", "adjusted": "the null is the best"}),
        (1.0, [0.9, *[1.0] * 5], UNIT, {"adjusted": "chance alone reaches the best"}),
        (0.5, [0.2, 0.3], UNIT._replace(high=None), {"adjusted": "the score has no best value"}),
        (0.5, [0.2], UNIT, {"std": "one matching has no standard deviation", "z": "one matching has no"}),
        (
            3,
            [3, 4],
            COUNT,
            dict.fromkeys(("q95", "z", "p", "adjusted"), "neither more nor less of the score is better"),
        ),
        (0.5, [0.2, None], UNIT, dict.fromkeys(null.STATISTICS, "1 of 2 matchings have no value")),
        (None, [0.2, 0.3], UNIT, dict.fromkeys(null.STATISTICS, "the score has no value, and its chance level is not")),
    ],
)
def test_what_cannot_be_said_has_its_reason(score, values, info, missing):
    found = statistics(score, values, info)
    without_p = {name: why for name, why in found["missing"].items() if name in missing}
    assert {name for name in null.STATISTICS if found[name] is None} == {*missing, "p"}
    assert without_p.keys() == missing.keys()
    assert all(without_p[name].startswith(why) for name, why in missing.items())


def test_a_score_and_a_matching_without_a_value_count_as_the_chance_level():
    chance = UNIT._replace(chance=0.5)
    assert statistics(None, [None, 0.7], chance) == statistics(0.5, [0.5, 0.7], chance)


def test_aligned_codes_are_far_above_the_null_and_the_same_random_state_is_used():
    found = metrics.score("mig", GRID, GRID.identity(), 3, null=19, **FEW)
    assert found.items() >= metrics.score("mig", GRID, GRID.identity(), 3, **FEW).items()
    said = found["null"]["discrete_mig"]
    assert said["z"] > 20
    assert said["p"] == 1 / 20
    assert said["adjusted"] > 0.9
    values = [metrics.score("mig", GRID, each, 3, **FEW)["discrete_mig"] for each in matchings(GRID.identity(), 19, 3)]
    assert found["null_scores"] == {"discrete_mig": values}
    assert (said["mean"], said["std"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    generator = np.random.default_rng(0)
    first = metrics.score("mig", GRID, GRID.identity(), generator, null=2, **FEW)
    assert first["null"] == metrics.score("mig", GRID, GRID.identity(), np.random.default_rng(0), null=2, **FEW)["null"]
    plain = np.random.default_rng(0)
    metrics.score("mig", GRID, GRID.identity(), plain, **FEW)
    assert generator.bit_generator.state == plain.bit_generator.state


def test_noise_is_not_above_the_null():
    said = [
        metrics.score("dcimig", GRID, GRID.noise(seed=seed), 0, null=19, **FEW)["null"]["dcimig"] for seed in range(60)
    ]
    adjusted = np.array([each["adjusted"] for each in said])
    assert stats.ttest_1samp(adjusted, 0).pvalue > 0.01
    assert abs(adjusted.mean()) < 0.02
    ranks = np.array([round(20 * each["p"]) for each in said])
    assert set(ranks) <= set(range(1, 21))
    counts = [np.sum((ranks > low) & (ranks <= low + 5)) for low in (0, 5, 10, 15)]
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_function_is_encoded_once_and_scores_as_its_codes_do():
    data = DummyData()
    matrix, seen = np.random.default_rng(0).normal(size=(16 * 16, 3)), []

    def encode(observations):
        seen.append(len(observations))
        return observations.reshape(len(observations), -1) @ matrix

    found = metrics.score("sap", data, encode, null=2, num_train=100, num_test=50)
    assert sum(seen) == data.num_images
    direct = metrics.score("sap", data, as_array(data, encode), null=2, num_train=100, num_test=50)
    assert found == direct


def test_a_metric_whose_null_has_no_value_counts_it_as_chance():
    few = {"num_train": 200, "num_test": 100, "widths": (2, 8, 64)}
    found = metrics.score("dci_es", GRID, GRID.identity(), 0, null=3, **few)
    said = found["null"]["explicitness"]
    assert (None in found["null_scores"]["explicitness"], said["adjusted"]) == (
        True,
        pytest.approx(found["explicitness"], abs=0.05),
    )
    assert found["null"]["size"]["missing"].keys() == {"q95", "z", "p", "adjusted"}


def test_scores_that_look_at_no_factors_have_no_null():
    without = {name for name in metrics.METRICS.names() if not null.has_null(metrics.scores_of(name))}
    assert without == {
        "active_units",
        "elbo",
        "fairness",
        "fos",
        "image_quality",
        "reconstruction_error",
        "unsupervised",
    }
    assert "null" not in metrics.score("active_units", GRID, GRID.identity(), null=2)
    assert not any(score.null for page in (elbo, scores) for score in page.SCORES.values())
    result = {"10:strong_generalization_gap": 0.1, "10:mean_test_accuracy": 0.3, "other": [1.0]}
    known = metrics.scores_of("strong_downstream_task")
    assert null.compared(result, known) == ["10:mean_test_accuracy"]
    assert null.compared({"mine": 1.0, "none": None, "missing_scores": {"none": "why"}}, {}) == ["mine", "none"]


def test_what_is_refused():
    with pytest.raises(UserError, match="null must be an integer >= 0; got -1"):
        metrics.score("mig", GRID, GRID.identity(), null=-1)
    huge = np.broadcast_to(np.float64(0), (2**27, 20))
    with pytest.raises(UserError, match="134,217,728 codes of 20 numbers in another order would take 20 GiB of memory"):
        next(one_by_one(len, huge, [np.arange(3)]))
    assert next(by_index(lambda codes: codes[np.arange(2)].shape, huge, [np.arange(3)])) == (2, 20)  # are not copied
    with pytest.raises(
        UserError, match="`nulls` of a metric's file must give a result for each of 3 matchings; it gave 1"
    ):
        null.values_of(["x"], len, np.zeros((4, 2)), 3, 0, nulls=lambda score, codes, orders: [{"x": 1.0}])


def test_codes_in_the_order_of_a_file_are_those_of_its_images(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    factors = np.random.default_rng(0).permutation(GRID.factors())
    images = np.zeros((len(factors), 8, 8, 1), np.uint8)
    images[:, 0, : factors.shape[1], 0] = factors
    np.savez(tmp_path / "shuffled.npz", images=images, labels=factors)
    data = from_file(str(tmp_path / "shuffled.npz"), labels="labels", full_grid=True)
    found = as_array(data, lambda seen: np.rint(seen[:, 0, : factors.shape[1], 0] * 255))
    np.testing.assert_array_equal(found, factors)
