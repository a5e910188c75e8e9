"""variance.py: nested sums of squares against numbers worked out by hand and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis import nested_squares, variance_shares
from dlib_bvae.errors import UserError


def test_the_sums_are_those_worked_out_by_hand():
    values = [0, 2, 4, 6, 10, 10]  # method a: settings (0, 2), (4, 6), b: (10, 10); means 3, 10; all 32/6
    found = nested_squares(np.array(values, float), list("aaaabb"), [1, 1, 4, 4, 1, 1])
    mean = 32 / 6
    squares = [4 * (3 - mean) ** 2 + 2 * (10 - mean) ** 2, 4 * 2**2, 4 * 1]
    assert [found[source][0] for source in ("method", "hyperparameter", "seed")] == pytest.approx(squares)
    assert [found[source][1] for source in ("method", "hyperparameter", "seed")] == [1, 1, 3]
    assert [found[source][2] for source in found] == pytest.approx(np.array(squares) / sum(squares))
    assert [found[source][3] for source in found] == [0.2, 0.2, 0.6]


def test_one_way_is_scipy_s_analysis_of_variance():
    rng = np.random.default_rng(0)
    groups = [rng.normal(shift, size=size) for shift, size in [(0, 4), (1, 6), (2, 5)]]
    names = [name for name, group in zip("abc", groups, strict=True) for _ in group]
    found = nested_squares(np.concatenate(groups), names, [0] * 15)
    (between, a, *_), (within, b, *_) = found["method"], found["seed"]
    assert (between / a) / (within / b) == pytest.approx(stats.f_oneway(*groups).statistic)
    assert found["hyperparameter"][:2] == (pytest.approx(0, abs=1e-12), 0)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=20))
def test_the_sums_add_up(rows):
    values, method, setting = (list(column) for column in zip(*rows, strict=True))
    found = nested_squares(np.array(values), method, setting)
    assert sum(each[0] for each in found.values()) == pytest.approx(np.var(values) * len(values), abs=1e-9)
    assert sum(each[1] for each in found.values()) == len(values) - 1
    assert all(each[0] >= 0 for each in found.values())


def test_noise_has_the_share_of_chance():
    rng = np.random.default_rng(0)
    method, setting = np.repeat(range(4), 10), np.tile(np.repeat(range(2), 5), 4)
    shares = np.mean(
        [[v[2] for v in nested_squares(rng.normal(size=40), method, setting).values()] for _ in range(300)], 0
    )
    expected = [v[3] for v in nested_squares(rng.normal(size=40), method, setting).values()]
    np.testing.assert_allclose(shares, expected, atol=0.02)


def test_shares_of_a_frame():
    rows = [
        {"model": model, "config": config, "seed": seed, "scores": {"discrete_mig": value}}
        for model, config, seed, value in [
            *(("a", "a1", seed, value) for seed, value in enumerate([0.0, 2.0])),
            *(("a", "a4", seed, value) for seed, value in enumerate([4.0, 6.0])),
            *(("b", "b1", seed, value) for seed, value in enumerate([10.0, 10.0])),
            ("oracle", "o", 0, 99.0),
            ("noise", "n", 0, -99.0),
        ]
    ]
    table = variance_shares(frame_of(*rows)).set_index("source")
    assert table.loc["hyperparameter", "sum_of_squares"] == pytest.approx(16)
    assert table.loc["seed", "sum_of_squares"] == pytest.approx(4)
    assert table["values"].tolist() == [6, 6, 6]
    assert table["share"].sum() == pytest.approx(1)
    assert variance_shares(frame_of(rows[0])).empty


def test_what_has_no_shares():
    assert np.isnan(nested_squares(np.ones(3), "abc", "abc")["method"][2])
    with pytest.raises(UserError, match="at least two trained models; got 1"):
        nested_squares(np.ones(1), "a", "a")


def test_a_board_with_two_values_has_shares_and_one_with_one_has_none():
    rows = [{"seed": seed, "scores": {"discrete_mig": float(seed)}} for seed in range(2)]
    table = variance_shares(frame_of(*rows, {"scores": {"sap": 1.0}, "metric": "sap"})).set_index("source")
    assert table["score"].tolist() == ["discrete_mig"] * 3
    assert table["sum_of_squares"].tolist() == [0.0, 0.0, 0.5]
    assert table["degrees_of_freedom"].tolist() == [0, 0, 1]
    assert table["share"].tolist() == [0.0, 0.0, 1.0]
    assert table["share_by_chance"].tolist() == [0.0, 0.0, 1.0]


def test_a_setting_counts_within_its_method():
    rows = [
        {"model": "a", "config": config, "seed": seed, "scores": {"discrete_mig": value}}
        for config, seed, value in [("one", 0, 1.0), ("one", 1, 1.0), ("two", 0, 3.0), ("two", 1, 3.0)]
    ]
    objective = {"train_config.model.model": "@vae()"}
    table = variance_shares(frame_of(*({**row, **objective} for row in rows))).set_index("source")
    assert table["share"].to_dict() == {"method": 0.0, "hyperparameter": 1.0, "seed": 0.0}
    assert table["sum_of_squares"].to_dict() == {"method": 0.0, "hyperparameter": 4.0, "seed": 0.0}
