"""orders.py: rank correlations against scipy and numbers worked out by hand, and their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis.orders import BETA, STEPS, kendall, kendall_interval, orders


def test_without_ties_it_is_kendall_s_tau_and_with_ties_somers_d():
    rng = np.random.default_rng(0)
    order, scores = rng.normal(size=(2, 20))
    assert kendall(order, scores) == pytest.approx(stats.kendalltau(order, scores).statistic)
    order, scores = rng.integers(4, size=(2, 30))
    assert kendall(order, scores) == pytest.approx(stats.somersd(order, scores).statistic)
    assert kendall([1, 2, 3], [5, 5, 5]) == 0
    assert np.isnan(kendall([1, 1], [1, 2]))


def test_the_interval_covers_the_correlation_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    correlation = 0.5
    true, inside = 2 / np.pi * np.arcsin(correlation), 0
    for trial in range(200):
        pair = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=40).T
        low, high = kendall_interval(*pair, seed=trial, reps=400)
        inside += low <= true <= high
    assert 0.88 <= inside / 200 <= 0.99


def run(beta, seed, value, step=None, model="vae", **more):
    return {
        "model": f"beta{beta}",
        "config": f"b{beta}",
        "seed": seed,
        "scores": {"discrete_mig": value},
        "train_config.model.model": f"@{model}()",
        f"train_config.{model}.beta": beta,
        "postprocess_results.step": step,
        "train_results.steps": 30,
        "postprocess_results.representation": "mean" if step is None else f"mean-step{step}",
        **more,
    }


def found_in(*rows):
    return orders(frame_of(*rows)).set_index("of").to_dict("index")


def test_steps_of_each_training_are_ordered_and_averaged():
    rows = []
    for seed in range(6):
        values = {10: 0.1, 20: 0.2, None: 0.3} if seed else {10: 0.3, 20: 0.1, None: 0.2}  # τ 1, and −1/3
        rows += [run(4.0, seed, value, step) for step, value in values.items()]
    found = found_in(*rows)
    assert set(found) == {STEPS}  # one β is no order
    assert found[STEPS]["kendall"] == pytest.approx((5 - 1 / 3) / 6)
    assert (found[STEPS]["trainings"], found[STEPS]["values"], found[STEPS]["orders"]) == (6, 18, "rises")
    assert found[STEPS]["low"] < found[STEPS]["kendall"] <= found[STEPS]["high"]


def test_few_trainings_have_no_interval():
    found = found_in(*(run(4.0, seed, 0.1 * (step or 30), step) for seed in range(4) for step in (10, 20, None)))
    assert found[STEPS]["kendall"] == pytest.approx(1)
    assert found[STEPS]["missing"] == "not known: 4 trainings, fewer than 5"
    assert np.isnan(found[STEPS]["low"])
    assert pd.isna(found[STEPS]["orders"])


def test_beta_is_ordered_among_runs_with_all_other_settings_equal():
    rng = np.random.default_rng(0)
    rows = [run(beta, seed, beta + rng.normal()) for beta in (1.0, 4.0, 8.0) for seed in range(4)]
    rows += [run(beta, 9, -100 * beta, model="beta_tc_vae") for beta in (2.0, 3.0)]  # too few, of another method
    rows += [
        {
            **run(beta, seed, -beta),
            "config": f"big{beta}",
            "train_config.model.batch_size": 512,
            "run": f"big{beta}{seed}",
        }
        for beta in (1.0, 4.0)
        for seed in range(3)
    ]
    rows += [run(beta, 5, -100.0, model="random_encoder") for beta in (1.0, 10.0, 20.0)]  # not trained
    table = orders(frame_of(*rows))
    assert set(table["of"]) == {BETA}
    by_values = table.set_index("values").to_dict("index")
    assert set(by_values) == {12, 6}
    scores = [row["scores"]["discrete_mig"] for row in rows[:12]]
    assert by_values[12]["kendall"] == pytest.approx(kendall(np.repeat([1, 4, 8], 4), np.array(scores)))
    assert (by_values[12]["orders"], by_values[6]["orders"]) == ("rises", "falls")
    assert by_values[12]["setting"] != by_values[6]["setting"]


@pytest.mark.parametrize(("entry", "known"), [("%BETA", True), ("@linear_weight()", False)])
def test_a_macro_stands_for_its_number_and_a_schedule_for_none(entry, known):
    rows = [
        {**run(entry, seed, beta), "config": f"b{beta}", "run": f"{beta}{seed}", "train_config.BETA": beta}
        for beta in (1.0, 2.0, 4.0)
        for seed in range(2)
    ]
    found = found_in(*rows)
    assert set(found) == ({BETA} if known else set())
