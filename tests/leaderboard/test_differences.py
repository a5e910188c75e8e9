"""differences.py: pairs of rows against scipy's tests, and where nothing is said of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from dlib_bvae.leaderboard.differences import MOST_ROWS, squares

RNG = np.random.default_rng(0)
VALUES = {name: RNG.normal(mean, 0.05, 8) for name, mean in (("a", 0.8), ("b", 0.78), ("c", 0.5))}
SD = float(np.sqrt(np.mean([np.var(each, ddof=1) for each in VALUES.values()])))


def row(name, values, unranked=None, seeds=None, **more):
    """A row of a board whose three ranked rows are VALUES."""
    return {
        "id": name,
        "dataset": "d",
        "fingerprint": "f",
        "data_version": 1,
        "num_images": 10,
        "metric": "mig",
        "metric_version": 1,
        "metric_parameters": {},
        "score": "discrete_mig",
        "higher_is_better": True,
        "supervision": "none",
        "budget": None if unranked == "reference" else "9 steps of 8",
        "evidence": "trained here",
        "reference": unranked == "reference",
        "unranked": unranked,
        "seeds": len(values) if seeds is None else seeds,
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "rank_df": 21,
        "rank_sd": SD,
        "main": True,
        "default_parameters": True,
        "headline": False,
        "rank_of": 3 if unranked is None else None,
        "runs": [{"value": float(each)} for each in values],
        **more,
    }


TRAINED = [row(name, values) for name, values in VALUES.items()]


def square(*rows):
    (found,) = squares([*TRAINED, *rows])
    return found


def pair(found, first, second):
    i, j = (found["ids"].index(name) for name in (first, second))
    return {name: found[name][i][j] for name in ("low", "high", "p", "improvement")}


def test_ranked_rows_are_compared_by_tukey_s_test():
    found, expected = square(), stats.tukey_hsd(*VALUES.values())
    interval = expected.confidence_interval(0.95)
    assert found["key"] == ["d", "f", 1, 10, "mig", 1, {}, "discrete_mig"]
    for (i, one), (j, other) in itertools.permutations(enumerate(VALUES), 2):
        said = pair(found, one, other)
        assert said["p"] == pytest.approx(expected.pvalue[i, j], abs=1e-5)
        assert [said["low"], said["high"]] == pytest.approx([interval.low[i, j], interval.high[i, j]], abs=1e-4)
        wins = stats.mannwhitneyu(VALUES[one], VALUES[other]).statistic / 64
        assert said["improvement"] == pytest.approx(wins, abs=1e-5)
    assert [found[name][1][1] for name in ("low", "high", "p", "improvement")] == [None] * 4


def test_budgets_are_compared_apart_and_baselines_with_each():
    other = row("longer", [0.9] * 8, budget="300,000 steps of 64")
    found = squares([*TRAINED, other, row("pca", [0.7] * 5, "reference", seeds=1)])
    assert [each["ids"] for each in found] == [["a", "b", "c", "pca"], ["longer", "pca"]]
    assert [each["key"] for each in found] == [["d", "f", 1, 10, "mig", 1, {}, "discrete_mig"]] * 2


def test_a_reference_with_equal_codes_is_one_number():
    found = pair(square(row("pca", [0.7] * 5, "reference", seeds=1)), "a", "pca")
    t = (VALUES["a"].mean() - 0.7) / (SD / np.sqrt(8))
    single = 2 * stats.t.sf(abs(t), 21)
    assert found["p"] == pytest.approx(1 - (1 - single) ** 3, rel=1e-3)  # it may have been picked as the best of three
    half = stats.t.isf((1 - 0.95 ** (1 / 3)) / 2, 21) * SD / np.sqrt(8)
    assert [found["low"], found["high"]] == pytest.approx(VALUES["a"].mean() - 0.7 + np.array([-half, half]), abs=1e-4)
    assert found["improvement"] == np.mean(VALUES["a"] > 0.7)


def test_a_reference_that_varies_has_its_own_variance():
    values = np.array([0.6, 0.7, 0.75, 0.8])
    found = pair(square(row("random_encoder", values, "reference")), "a", "random_encoder")
    one, other = SD**2 / 8, values.var(ddof=1) / 4
    freedom = (one + other) ** 2 / (one**2 / 21 + other**2 / 3)
    t = (VALUES["a"].mean() - values.mean()) / np.sqrt(one + other)
    assert found["p"] == pytest.approx(1 - (1 - 2 * stats.t.sf(abs(t), freedom)) ** 3, rel=1e-3)
    # equal codes that were scored by other seeds of the metric: as sure as their scores are
    again = pair(square(row("pca", values, "reference", seeds=1)), "a", "pca")
    assert again == found


def test_a_reference_of_one_seed_is_taken_to_vary_as_trained_rows_do():
    found = pair(square(row("pca", [0.7], "reference")), "a", "pca")
    t = (VALUES["a"].mean() - 0.7) / (SD * np.sqrt(1 / 8 + 1))
    assert found["p"] == pytest.approx(1 - (1 - 2 * stats.t.sf(abs(t), 21)) ** 3, rel=1e-3)


def test_two_references_are_compared_by_welch_s_test():
    values = np.array([0.6, 0.7, 0.75, 0.8])
    found = square(row("one", values, "reference"), row("two", values + [0, 0.1, 0, 0.1], "reference"))
    expected = stats.ttest_ind(values, values + [0, 0.1, 0, 0.1], equal_var=False)
    assert pair(found, "one", "two")["p"] == pytest.approx(expected.pvalue, rel=1e-3)


def test_rows_of_two_supervisions_are_compared_among_both():
    others = [row(name, VALUES["b"] + 0.2, supervision="pairs", rank_of=2) for name in ("x", "y")]
    found = pair(square(*others), "a", "x")
    q = abs(VALUES["a"].mean() - VALUES["b"].mean() - 0.2) / (SD / np.sqrt(8))
    assert found["p"] == pytest.approx(stats.studentized_range.sf(q, 5, 21), abs=1e-5)


def test_less_may_be_better():
    reverse = [{**each, "higher_is_better": False} for each in TRAINED]
    (found,), (plain,) = squares(reverse), squares(TRAINED)
    assert pair(found, "a", "c") == {**pair(plain, "a", "c"), "improvement": 0.0}


NOTHING = dict.fromkeys(("low", "high", "p", "improvement"))


@pytest.mark.parametrize(
    "other",
    [
        row("x", [0.1, 0.2], "fewer than 3 seeds"),
        row("x", VALUES["a"], "only claimed", evidence="claimed"),
        row("x", [0.5] * 4, "not above chance", seeds=1),
    ],
    ids=["two seeds", "claimed", "equal codes"],
)
def test_of_some_rows_nothing_is_said(other):
    assert "x" not in square(other)["ids"]


def test_few_degrees_of_freedom_leave_the_probability_of_improvement():
    few = [{**each, "rank_df": 6, "rank_of": None, "unranked": "6 of 20 degrees of freedom"} for each in TRAINED]
    (found,) = squares(few)
    assert pair(found, "a", "c") == {**NOTHING, "improvement": 1.0}


def test_rows_without_direction_other_scores_and_large_groups_are_left_out():
    assert squares([{**each, "higher_is_better": None} for each in TRAINED]) == []
    assert squares([{**each, "main": False} for each in TRAINED]) == []
    assert squares(TRAINED[:1]) == []
    assert squares([{**each, "default_parameters": False} for each in TRAINED]) == []
    assert squares([{**each, "default_parameters": False, "headline": True} for each in TRAINED]) == squares(TRAINED)
    many = [{**TRAINED[0], "id": str(number)} for number in range(MOST_ROWS + 1)]
    assert squares(many) == []
    assert len(squares(many[1:])[0]["ids"]) == MOST_ROWS
