"""sap.py: against its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae import datasets
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.sap import sap, sap_dlib, squared_correlation, thresholds_accuracy

FEW = {"num_train": 1500, "num_test": 1000}


def test_a_code_for_each_factor_leads_over_chance():
    """Accuracy 1, and 1/K for the codes of the others."""
    result = sap(GRID, GRID.identity(), 0, num_train=4000, num_test=4000)
    expected = [1 - 1 / size for size in GRID.factors_num_values]
    assert list(result["sap_per_factor"].values()) == pytest.approx(expected, abs=0.06)
    assert np.diag(result["predictability"]) == pytest.approx([1] * 4)


def test_a_code_for_each_continuous_factor_scores_one():
    result = sap(GRID, GRID.identity(), 0, num_train=4000, continuous_factors=True)
    assert result["SAP_score"] == pytest.approx(1, abs=0.01)


def test_the_reference_presses_factors_with_many_values_to_0():
    codes = LARGE.identity()
    right, reference = (metric(LARGE, codes, 0, **FEW)["sap_per_factor"] for metric in (sap, sap_dlib))
    assert right["factor_2"] > 0.9  # of 20 values
    assert reference["factor_2"] < 0.2


@pytest.mark.parametrize("metric", [sap, sap_dlib])
def test_a_code_twice_leaves_no_gap(metric):
    assert metric(GRID, np.repeat(GRID.identity(), 2, axis=1), 0, **FEW)["SAP_score"] == 0


@pytest.mark.parametrize("metric", [sap, sap_dlib])
def test_noise_and_dead_codes_have_a_gap_of_chance_size(metric):
    assert metric(LARGE, LARGE.noise(), 0, **FEW)["SAP_score"] < 0.03
    assert metric(LARGE, np.ones_like(LARGE.noise()), 0, **FEW)["SAP_score"] == 0


def test_one_code_for_two_factors_predicts_both():
    factors = GRID.factors()
    codes = np.stack([factors[:, 0] * 4 + factors[:, 1], 0 * factors[:, 0]], axis=1).astype(float)
    observed = np.array(sap(GRID, codes, 0, **FEW)["predictability"])[0]
    assert observed[0] == 1  # in order
    assert 1 / 4 < observed[1] < 1  # each value is in three places, and there are three thresholds


def test_a_rotation_loses_most_of_it():
    straight, turned = (
        sap(GRID, codes, 0, **FEW, continuous_factors=True)["SAP_score"] for codes in (GRID.identity(), GRID.rotated())
    )
    assert turned < straight / 2


def test_thresholds_are_the_best_ones():
    """One threshold for two values, against all of them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=200)
    codes = labels + rng.normal(size=200)

    def balanced(predicted):
        return (np.mean(predicted[labels == 1]) + np.mean(~predicted[labels == 0])) / 2

    found = thresholds_accuracy(codes, labels, codes, labels)
    # The tree's threshold minimises the Gini impurity, not the error: nearly the same.
    assert found == pytest.approx(max(balanced(codes > t) for t in codes), abs=0.03)


def test_accuracy_is_balanced():
    codes, labels = np.array([0.0] * 90 + [1.0] * 10), np.array([0] * 90 + [1] * 10)
    truth = labels.copy()
    truth[-5:] = 0  # half of what is called 1
    assert thresholds_accuracy(codes, labels, codes, truth) == pytest.approx((90 / 95 + 1) / 2)


def test_the_reference_s_number_is_liblinear_s():
    codes = mixed(GRID)
    result = sap_dlib(GRID, codes, 3, **FEW)
    sampler = Sampler("sap_dlib", GRID, codes, 3)
    train, test = sampler.train_and_test(1500, 1000)
    matrix = np.zeros((5, 4))
    for j, k in np.ndindex(5, 4):
        model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)  # with its default tolerance
        model.fit(train.codes[:, j : j + 1], train.factors[:, k])
        matrix[j, k] = np.mean(model.predict(test.codes[:, j : j + 1]) == test.factors[:, k])
    assert np.array(result["predictability"]) == pytest.approx(matrix, abs=0.01)
    ordered = np.sort(matrix, axis=0)
    assert result["SAP_score"] == pytest.approx(np.mean(ordered[-1] - ordered[-2]), abs=0.01)


def test_squared_correlation_is_numpy_s():
    rng = np.random.default_rng(0)
    codes, factor = rng.normal(size=(100, 3)), rng.integers(5, size=100)
    expected = [np.corrcoef(code, factor)[0, 1] ** 2 for code in codes.T]
    assert squared_correlation(codes, factor) == pytest.approx(expected)
    assert squared_correlation(np.ones((100, 1)), factor).tolist() == [0]


def test_some_factors_may_be_continuous():
    data = datasets.load("dummy_data")
    codes = data.factors_at(np.arange(512)) + 0.1
    names = list(data.factor_names)
    whole, part, none = (
        np.array(sap(data, codes, 0, **FEW, continuous_factors=each)["predictability"])
        for each in (True, ["row"], False)
    )
    k = names.index("row")
    assert np.array_equal(part[:, k], whole[:, k])
    assert np.array_equal(np.delete(part, k, 1), np.delete(none, k, 1))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    few = {"num_train": 400, "num_test": 300}
    plain, changed = (sap(GRID, each, 1, **few)["SAP_score"] for each in (codes, (codes * scale)[:, order]))
    assert changed == pytest.approx(plain, abs=0.02)  # equally good thresholds may be found in another order


def test_bad_lists_of_factors_are_refused():
    with pytest.raises(UnknownName, match="no factor that varies is called 'rows'; did you mean row"):
        sap(datasets.load("dummy_data"), np.zeros((512, 1)), 0, continuous_factors=["rows"])
    with pytest.raises(UserError, match=r"sap\.continuous_factors must be True, False or a list"):
        sap(GRID, GRID.identity(), 0, continuous_factors="factor_0")
