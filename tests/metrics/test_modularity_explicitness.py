"""modularity_explicitness.py: against the definition, scikit-learn and known answers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.modularity_explicitness import (
    mean_auc,
    modularity_explicitness,
    modularity_explicitness_dlib,
    modularity_per_code,
)

FEW = {"num_train": 1500, "num_test": 1000}


def test_a_code_for_each_factor_is_modular():
    result = modularity_explicitness(GRID, GRID.identity(), 0, **FEW)
    assert result["modularity_score"] > 0.99
    assert result["num_active_codes"] == 4


def test_codes_in_one_hot_form_are_explicit():
    hot = np.hstack([np.eye(size)[column] for size, column in zip([3, 4, 6, 5], GRID.factors().T, strict=True)])
    result = modularity_explicitness(GRID, hot, 0, **FEW)
    assert result["explicitness_score_test"] == result["explicitness_score_train"] == 1
    assert set(result["explicitness_per_factor"]) == {f"factor_{k}" for k in range(4)}


def test_values_that_share_a_code_are_half_told_apart():
    with sampled("with_replacement"):  # more than there are
        observed = modularity_explicitness(GRID, GRID.factors()[:, 1:2] % 2, 0, **FEW)["explicitness_per_factor"]
    # Of 4 values each shares its code with one other: it leads over 2 of the 3 others and ties with one.
    assert observed["factor_1"] == pytest.approx(5 / 6, abs=0.02)
    assert observed["factor_2"] == pytest.approx(0.5, abs=0.05)


def test_noise_is_read_as_a_guess():
    result = modularity_explicitness(LARGE, LARGE.noise(2), 0, **FEW)
    assert result["explicitness_score_test"] == pytest.approx(0.5, abs=0.03)


def test_one_code_for_two_factors_is_half_as_modular():
    factors = GRID.factors()
    both = (factors[:, 0] * 4 + factors[:, 1]).astype(float)[:, None]
    information = np.log([3, 4])
    expected = 1 - information[0] ** 2 / (3 * information[1] ** 2)
    assert modularity_explicitness(GRID, both, 0, **FEW)["modularity_score"] == pytest.approx(expected, abs=0.01)


def test_a_code_twice_is_as_modular_a_rotation_is_not():
    straight, twice, turned = (
        modularity_explicitness(GRID, codes, 0, **FEW)["modularity_score"]
        for codes in (GRID.identity(), np.repeat(GRID.identity(), 2, axis=1), GRID.rotated())
    )
    assert twice == pytest.approx(straight)
    assert turned < straight - 0.05


def test_dead_codes_count_only_where_the_reference_counts_them():
    codes = np.hstack([GRID.identity(), 0.01 * GRID.noise(), np.zeros((360, 2))])
    alone = modularity_explicitness(GRID, GRID.identity(), 0, **FEW)
    right = modularity_explicitness(GRID, codes, 0, **FEW)
    assert right["modularity_score"] == pytest.approx(alone["modularity_score"])
    assert right["active_codes"] == [0, 1, 2, 3]
    with sampled("with_replacement"):
        drawn_alike = modularity_explicitness(GRID, codes, 0, **FEW)["modularity_score_all_codes"]
    assert modularity_explicitness_dlib(GRID, codes, 0, **FEW)["modularity_score"] == drawn_alike < 0.9


def test_without_an_active_code_modularity_is_0():
    result = modularity_explicitness(GRID, np.ones((360, 2)), 0, **FEW)
    assert result["modularity_score"] == 0
    assert result["explicitness_score_test"] == 0.5


def test_modularity_is_the_distance_from_a_template():
    """Ridgeway & Mozer's words: a template that is the largest information at one factor and 0 elsewhere."""
    information = np.random.default_rng(0).uniform(size=(6, 5))
    for row, found in zip(information, modularity_per_code(information), strict=True):
        template = np.where(np.arange(5) == row.argmax(), row.max(), 0)
        assert found == pytest.approx(1 - np.sum((row - template) ** 2) / (row.max() ** 2 * 4))
    assert modularity_per_code(np.zeros((2, 3))).tolist() == [0, 0]


@pytest.mark.parametrize("digits", [1, 6])
def test_auc_is_scikit_learn_s(digits):
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=300)
    chances = np.round(rng.dirichlet(np.ones(4), size=300) + 0.3 * np.eye(4)[labels], digits)  # few digits give ties
    expected = np.mean([roc_auc_score(labels == k, chances[:, k]) for k in range(4)])
    assert mean_auc(labels, np.arange(4), chances) == pytest.approx(expected)


def test_a_value_that_the_sample_lacks_is_left_out():
    labels = np.array([0, 0, 2, 2])
    chances = np.array([[0.9, 0, 0.1], [0.2, 0.3, 0.5], [0.4, 0, 0.6], [0, 0.1, 0.9]])
    assert mean_auc(labels, np.arange(3), chances) == pytest.approx((3 / 4 + 4 / 4) / 2)
    assert mean_auc(np.zeros(4, int), np.arange(3), chances) == 0.5


def test_the_reference_s_explicitness_is_scikit_learn_s():
    codes = mixed(GRID)
    result = modularity_explicitness_dlib(GRID, codes, 3, **FEW)
    sampler = Sampler("m_dlib", GRID, codes, 3)
    train, test = sampler.train_and_test(1500, 1000)
    mean, deviation = train.codes.mean(axis=0), train.codes.std(axis=0)
    scores = []
    for k in range(4):
        model = LogisticRegression().fit((train.codes - mean) / deviation, train.factors[:, k])
        chances = model.predict_proba((test.codes - mean) / deviation)
        scores.append(roc_auc_score(np.eye(chances.shape[1])[test.factors[:, k]], chances))
    assert result["explicitness_score_test"] == pytest.approx(np.mean(scores), abs=1e-6)


def test_order_sign_scale_and_offset_of_codes_do_not_matter():
    codes = mixed(GRID)
    plain = modularity_explicitness(GRID, codes, 0, **FEW)
    moved = modularity_explicitness(GRID, (5 - 3 * codes)[:, ::-1], 0, **FEW)
    for key in ("modularity_score", "explicitness_score_train", "explicitness_score_test"):
        assert moved[key] == pytest.approx(plain[key], abs=1e-3)
