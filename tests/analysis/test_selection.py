"""selection.py: what each rule reports."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import frame_of

from dlib_bvae.analysis import select, selections
from dlib_bvae.errors import UserError

SCORES = np.array([0.1, 0.9, 0.3, 0.6, 0.2])
ELBO = {0: -3.0, 1: -2.0, 2: -1.0}


@pytest.mark.parametrize(("rule", "expected"), [("all", 0.42), ("top_half", 0.6), ("best", 0.9), ("median", 0.3)])
def test_rules_that_see_the_score(rule, expected):
    assert select(rule, SCORES) == pytest.approx(expected)
    assert select(rule, -SCORES, higher=False) == pytest.approx(-expected)


def test_rules_that_see_another_score():
    by = np.array([1.0, 0.0, 5.0, 2.0, 5.0])
    assert select("udr", SCORES, by=by) == pytest.approx(0.25)
    assert select("elbo", SCORES, higher=False, by=by) == pytest.approx(0.25)
    with pytest.raises(UserError, match="the rule udr needs a score of each run, and its udr"):
        select("udr", SCORES)


def test_the_top_half_of_many_normal_scores_adds_0_8_deviations():
    scores = np.random.default_rng(0).normal(size=100_000)
    assert select("top_half", scores) == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.booleans())
def test_choosing_flatters(values, higher):
    sign = 1 if higher else -1
    found = [sign * select(rule, np.array(values), higher) for rule in ("all", "top_half", "best")]
    assert found[0] <= found[1] + 1e-9
    assert found[1] <= found[2] + 1e-9


def runs(udr_sets=("s",) * 3):
    rows = []
    for seed, (score, udr_set) in enumerate(zip([0.2, 0.8, 0.5], udr_sets, strict=True)):
        rows += [
            {"seed": seed, "scores": {"discrete_mig": score}},
            {"seed": seed, "scores": {"elbo": ELBO[seed], "reconstruction": 1.0 + seed}, "metric": "elbo"},
            {"seed": seed, "scores": {"udr": score / 2}, "metric": "udr", "parameters": f'{{"run_set": "{udr_set}"}}'},
        ]
    return frame_of(*rows)


def test_a_frame_under_every_rule():
    table = selections(runs())
    assert set(table["score"]) == {"discrete_mig", "reconstruction"}  # elbo and udr choose, they are not chosen by
    found = table[table["score"] == "discrete_mig"].set_index("rule")
    assert found["value"].to_dict() == pytest.approx(
        {"all": 0.5, "top_half": 0.65, "best": 0.8, "median": 0.5, "elbo": 0.5, "udr": 0.8}
    )
    assert found["adds"].to_dict() == pytest.approx(
        {"all": 0, "top_half": 0.15, "best": 0.3, "median": 0, "elbo": 0, "udr": 0.3}
    )
    assert found["uses_score"].to_dict() == {
        "all": False, "top_half": True, "best": True, "median": True, "elbo": False, "udr": False,
    }  # fmt: skip
    less = table[table["score"] == "reconstruction"].set_index("rule")
    assert (less.loc["best", "value"], less.loc["best", "adds"]) == (1.0, 1.0)


def test_a_rule_without_its_score_for_every_run_is_missing():
    found = selections(runs(udr_sets="aab")).set_index(["score", "rule"])["value"]
    assert np.isnan(found["discrete_mig", "udr"])
    assert found["discrete_mig", "elbo"] == pytest.approx(0.5)


def test_over_configurations_all_runs_of_a_method_compete():
    rows = [
        {"model": name, "seed": seed, "scores": {"discrete_mig": value}, "train_config.model.model": "@vae()"}
        for name, values in {"beta1": [0.1, 0.2], "beta4": [0.7, 0.8]}.items()
        for seed, value in enumerate(values)
    ]
    assert len(selections(frame_of(*rows))["model"].unique()) == 2
    found = selections(frame_of(*rows), over="configurations").set_index("rule")
    assert set(found["method"]) == {"vae"}
    assert found.loc[["all", "best"], "value"].tolist() == pytest.approx([0.45, 0.8])
    with pytest.raises(UserError, match="no way to select over is called 'models'"):
        selections(frame_of(*rows), over="models")


@pytest.mark.parametrize(
    ("scores", "expected"), [([1.0], 1.0), ([1.0, 2.0], 2.0), ([1.0, 2.0, 4.0], 3.0), ([1.0, 2.0, 3.0, 5.0], 4.0)]
)
def test_the_better_half_is_rounded_up(scores, expected):
    assert select("top_half", np.array(scores)) == expected
    assert select("top_half", -np.array(scores), higher=False) == -expected


def test_rules_refuse_what_they_cannot_use():
    with pytest.raises(UserError, match="no selection rule is called 'bset'; did you mean best"):
        select("bset", SCORES)
    with pytest.raises(UserError, match="^the rule best needs a score of each run$"):
        select("best", np.array([]))
    with pytest.raises(UserError, match="the rule elbo needs a score of each run, and its elbo"):
        select("elbo", SCORES, by=SCORES[:2])


def test_scores_without_a_direction_are_left_out_and_runs_are_counted():
    rows = [
        {"seed": seed, "scores": {"elbo": -1.0, "kl": 3.0, "reconstruction": 2.0 + seed}, "metric": "elbo"}
        for seed in range(3)
    ]
    table = selections(frame_of(*rows))
    assert set(table["score"]) == {"reconstruction"}
    assert set(table["runs"]) == {3}
    assert table.set_index("rule")["adds"].to_dict() == pytest.approx(
        {"all": 0, "top_half": 0.5, "best": 1.0, "median": 0, "elbo": 0, "udr": np.nan}, nan_ok=True
    )
    assert selections(pd.DataFrame()).columns.tolist()[-5:] == ["rule", "value", "adds", "uses_score", "runs"]
