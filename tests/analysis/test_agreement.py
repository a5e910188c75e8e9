"""agreement.py against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis import across_datasets, agreement, agreements, score_matrix

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
        for name, value in {"oracle": 9.0, "random_encoder": -9.0}.items()
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
