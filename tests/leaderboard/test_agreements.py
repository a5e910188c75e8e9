"""agreements.py: which rows stand for their metric, and how far the scores of these agree."""

import json

import numpy as np
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.leaderboard.agreements import agreements, mark_headlines
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.headline import is_default

DEFAULTS = {"num_train": 10_000, "num_bins": 20}
RNG = np.random.default_rng(3)
MIG, SAP, UNITS = RNG.random((3, 8))


def row(place, metric="mig", score="discrete_mig", parameters=None, dataset="one", images=100, last=True, version=1):
    return {
        "id": str(place),
        "dataset": dataset,
        "fingerprint": f"f-{dataset}",
        "data_version": 1,
        "num_images": images,
        "metric": metric,
        "metric_version": version,
        "score": score,
        "metric_parameters": DEFAULTS if parameters is None else parameters,
        "last": last,
    }


def headlines(*rows):
    mark_headlines(rows)
    return {each["id"] for each in rows if each["headline"]}


def test_the_defaults_here_are_the_metric_s():
    assert "mig" in METRICS
    assert is_default("mig", DEFAULTS)
    assert not is_default("mig", {**DEFAULTS, "num_bins": 5})


def test_main_scores_with_default_parameters_stand_for_their_metric():
    few = {**DEFAULTS, "num_bins": 5}
    rows = [
        row("default"),
        *(row(f"few{place}", parameters=few) for place in range(3)),
        row("diagnostic", "beta_vae", "train_accuracy", {}),
        row("step", last=False),
    ]
    assert headlines(*rows) == {"default"}
    assert [each["main"] for each in rows] == [True, True, True, True, False, True]
    assert [each["default_parameters"] for each in rows[:2]] == [True, False]


def test_the_newest_version_that_is_there_stands_for_its_metric():
    few = {**DEFAULTS, "num_bins": 5}
    rows = [row("earlier"), *(row(f"few{place}", parameters=few, version=2) for place in range(2)), row("other", "sap")]
    assert headlines(*rows) == {"few0", "few1", "other"} - {each["id"] for each in rows if not each["main"]}
    assert [each["default_parameters"] for each in rows[:2]] == [True, False]


def test_without_a_row_with_default_parameters_those_of_most_rows_do():
    few, fewer = {**DEFAULTS, "num_bins": 5}, {**DEFAULTS, "num_bins": 3}
    assert headlines(row("a", parameters=few), row("b", parameters=fewer), row("c", parameters=fewer)) == {"b", "c"}


def test_data_sets_are_judged_by_themselves_and_rows_of_other_numbers_of_images_left_out():
    few = {**DEFAULTS, "num_bins": 5}
    rows = [
        row("a", dataset="one"),
        row("b", dataset="two", parameters=few),
        row("c", dataset="one", images=50),
        row("d", dataset="one"),
    ]
    assert headlines(*rows) == {"a", "b", "d"}


def scored(values, metric, score, parameters=DEFAULTS, **more):
    text = json.dumps(parameters, sort_keys=True)
    return [
        {"config": f"c{place // 4}", "seed": place % 4, "metric": metric, "scores": {score: value}, "parameters": text}
        | more
        for place, value in enumerate(values)
    ]


def board_of(frame):
    """The rows of a frame, as far as agreements need them, of the budget "9 steps of 8" where it has no other."""
    names = [
        "train_results.dataset",
        "evaluation_results.metric",
        "metric_parameters",
        "evaluation_results.score_names",
        "postprocess_results.step",
        "budget",
    ]
    known = {"budget": "9 steps of 8", "postprocess_results.step": 0}
    entries = frame.reindex(columns=[*names, "path"]).astype(dict.fromkeys(known, object)).fillna(known)
    rows = [
        row(f"{place}{score}", metric, score, json.loads(parameters), dataset, 512, last=step == 0)
        | {"budget": budget, "images": 72, "runs": [{"paths": [path]} for path in those["path"]]}
        for place, ((dataset, metric, parameters, scores, step, budget), those) in enumerate(entries.groupby(names))
        for score in json.loads(scores)
    ]
    mark_headlines(rows)
    return rows


def test_the_matrices_are_square_and_in_the_order_of_the_scores():
    units = {"num_train": 10_000, "threshold": 0.01}
    frame = frame_of(
        *scored(MIG, "mig", "discrete_mig"),
        *scored(-MIG, "mig", "discrete_mig", {**DEFAULTS, "num_bins": 5}),  # not what stands for MIG
        *scored(SAP, "sap", "SAP_score", {}),
        *scored(UNITS, "active_units", "active_units", units),
    )
    (found,) = agreements(frame, board_of(frame))
    assert (found["dataset"], found["num_images"], found["budget"]) == ("dummy_data", 512, "9 steps of 8")
    names = [each["metric"] for each in found["scores"]]
    assert sorted(names) == ["active_units", "mig", "sap"]
    values = {"mig": MIG, "sap": SAP, "active_units": UNITS}
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            expected = stats.spearmanr(values[first], values[second])[0]
            assert found["spearman"][i][j] == pytest.approx(expected)
            assert (found["runs"][i][j], found["within_df"][i][j]) == (8, 6)
            of_each = [
                stats.spearmanr(values[first][part], values[second][part])[0] for part in (slice(4), slice(4, 8))
            ]
            assert found["within"][i][j] == pytest.approx(np.mean(of_each))


def test_a_metric_of_several_main_scores_is_one_line_and_what_is_missing_is_none():
    frame = frame_of(
        *scored(MIG, "dci", "completeness", {}),
        *scored(SAP, "dci", "disentanglement", {}),
        *scored(UNITS[:2], "mig", "discrete_mig"),
    )
    (found,) = agreements(frame, board_of(frame))
    assert [each["score"] for each in found["scores"]] == ["disentanglement", "discrete_mig"]
    assert found["spearman"][0][1] is None
    assert found["runs"][0][1] == 2
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_exported_steps_and_data_sets_of_one_score_are_left_out():
    steps = [
        {**each, "postprocess_results.step": step} for step in (None, 10) for each in scored(MIG, "mig", "discrete_mig")
    ]
    steps += [{**each, "postprocess_results.step": None} for each in scored(SAP, "sap", "SAP_score", {})]
    steps += [{**each, "dataset": "other"} for each in scored(SAP, "sap", "SAP_score", {})]
    frame = frame_of(*steps)
    (found,) = agreements(frame, board_of(frame))
    assert found["dataset"] == "dummy_data"
    assert found["runs"] == [[8, 8], [8, 8]]


def test_runs_of_two_budgets_are_never_correlated_together():
    frame = frame_of(
        *(
            each
            for budget, sign in (("9 steps of 8", 1), ("99 steps of 8", -1))
            for metric, score, values in (("mig", "discrete_mig", MIG), ("sap", "SAP_score", sign * MIG))
            for each in scored(values, metric, score, DEFAULTS if metric == "mig" else {}, budget=budget)
        )
    )
    frame["train_results.uuid"] += frame["budget"]
    found = {each["budget"]: each for each in agreements(frame, board_of(frame))}
    assert {name: (each["spearman"][0][1], each["runs"][0][1]) for name, each in found.items()} == {
        "9 steps of 8": (pytest.approx(1), 8),
        "99 steps of 8": (pytest.approx(-1), 8),
    }


def test_runs_of_two_data_sets_are_never_correlated_together():
    frame = frame_of(
        *(
            each
            for dataset, sign in (("one", 1), ("two", -1))
            for metric, score, values in (("mig", "discrete_mig", MIG), ("sap", "SAP_score", sign * MIG))
            for each in scored(values, metric, score, DEFAULTS if metric == "mig" else {}, dataset=dataset)
        )
    )
    found = {each["dataset"]: each for each in agreements(frame, board_of(frame))}
    assert {name: each["spearman"][0][1] for name, each in found.items()} == {
        "one": pytest.approx(1),
        "two": pytest.approx(-1),
    }
    assert {each["runs"][0][1] for each in found.values()} == {8}
