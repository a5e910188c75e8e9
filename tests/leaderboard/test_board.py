"""board.py: what stands in board.json, from run directories with known scores."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import re

import pytest
from support.leaderboard_runs import bring, score, train
from support.results import write

from dlib_bvae import leaderboard
from dlib_bvae.analysis.frame import collect
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.board import build
from dlib_bvae.leaderboard.tables import files


def board_of(root, output=None):
    frame, problems = collect(root)
    assert problems == []
    return build(frame, root, output or root.parent / "board")


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def one(board, **wanted):
    (row,) = [row for row in board["rows"] if all(row[key] == value for key, value in wanted.items())]
    return row


def test_a_row_has_its_names_statistics_costs_and_seeds(runs):
    for seed, value in {3: 0.2, 1: 0.5, 2: 0.8}.items():
        train_seconds = {"elapsed_time": 60.0 * seed}
        score(train(runs, f"run{seed}", seed=seed, **train_seconds), "mig", {"discrete_mig": value})
    (row,) = board_of(runs)["rows"]
    names = {
        "model": "beta_vae",
        "method": "vae",
        "supervision": "none",
        "evidence": "trained here",
        "dataset": "dsprites_rendered",
        "origin": "rendered",
        "fingerprint": "f" * 16,
        "representation": "mean",
        "num_images": 1000,
        "metric": "mig",
        "metric_parameters": {"num_train": 10},
        "score": "discrete_mig",
        "higher_is_better": True,
        "range": [0.0, 1.0],
        "reference": False,
    }
    assert {name: row[name] for name in names} == names
    assert (row["mean"], row["median"], row["seeds"]) == (pytest.approx(0.5), 0.5, 3)
    assert row["std"] == pytest.approx(0.3)
    assert (row["low"], row["high"]) == (pytest.approx(0.5 - 0.745, abs=1e-3), pytest.approx(0.5 + 0.745, abs=1e-3))
    assert (row["interval"], row["iqm"], row["tied"], row["rank_df"]) == ("t", None, False, 2)
    assert row["unranked"] == "2 of 20 degrees of freedom"
    assert (row["parameters"], row["seconds"], row["images"], row["reconstruction"]) == (1000, 120, 6400, 20)
    assert [(each["seed"], each["value"]) for each in row["runs"]] == [(1, 0.5), (2, 0.8), (3, 0.2)]


def test_evaluations_of_one_run_are_one_value_with_both_paths(runs):
    encoded = train(runs, "run")
    for seed, value in enumerate([0.2, 0.4]):
        score(encoded, "mig", {"discrete_mig": value}, seed=seed)
    board = board_of(runs)
    (each,) = board["rows"][0]["runs"]
    assert each["value"] == pytest.approx(0.3)
    assert each["paths"] == ["run/mean/metrics/mig-10-0", "run/mean/metrics/mig-10-1"]
    (evaluation,) = board["evaluations"]
    assert evaluation["settings"] == {"mig.num_train": "10", "postprocess.random_seed": "0"}
    assert evaluation["own"] == {path: {"evaluation.random_seed": str(n)} for n, path in enumerate(each["paths"])}


def test_the_origin_is_the_recorded_one_and_not_that_of_the_name(runs):
    named = {"dataset": "shapes3d", "origin": "external"}
    score(train(runs, "users", **named), "mig", {"discrete_mig": 0.1})
    score(
        train(runs, "authors", **{**named, "origin": "official", "fingerprint": "e" * 16}), "mig", {"discrete_mig": 0.2}
    )
    score(bring(runs, "codes", "mine.npy", **named), "mig", {"discrete_mig": 0.3})
    board = board_of(runs)
    assert {row["mean"]: row["origin"] for row in board["rows"]} == {0.1: "external", 0.2: "official", 0.3: "external"}


@pytest.mark.parametrize(
    ("results", "origins"),
    [
        ({"dataset": "dsprites_full"}, ["official", "rendered"]),
        ({"fingerprint": "e" * 16}, ["rendered", "rendered"]),
        ({"dataset": "noisy(dsprites_full)"}, ["official", "rendered"]),
    ],
)
def test_data_sets_and_fingerprints_are_never_mixed(runs, results, origins):
    score(train(runs, "a", seed=0), "mig", {"discrete_mig": 0.1})
    score(train(runs, "b", seed=1, **results), "mig", {"discrete_mig": 0.9})
    board = board_of(runs)
    assert sorted(row["origin"] for row in board["rows"]) == origins
    assert sorted(row["mean"] for row in board["rows"]) == [0.1, 0.9]
    assert len({row["id"] for row in board["rows"]}) == 2
    assert len(board["summary"]) == 2


def test_scores_metrics_and_their_parameters_are_rows_of_their_own(runs):
    encoded = train(runs, "run")
    score(encoded, "image_quality", {"fid_sample": 10.0, "fid_reconstruction": 5.0, "fd_factor_cnn_sample": 3.0})
    score(encoded, "mig", {"discrete_mig": 0.1})
    score(encoded, "mig", {"discrete_mig": 0.3}, {"num_train": 20})
    board = board_of(runs)
    assert [(row["score"], row["mean"]) for row in board["rows"]] == [
        ("fd_factor_cnn_sample", 3.0),
        ("fid_reconstruction", 5.0),
        ("fid_sample", 10.0),
        ("discrete_mig", 0.1),
        ("discrete_mig", 0.3),
    ]
    assert [row["metric_parameters"]["num_train"] for row in board["rows"][3:]] == [10, 20]


def test_what_runs_share_is_told_once_and_their_own_beside_them(runs):
    for seed in (1, 2):
        score(train(runs, f"run{seed}", seed=seed), "mig", {"discrete_mig": 0.1})
    board = board_of(runs)
    (row,) = board["rows"]
    assert board["configs"] == {
        row["config"]: {
            "vae.beta": "4.0",
            "model.model": "@vae()",
            "model.batch_size": "64",
            "model.name": '"beta_vae"',
        }
    }
    assert [run["own"] for run in board["runs"]] == [{"model.random_seed": "1"}, {"model.random_seed": "2"}]


def test_rows_stand_by_what_is_compared_and_then_the_best_first(runs):
    for model, values in {"low": (0.1, 0.11), "high": (0.8, 0.81), "middle": (0.4, 0.41)}.items():
        for seed, value in enumerate(values):
            encoded = train(runs, f"{model}{seed}", seed=seed, config={"model.name": model})
            score(encoded, "reconstruction_error", {"squared_error": value})
            score(encoded, "mig", {"discrete_mig": value})
    rows = board_of(runs)["rows"]
    assert [(row["metric"], row["model"], row["rank_low"]) for row in rows] == [
        ("mig", "high", None),
        ("mig", "middle", None),
        ("mig", "low", None),
        ("reconstruction_error", "low", None),
        ("reconstruction_error", "middle", None),
        ("reconstruction_error", "high", None),
    ]


def test_reference_rows_are_marked_and_scale_the_others(runs):
    values = {"random_encoder": (0.2, 0.2), "vae": (0.6, 0.6), "oracle": (1.0, 1.0)}
    for method, two in values.items():
        for seed, value in enumerate(two):
            config = {"model.name": method, "model.model": f"@{method}()"}
            score(train(runs, f"{method}{seed}", seed=seed, config=config), "mig", {"discrete_mig": value})
    board = board_of(runs)
    assert {row["model"] for row in board["rows"] if row["reference"]} == {"random_encoder", "oracle"}
    assert one(board, model="vae")["normalised"] == pytest.approx(0.5)
    assert one(board, model="oracle")["supervision"] == "factors"


def test_what_is_missing_is_none_and_the_json_is_strict(runs):
    encoded = train(runs, "pca", config={"model.model": "@pca()", "model.name": "pca"}, steps=None, reconstruction=None)
    score(encoded, "not_installed", {"something": 3.0})
    board = board_of(runs)
    (row,) = board["rows"]
    missing = (
        "std",
        "low",
        "high",
        "rank_low",
        "rank_high",
        "normalised",
        "images",
        "reconstruction",
        "higher_is_better",
    )
    assert {name: row[name] for name in missing} == dict.fromkeys(missing)
    assert row["range"] == [None, None]
    assert json.loads(json.dumps(board, allow_nan=False)) == board


def test_agreement_is_square_and_of_the_runs_that_have_both_scores(runs):
    for seed, value in enumerate([0.1, 0.2, 0.3, 0.4]):
        encoded = train(runs, f"run{seed}", seed=seed)
        score(encoded, "mig", {"discrete_mig": value})
        score(encoded, "reconstruction_error", {"squared_error": 1 - value})
    (found,) = board_of(runs)["agreement"]
    names = {"metric": "mig", "score": "discrete_mig"}, {"metric": "reconstruction_error", "score": "squared_error"}
    assert found["scores"] == [*names]
    assert found["spearman"] == [[pytest.approx(1), pytest.approx(-1)], [pytest.approx(-1), pytest.approx(1)]]
    assert found["runs"] == [[4, 4], [4, 4]]


def test_a_row_says_of_which_step_its_codes_are_and_whether_it_stands_for_its_metric(runs):
    encoded = train(runs, "run", steps=100)
    score(encoded, "mig", {"discrete_mig": 0.5}, {})
    exported = encoded.with_name("mean-step40")
    results = {"representation": exported.name, "num_images": 1000, "step": 40}
    write(exported, "postprocess", results, {}, encoded.parent / "train", given={"step": 40})
    score(exported, "mig", {"discrete_mig": 0.2}, {})
    score(bring(runs, "brought", source="codes.npy"), "mig", {"discrete_mig": 0.3}, {})
    rows = {(row["model"], row["representation"]): row for row in board_of(runs)["rows"]}
    said = {key: tuple(row[name] for name in ("step", "last", "codes", "headline")) for key, row in rows.items()}
    assert said == {
        ("beta_vae", "mean"): (100, True, "mean", True),
        ("beta_vae", "mean-step40"): (40, False, "mean", False),
        ("brought", "codes"): (None, True, "codes", True),
    }


def test_pictures_are_named_from_the_board_s_folder(runs, tmp_path):
    score(train(runs, "run"), "mig", {"discrete_mig": 0.1})
    folder = runs / "run" / "visualize"
    folder.mkdir()
    for name in ("traversals.png", "traversals.gif", "index.html", "numbers.json"):
        (folder / name).write_bytes(b"")
    (run,) = board_of(runs, tmp_path / "made" / "board")["runs"]
    home = "../../runs/run"
    assert run["pictures"] == [
        f"{home}/train/reconstructions.png",
        f"{home}/visualize/traversals.png",
        f"{home}/visualize/traversals.gif",
    ]
    assert run["page"] == f"{home}/visualize/index.html"
    assert (run["path"], run["directory"]) == ("run", "runs/run")


def test_codes_from_elsewhere_have_a_source_and_state_no_supervision(runs):
    score(bring(runs, "mine", source="codes.npy"), "mig", {"discrete_mig": 0.5})
    board = board_of(runs)
    (row,), (run,) = board["rows"], board["runs"]
    assert (row["model"], row["method"]) == ("mine", "external codes")
    assert (row["supervision"], row["evidence"]) == ("not stated", "scored here")
    assert (run["source"], run["own"], run["parameters"]) == ("codes.npy", {}, None)


def test_a_submission_says_its_evidence_supervision_and_what_is_suspicious(runs):
    described = {
        "method": "PCA",
        "supervision": "none",
        "evidence": "recomputed",
        "exact_factors": ["shape"],
        "paper": "A",
    }
    score(bring(runs, "theirs", source="codes.npy", submission=described), "mig", {"discrete_mig": 0.5})
    score(train(runs, "ours"), "mig", {"discrete_mig": 0.4})
    board = board_of(runs)
    theirs, ours = one(board, model="theirs"), one(board, model="beta_vae")
    names = ("evidence", "supervision", "exact_factors")
    assert [theirs[name] for name in names] == ["recomputed", "none", ["shape"]]
    assert [ours[name] for name in names] == ["trained here", "none", []]
    run = board["runs"][theirs["runs"][0]["run"]]
    assert [run[name] for name in ("submission", "told", "paper")] == ["theirs", "PCA", "A"]


def test_equal_codes_are_said_of_a_row_and_in_its_tables(runs):
    for seed in range(3):
        score(
            bring(runs, f"mine{seed}", source="c.npy", seed=seed, model="mine", codes_digest="x"),
            "mig",
            {"discrete_mig": 0.5},
        )
    score(bring(runs, "else", source="d.npy", codes_digest="y"), "mig", {"discrete_mig": 0.4})
    board = board_of(runs)
    mine, other = one(board, model="mine"), one(board, model="else")
    said = "the seeds 0, 1 and 2 have equal codes and count once"
    assert (mine["seeds"], mine["std"], mine["equal_codes"], len(mine["runs"])) == (1, None, said, 3)
    assert other["equal_codes"] is None
    found = files(board)
    assert f"| 1 ({said}) |" in found["board.md"]
    assert said.encode() in found["board.csv"]


ODD = {  # an entry of a row that stands between two others → what the file says
    "evaluation_results.discrete_mig": 1e308,
    "train_results.elapsed_time": 1e308,
    "train_results.steps": 1e150,
    "train_config.model.batch_size": 1e308,
    "submission_results.retrain_tolerance": 10**400,
    "submission_results.evidence": "x",
    "submission_results.exact_factors": [["a"]],
    "postprocess_results.codes_digest": 3,
}


@pytest.mark.parametrize("entry", ODD)
def test_an_odd_row_between_others_stops_none_of_them(entry, runs, tmp_path):
    described = {"method": "PCA", "supervision": "none", "evidence": "retrained", "retrain_tolerance": 0.1}
    places = [
        score(bring(runs, name, source="c.npy", submission=described), "mig", {"discrete_mig": 0.5}) for name in "abc"
    ]
    path = places[1] / "results/aggregate/evaluation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), entry: ODD[entry]}))
    frame, problems = collect(runs)
    board = build(frame, runs, tmp_path / "board")
    json.dumps(board, allow_nan=False)
    assert {row["model"] for row in board["rows"]} | ({"b"} if problems else set()) == {"a", "b", "c"}
    assert len(problems) <= 1


def test_what_a_model_trained_again_was_allowed_by_earlier_versions_is_shown_no_more(runs, tmp_path):
    described = {"method": "PCA", "supervision": "none", "evidence": "retrained", "retrain_tolerance": 0.125}
    score(bring(runs, "loose", source="codes.npy", submission=described), "mig", {"discrete_mig": 0.5})
    assert one(board_of(runs), model="loose")["evidence"] == "retrained"
    leaderboard.run(runs, tmp_path / "board")
    text = (tmp_path / "board" / "board.md").read_text()
    assert "| retrained |" in text
    assert "0.125" not in text


def test_the_files_are_the_same_twice(runs, tmp_path):
    for seed in range(4):
        score(train(runs, f"run{seed}", seed=seed), "mig", {"discrete_mig": math.sin(seed)})
    first = {path.name: path.read_bytes() for path in leaderboard.run(runs, tmp_path / "board")}
    again = {path.name: path.read_bytes() for path in leaderboard.run(runs, tmp_path / "board")}
    assert first.keys() == {
        "board.json",
        "board.csv",
        "board.parquet",
        "board.md",
        "board.tex",
        "versions.json",
        "index.html",
    }
    assert first == again


def test_bad_input_is_refused_in_a_sentence(runs, tmp_path, capsys):
    with pytest.raises(UserError, match="there is no directory"):
        leaderboard.run(runs, tmp_path / "board")
    runs.mkdir()
    with pytest.raises(UserError, match=r"none was found\); run dlib_bvae_evaluate first"):
        leaderboard.run(runs, tmp_path / "board")
    directory = score(train(runs, "run"), "mig", {"discrete_mig": 0.1})
    with pytest.raises(UserError, match="--output must be a folder"):
        leaderboard.run(runs, directory / "results" / "gin" / "evaluation.gin")
    (directory / "results" / "aggregate" / "evaluation.json").write_text("{")
    with pytest.raises(UserError, match="all 1 found were left out"):
        leaderboard.run(runs, tmp_path / "board")
    assert "left out: " in capsys.readouterr().err


def test_a_key_may_be_a_score_of_one_metric_and_a_matrix_of_another(runs):
    encoded = train(runs, "a", seed=1)
    score(encoded, "beta_vae", {"train_accuracy": 0.75, "eval_accuracy": 0.5})
    score(encoded, "downstream_task", {"10:mean_test_accuracy": 0.25}, train_accuracy=[[0.1, 0.2], [0.3, 0.4]])
    board = board_of(runs)
    assert [one(board, score=name)["runs"][0]["value"] for name in ("train_accuracy", "eval_accuracy")] == [0.75, 0.5]
    assert one(board, score="10:mean_test_accuracy")["mean"] == 0.25


def test_a_batch_size_that_is_text_leaves_only_the_images_out(runs):
    score(train(runs, "a", config={"model.batch_size": "many"}), "mig", {"discrete_mig": 0.5})
    score(train(runs, "b", seed=1), "mig", {"discrete_mig": 0.5})
    assert {run["path"]: run["images"] for run in board_of(runs)["runs"]} == {"a": None, "b": 6400}


def test_an_evaluation_outside_of_a_run_directory_is_left_out(runs):
    score(train(runs, "a"), "mig", {"discrete_mig": 0.5})
    with pytest.raises(UserError, match="no evaluation below .* can stand on a board"):
        leaderboard.run(runs / "a" / "mean", runs.parent / "board")


def test_only_regular_files_inside_the_results_are_pictures(runs, tmp_path, capsys):
    private = tmp_path / "private.png"
    private.write_bytes(b"secret")
    score(train(runs, "a"), "mig", {"discrete_mig": 0.5})
    pages = runs / "a" / "visualize"
    pages.mkdir()
    (pages / "good.png").write_bytes(b"shown")
    (pages / "inside.png").symlink_to(pages / "good.png")
    (pages / "x0.png").symlink_to(private)
    (pages / "x1.png").symlink_to(tmp_path / "nowhere")
    (pages / "x2.png").mkdir()
    os.mkfifo(pages / "x3.png")
    (pages / "x4.png").symlink_to("x4.png")
    (pages / "index.html").symlink_to(private)
    leaderboard.run(runs, tmp_path / "board")
    board = json.loads((tmp_path / "board" / "board.json").read_text())
    (run,) = board["runs"]
    expected = ["train/reconstructions.png", "visualize/good.png", "visualize/good.png"]
    assert (run["pictures"], run["page"]) == ([f"../runs/a/{each}" for each in expected], None)
    page = (tmp_path / "board" / "index.html").read_text()
    packed = re.search(r'<script[^>]* id="board"[^>]*>([^<]*)</script>', page)[1]
    data = gzip.decompress(base64.b64decode(packed)).decode()
    for text in (page, data):
        assert base64.b64encode(b"secret").decode() not in text
    assert base64.b64encode(b"shown").decode() in data
    assert len(capsys.readouterr().err.splitlines()) == 6


def test_a_page_of_the_user_is_refused_before_work_and_stays(runs, tmp_path, capsys):
    directory = score(train(runs, "run"), "mig", {"discrete_mig": 0.1})
    (directory / "results" / "aggregate" / "evaluation.json").write_text("{")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    with pytest.raises(
        UserError, match="index.html is not as this package wrote it, or another's; .* another --output$"
    ):
        leaderboard.run(runs, site)
    assert capsys.readouterr().err == ""  # nothing was read
    assert [(path.name, path.read_text()) for path in site.iterdir()] == [("index.html", "mine")]
