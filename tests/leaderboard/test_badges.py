"""badges.py: what stands on a row besides its numbers, in the board and its tables."""

import csv
import io
import json

import pandas as pd
import pytest
from support.leaderboard_runs import bring, null_of, score, train

from dlib_bvae import metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.badges import Latents, active_latents, help_of, latents_text, numbers_of_factors
from dlib_bvae.leaderboard.board import build
from dlib_bvae.leaderboard.tables import files


def with_null(root, name, values, null, metric="mig", key="discrete_mig", **given):
    """Runs of a model, one a value, scored with the mean `null` of their matchings (None: without)."""
    for seed, value in enumerate(values):
        config = {"model.name": name, **given.get("config", {})}
        encoded = train(root, f"{name}-{seed}", seed=seed, config=config)
        scores = {key: value}
        score(encoded, metric, scores, **({} if null is None else null_of(metric, scores, null, seed=seed)))


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    root = tmp_path_factory.mktemp("badges") / "runs"
    with_null(root, "good", [0.6 + 0.002 * seed for seed in range(11)], 0.1)
    with_null(root, "chance", (0.7, 0.71), 0.7)
    with_null(root, "unknown", [0.3 + 0.001 * seed for seed in range(11)], None)
    for method, values in {"noise": (0.1, 0.11), "pca": (0.4, 0.41), "constant_codes": (0.0, 0.0)}.items():
        with_null(root, method, values, 0.1, config={"model.model": f"@{method}()"})
    with_null(root, "good2", (0.2, 0.22), 0.9, "linear_identifiability", "orthogonality_error")
    with_null(root, "bad2", (0.9, 0.91), 0.9, "linear_identifiability", "orthogonality_error")
    with_null(root, "plain", (10.0, 11.0), None, "reconstruction_error", "squared_error")
    frame, problems = collect(root)
    assert problems == []
    return build(frame, root, root.parent / "board")


def row_of(board, model):
    (row,) = [row for row in board["rows"] if row["model"] == model]
    return row


@pytest.mark.parametrize(
    ("model", "rank", "unranked", "above"),
    [
        ("good", (1, 1), None, True),
        ("chance", (None, None), "not above chance", False),
        ("unknown", (2, 2), None, None),  # ranked as before nulls were scored, and marked
        ("noise", (None, None), "reference", False),
        ("constant_codes", (None, None), "reference", False),
        ("pca", (None, None), "reference", True),
        ("good2", (None, None), "fewer than 3 seeds", True),  # less is better
        ("bad2", (None, None), "not above chance", False),
        ("plain", (None, None), "fewer than 3 seeds", None),
    ],
)
def test_a_score_that_is_not_above_chance_has_no_rank(board, model, rank, unranked, above):
    row = row_of(board, model)
    assert ((row["rank_low"], row["rank_high"]), row["unranked"], row["above_chance"]) == (rank, unranked, above)
    assert row["tied"] == (model == "good")
    assert row["reference"] == (model in ("noise", "pca", "constant_codes"))


def test_no_null_is_said_where_there_could_be_one(board):
    assert [row["model"] for row in board["rows"] if row["no_null"]] == ["unknown"]
    assert (row_of(board, "plain")["has_null"], row_of(board, "unknown")["chance_missing"]) == (False, "no null")


def test_unranked_rows_follow_and_those_by_chance_are_last(board):
    of_mig = [row["model"] for row in board["rows"] if row["metric"] == "mig"]
    assert of_mig == ["good", "pca", "unknown", "chance", "noise", "constant_codes"]


def test_adjusted_statistics_are_those_of_adjusted_scores(board):
    row = row_of(board, "good")
    each = [run["adjusted"] for run in row["runs"]]
    assert row["adjusted"]["mean"] == pytest.approx(sum(each) / 11) == pytest.approx((0.61 - 0.1) / 0.9, abs=0.01)
    assert (row["adjusted"]["unranked"], row["adjusted"]["interval"]) == ("10 of 20 degrees of freedom", "BCa")
    assert row["adjusted"]["low"] < row["adjusted"]["mean"] < row["adjusted"]["high"]
    assert row["null"]["n"] == 220
    # 1 is the best of scores of which less is better, too
    assert row_of(board, "good2")["adjusted"]["mean"] == pytest.approx((0.21 - 0.9) / -0.9, abs=0.02)
    assert row_of(board, "unknown")["adjusted"] is None
    assert row_of(board, "chance")["adjusted"]["unranked"] == "not above chance"


def test_a_score_that_is_missing_has_no_row_and_stops_no_board(tmp_path):
    with_null(tmp_path / "runs", "read", (0.3, 0.31), 0.1, "dci_es", "explicitness")
    encoded = train(tmp_path / "runs", "unread", config={"model.name": "unread"})
    said = {"missing_scores": {"explicitness": "no probe reads any factor"}}
    score(encoded, "dci_es", {"explicitness": None}, **said, **null_of("dci_es", {"explicitness": None}, 0.0))
    frame, problems = collect(tmp_path / "runs")
    assert [problem.split(": ")[1] for problem in problems] == [
        "the score explicitness has no value (no probe reads any factor); it is left out"
    ]
    assert [row["model"] for row in build(frame, tmp_path / "runs", tmp_path / "board")["rows"]] == ["read"]


def test_scores_adjusted_for_chance_are_of_the_runs_that_have_the_score(tmp_path):
    for seed, value in enumerate((0.5, 0.4, None)):
        encoded = train(tmp_path / "runs", f"run{seed}", seed=seed)
        said = {} if value else {"missing_scores": {"explicitness": "no probe reads any factor"}}
        score(encoded, "dci_es", {"explicitness": value}, **said, **null_of("dci_es", {"explicitness": value}, 0.0))
    frame, _ = collect(tmp_path / "runs")
    (row,) = build(frame, tmp_path / "runs", tmp_path / "board")["rows"]
    adjusted = [each["adjusted"] for each in row["runs"]]
    assert (row["seeds"], len(adjusted)) == (2, 2)
    assert row["adjusted"]["mean"] == pytest.approx(sum(adjusted) / 2)


def test_the_tables_say_what_the_page_says(board):
    found = files(board)
    called = {row["name"]: row["model"] for row in board["rows"]}
    lines = {called[line.split(" | ")[1]]: line for line in found["board.md"].splitlines()[4:]}
    assert lines["chance"].startswith("| not above chance | β-VAE β = 4 · chance | ")
    assert lines["noise"].startswith("| reference | noise | ")
    assert lines["pca"].startswith("| reference | PCA | ")
    assert lines["good"].startswith("| 1 | β-VAE β = 4 · good | ")
    assert lines["good2"].startswith("| fewer than 3 seeds | β-VAE β = 4 · good2 | ")
    assert " | 0.2 … 0.22 (range of 2 seeds) | " in lines["good2"]
    assert " | no null | " in lines["unknown"]
    assert " | not known | " in lines["good2"]  # of two seeds' standard deviation
    table = {row["model"]: row for row in csv.DictReader(io.StringIO(found["board.csv"].decode()))}
    assert (table["chance"]["unranked"], table["chance"]["above_chance"]) == ("not above chance", "false")
    assert (table["unknown"]["no_null"], table["unknown"]["null_mean"]) == ("true", "")
    assert float(table["good"]["adjusted_mean"]) == pytest.approx(0.567, abs=0.01)
    parquet = pd.read_parquet(io.BytesIO(found["board.parquet"]))
    assert parquet["nulls"].max() == 220
    assert parquet.set_index("model")["rank_low"].dropna().to_dict() == {"good": 1, "unknown": 2}
    assert json.loads(json.dumps(board, allow_nan=False)) == board


@pytest.mark.parametrize(
    ("latents", "factors", "text"),
    [
        ([], 5, None),
        ([Latents(1, 10), Latents(3, 10)], 5, "collapsed: 1–3 of 10 latents active"),
        ([Latents(6, 10)], 5, "6 of 10 latents active"),  # enough for all factors
        ([Latents(3, 3)], 5, "3 of 3 latents active"),  # it has no more
        ([Latents(1, 10)], None, "collapsed: 1 of 10 latents active"),
        ([Latents(2, 10), Latents(2, 4)], None, "2 of 4–10 latents active"),
    ],
)
def test_collapsed_has_fewer_active_latents_than_factors(latents, factors, text):
    assert latents_text(latents, factors) == text


def test_latents_and_factors_are_those_of_the_results(tmp_path):
    encoded = bring(tmp_path, "codes", "codes.npy", num_latents=10)
    for threshold, active in ((0.5, 1), (0.01, 4), (0.001, 9)):
        score(encoded, "active_units", {"active_units": active}, {"threshold": threshold})
    score(encoded, "mig", {"discrete_mig": 0.5}, mutual_information=[[0.1, 0.2, 0.3, 0, 0]] * 10)
    score(bring(tmp_path, "odd", "o.npy"), "active_units", {"active_units": 3}, mutual_information="text")
    frame, _ = collect(tmp_path)
    assert list(active_latents(frame).values()) == [Latents(4, 10)]  # "odd" does not say of how many
    assert list(numbers_of_factors(frame).values()) == [5]
    rows = build(frame, tmp_path, tmp_path / "board")["rows"]
    assert {row["latents"] for row in rows if row["model"] == "codes"} == {"collapsed: 4 of 10 latents active"}
    assert {row["latents"] for row in rows if row["model"] == "odd"} == {None}


def test_the_help_says_what_a_metric_measures_and_when_it_lies():
    measures = "Measures lead of the best code over the second, in mutual information."
    assert metrics.caution("mig")
    assert help_of("mig") == f"{measures} {metrics.caution('mig')}"
    assert help_of("udr") is not None
    assert help_of("of_nobody") is None
