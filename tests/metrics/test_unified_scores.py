"""unified_scores.py: against slow independent versions, the metrics it generalises, and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, mixed

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.engine.boosting import boosted_trees
from dlib_bvae.metrics.engine.information import histogram_bins
from dlib_bvae.metrics.engine.probes import fixed_order
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.engine.svm import OneCodeSVM
from dlib_bvae.metrics.unified_scores import MATRIX_NAMES, merge_thresholds, num_groups, summaries, unified_scores

FEW = {"num_train": 600, "num_test": 300, "n_estimators": 4}
MATRICES = st.builds(
    lambda seed, shape, levels: np.random.default_rng(seed).integers(levels, size=shape) / levels,
    st.integers(0, 2**31 - 1),
    st.tuples(st.integers(2, 7), st.integers(2, 5)),
    st.sampled_from([2, 5, 1000]),
)


def groups_of(matrix, threshold):
    """The sets of nodes, ("code", j) and ("factor", k), that edges join, by growing one after the other."""
    edges = [
        (("code", j), ("factor", k)) for j, k in np.ndindex(matrix.shape) if matrix[j, k] >= threshold and matrix[j, k]
    ]
    groups = []
    while edges:
        group = set(edges.pop())
        while grown := [edge for edge in edges if group & set(edge)]:
            group.update(*grown)
            edges = [edge for edge in edges if edge not in grown]
        groups.append(group)
    return groups


@settings(max_examples=60, deadline=None)
@given(MATRICES)
def test_groups_and_their_area_are_those_found_one_by_one(matrix):
    thresholds = sorted(matrix.ravel(), reverse=True)
    counts = [len(groups_of(matrix, threshold)) for threshold in thresholds]
    assert counts == [num_groups(matrix, threshold) for threshold in thresholds]
    area = 0
    for i in range(len(thresholds) - 1):
        area += (counts[i] + counts[i + 1]) / 2 * (thresholds[i] - thresholds[i + 1])
    found = summaries(matrix, np.ones(matrix.shape[1]))
    assert found["area_precision"] == pytest.approx(area)
    assert found["max_precision"] == max(counts)


@settings(max_examples=60, deadline=None)
@given(MATRICES)
def test_factors_merge_where_they_come_into_one_group(matrix):
    merged = merge_thresholds(matrix)
    for a, b in np.ndindex(merged.shape):
        together = [
            threshold
            for threshold in matrix.ravel()
            if any({("factor", a), ("factor", b)} <= group for group in groups_of(matrix, threshold))
        ]
        assert merged[a, b] == max(together, default=0)


def test_summaries_are_their_definitions():
    matrix, entropies = np.random.default_rng(0).gamma(0.5, size=(6, 4)), np.array([1.0, 2, 3, 4])
    found = summaries(matrix, entropies)
    rows = [1 - entropy(row + 1e-11, base=4) for row in matrix]
    columns = [1 - entropy(column + 1e-11, base=6) for column in matrix.T]
    assert found["dci_disentanglement"] == pytest.approx(np.average(rows, weights=matrix.sum(axis=1)))
    assert found["dci_completeness"] == pytest.approx(np.average(columns, weights=matrix.sum(axis=0)))
    gaps = [sorted(column)[-1] - sorted(column)[-2] for column in matrix.T]
    assert found["sap"] == pytest.approx(np.mean(gaps))
    assert found["mig"] == pytest.approx(np.mean([gap / h for gap, h in zip(gaps, entropies, strict=True)]))
    modularity = [1 - (np.sum(row**2) - max(row) ** 2) / (max(row) ** 2 * 3) for row in matrix]
    assert found["modularity"] == pytest.approx(np.mean(modularity))


def test_matrices_are_those_of_the_single_metrics():
    codes = mixed(GRID)
    result = unified_scores(GRID, codes, 2, **FEW)
    sampler = Sampler("unified_scores", GRID, codes, 2)
    train, test = sampler.train_and_test(600, 300)
    seeds = np.random.default_rng(sampler.seed()).integers(2**31 - 1, size=4)
    order, seeds = fixed_order(train.codes), seeds[np.argsort(fixed_order(train.factors))]
    sorted_codes = train.codes[:, order]
    ours = [boosted_trees(4, int(seed)).fit(sorted_codes, y) for seed, y in zip(seeds, train.factors.T, strict=True)]
    found = np.array(result["importance_gbt_matrix"])[order]
    assert np.array_equal(found, np.stack([m.feature_importances_ for m in ours], axis=1))
    models = [GradientBoostingClassifier(n_estimators=4, random_state=0).fit(train.codes, y) for y in train.factors.T]
    theirs = np.stack([m.feature_importances_ for m in models], axis=1)
    assert np.array(result["importance_gbt_matrix"]) == pytest.approx(theirs, abs=0.01)  # there are equally good splits
    bins = histogram_bins(train.codes, 20)
    information = [[mutual_info_score(b, y) for y in train.factors.T] for b in bins.T]
    assert np.array(result["mutual_information_matrix"]) == pytest.approx(np.array(information))
    for j, k in np.ndindex(5, 4):
        model = OneCodeSVM(0.01).fit(train.codes[:, j], train.factors[:, k])
        observed = np.mean(model.predict(test.codes[:, j]) == test.factors[:, k])
        assert result["accuracy_svm_matrix"][j][k] == observed
    entropies = [entropy(np.bincount(y)) for y in train.factors.T]
    for name in MATRIX_NAMES:
        for key, value in summaries(np.array(result[name]), np.array(entropies)).items():
            assert result[f"{name}.{key}"] == pytest.approx(value)


def test_a_code_for_each_factor_makes_as_many_groups():
    result = unified_scores(GRID, GRID.identity(), 0, **{**FEW, "n_estimators": 10})
    for name in ("importance_gbt_matrix", "mutual_information_matrix"):
        assert result[f"{name}.max_precision"] == 4
        assert result[f"{name}.dci_disentanglement"] > 0.85
    assert result["importance_gbt_matrix.area_precision"] > 3
    assert result["mutual_information_matrix.mig"] > 0.9


def test_a_rotation_makes_fewer():
    straight, turned = (unified_scores(GRID, codes, 0, **FEW) for codes in (GRID.identity(), GRID.rotated()))
    for name in MATRIX_NAMES:
        for score in ("area_precision", "modularity", "sap", "mig"):
            assert turned[f"{name}.{score}"] < straight[f"{name}.{score}"]


def test_some_matrices_only():
    result = unified_scores(GRID, mixed(GRID), 0, **FEW, matrices=["mutual_information_matrix"])
    assert {key.split(".")[0] for key in result} == {"mutual_information_matrix"}
    with pytest.raises(UnknownName, match="no matrix of unified_scores is called 'mutual_information'; did you mean"):
        unified_scores(GRID, mixed(GRID), 0, matrices=["mutual_information"])
    with pytest.raises(UserError, match=r"unified_scores\.matrices must be a list"):
        unified_scores(GRID, mixed(GRID), 0, matrices="mutual_information_matrix")
