"""agreement.py against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis import across_datasets, agreement, agreements, score_matrix
from dlib_bvae.analysis.agreement import clustered, correlations, within_groups

RNG = np.random.default_rng(0)
X, Y, Z = RNG.random((3, 12))


def runs(dataset="dummy_data", x=X, y=Y):
    return [
        row
        for place, (a, b) in enumerate(zip(x, y, strict=True))
        for row in (
            {"model": f"m{place}", "scores": {"discrete_mig": a}, "dataset": dataset},
            {"model": f"m{place}", "scores": {"sap": b}, "metric": "sap", "dataset": dataset},
        )
    ]


def test_correlations_are_those_of_scipy():
    frame = frame_of(*runs())
    table = agreement(frame)
    assert list(table.index) == list(table.columns) == ["mig.discrete_mig", "sap.sap"]
    assert table.iloc[0, 1] == table.iloc[1, 0] == pytest.approx(stats.spearmanr(X, Y)[0])
    assert np.diag(table).tolist() == [1.0, 1.0]
    pair = agreements(frame).set_index(["first", "second"]).loc[("mig.discrete_mig", "sap.sap")]
    assert pair["kendall"] == pytest.approx(stats.kendalltau(X, Y)[0])
    assert pair["spearman"] == pytest.approx(stats.spearmanr(X, Y)[0])
    assert pair["runs"] == 12


def test_data_sets_are_averaged_not_mixed():
    frame = frame_of(*runs(), *runs("other", X + 10, Z + 10))
    expected = (stats.spearmanr(X, Y)[0] + stats.spearmanr(X, Z)[0]) / 2
    assert agreement(frame).iloc[0, 1] == pytest.approx(expected)


def test_reference_rows_do_not_count():
    extremes = [
        {"model": name, "scores": {score: value}, "metric": metric}
        for name, value in {"oracle": 9.0, "random_encoder": -9.0, "noise": -8.0, "constant_codes": -7.0}.items()
        for metric, score in {"mig": "discrete_mig", "sap": "sap"}.items()
    ]
    assert agreement(frame_of(*runs(), *extremes)).iloc[0, 1] == pytest.approx(stats.spearmanr(X, Y)[0])


def test_two_runs_and_constants_have_no_correlation():
    assert np.isnan(agreement(frame_of(*runs()[:4])).iloc[0, 1])
    assert np.isnan(agreement(frame_of(*runs(y=np.ones(12)))).iloc[0, 1])
    pairs = agreements(frame_of(*runs(y=np.ones(12)))).set_index(["first", "second"])
    assert np.isnan(pairs.loc[("mig.discrete_mig", "sap.sap"), "spearman"])


def test_runs_without_one_of_the_scores_are_left_out_of_the_pair():
    extra = {"model": "more", "scores": {"sap": 5.0}, "metric": "sap"}
    assert agreement(frame_of(*runs(), extra)).iloc[0, 1] == pytest.approx(stats.spearmanr(X, Y)[0])


def test_a_metric_with_several_parameters_is_several_scores():
    rows = [
        {"model": f"m{i}", "scores": {"discrete_mig": i}, "parameters": p}
        for i in range(4)
        for p in ('{"num_bins": 5, "n": 1}', '{"num_bins": 20, "n": 1}')
    ]
    assert list(score_matrix(frame_of(*rows)).columns) == [
        "mig.discrete_mig (num_bins=20)",
        "mig.discrete_mig (num_bins=5)",
    ]


def test_transfer_of_a_score_between_data_sets():
    frame = frame_of(*runs(), *runs("other", Z, Y))
    table = across_datasets(frame).set_index("score")
    assert table.loc["mig.discrete_mig", "spearman"] == pytest.approx(stats.spearmanr(X, Z)[0])
    assert table.loc["sap.sap", ["spearman", "kendall", "methods"]].tolist() == pytest.approx([1.0, 1.0, 12])
    assert across_datasets(frame_of(*runs())).empty


def test_nothing_gives_an_empty_table():
    assert agreement(pd.DataFrame()).empty


def test_correlations_of_three_runs_and_of_scores_that_differ_by_one():
    first, second = np.array([0.0, 1.0, 1.0]), np.array([2.0, 3.0, 3.0])
    assert correlations(first, second) == (pytest.approx(1), pytest.approx(1))
    assert correlations(first, -second) == (pytest.approx(-1), pytest.approx(-1))
    assert np.isnan(correlations(first, np.ones(3))).all()
    assert np.isnan(correlations(np.ones(3), first)).all()
    assert np.isnan(correlations(first[:2], second[:2])).all()


def test_a_pair_counts_the_runs_with_both_scores_on_each_data_set():
    frame = frame_of(
        *runs(x=X[:4], y=Y[:4]),
        *runs("other", X[:5], Z[:5]),
        {"model": "more", "scores": {"sap": 5.0}, "metric": "sap"},
    )
    table = agreements(frame).set_index(["dataset", "first", "second"])["runs"]
    assert table["dummy_data", "mig.discrete_mig", "sap.sap"] == 4
    assert table["other", "mig.discrete_mig", "sap.sap"] == 5
    assert table["dummy_data", "sap.sap", "sap.sap"] == 5
    assert table["dummy_data", "mig.discrete_mig", "mig.discrete_mig"] == 4


def test_a_label_has_the_parameters_that_vary_only():
    rows = [
        {"model": f"m{i}", "scores": {"sap": i}, "metric": "sap", "parameters": parameters}
        for i in range(3)
        for parameters in ('{"n": 1}', '{"n": 1, "c": 2}', '{"n": 2}')
    ]
    labels = list(score_matrix(frame_of(*rows)).columns)
    assert labels == ["sap.sap (c=2, n=1)", "sap.sap (n=1)", "sap.sap (n=2)"]


def test_the_mean_over_configurations_and_seeds_is_the_score_of_a_model():
    rows = [
        {"model": f"m{i}", "config": config, "seed": seed, "dataset": dataset, "scores": {"discrete_mig": value}}
        for dataset, sign in (("one", 1), ("two", -1))
        for i in range(3)
        for config, seed, value in (("a", 0, sign * i), ("a", 1, sign * i + 0.4), ("b", 0, sign * i - 0.4))
    ]
    (row,) = across_datasets(frame_of(*rows)).to_dict("records")
    assert (row["spearman"], row["kendall"], row["methods"]) == (pytest.approx(-1), pytest.approx(-1), 3)
    assert (row["first"], row["second"]) == ("one f-one", "two f-two")


def test_the_correlation_within_configurations_is_that_of_their_seeds():
    # Between configurations both scores rise, within each one falls as the other rises.
    offsets = {"a": 0.0, "b": 5.0, "c": 9.0}
    values = {
        config: (offset + RNG.random(n), offset - RNG.random(n))
        for (config, offset), n in zip(offsets.items(), (6, 4, 2), strict=True)
    }
    values["a"][1][:] = offsets["a"] - values["a"][0] + 0.1 * RNG.random(6)
    rows = [
        {"model": "m", "config": config, "seed": seed, "scores": {score: each}, "metric": metric}
        for config, both in values.items()
        for metric, score, these in zip(("mig", "sap"), ("discrete_mig", "sap"), both, strict=True)
        for seed, each in enumerate(these)
    ]
    table = agreements(frame_of(*rows)).set_index(["first", "second"])
    pair = table.loc[("mig.discrete_mig", "sap.sap")]
    of_each = {config: stats.spearmanr(*both)[0] for config, both in values.items()}
    expected = (5 * of_each["a"] + 3 * of_each["b"] + 1 * of_each["c"]) / 9
    assert pair["spearman"] > 0.5
    assert of_each["a"] < 0
    assert (pair["within"], pair["within_df"]) == (pytest.approx(expected), 9)
    same = table.loc[("mig.discrete_mig", "mig.discrete_mig")]
    assert (same["within"], same["within_df"]) == (pytest.approx(1), 9)


def test_one_configuration_has_the_same_correlation_within_and_over_all():
    rho = stats.spearmanr(X, Y)[0]
    assert within_groups(X, Y, np.zeros(12)) == (pytest.approx(rho), 11)


def test_configurations_of_one_run_or_of_a_constant_score_say_nothing_of_seeds():
    groups = np.array([0, 1, 2, 3, 3, 3])
    rho, freedom = within_groups(X[:6], np.array([1.0, 2, 3, 4, 4, 4]), groups)
    assert (np.isnan(rho), freedom) == (True, 0)
    rho, freedom = within_groups(X[:2], Y[:2], np.zeros(2))
    assert (np.isnan(rho), freedom) == (True, 1)


def test_scores_that_agree_become_neighbours():
    blocks = np.array([0, 1, 0, 1, 0])
    matrix = np.where(blocks[:, None] == blocks, 0.9, 0.1)
    matrix[0, 2] = matrix[2, 0] = -0.95  # as close as if it agreed
    matrix[1, 4] = matrix[4, 1] = np.nan
    order = clustered(matrix)
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert len([1 for a, b in zip(order, order[1:], strict=False) if blocks[a] != blocks[b]]) == 1
    assert abs(order.index(0) - order.index(2)) == 1
    assert clustered(np.eye(2)) == [0, 1]
    assert clustered(np.zeros((0, 0))) == []
