"""equal_codes.py: runs with equal codes count once in every statistic, and are named."""

import json
import math

import pytest
from support.evaluated_runs import evaluate, write_run
from support.frames import frame_of

from dlib_bvae import analysis
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.equal_codes import EQUAL, notes, sentences
from dlib_bvae.analysis.frame import CODES, collect


def run(model, seed, value, codes, **more):
    return {"model": model, "seed": seed, "scores": {"discrete_mig": value}, CODES: codes, **more}


def test_seeds_with_equal_codes_are_one_value_without_an_interval():
    frame = frame_of(*(run("oracle", seed, value, "same") for seed, value in enumerate([0.5, 0.6, 0.7])))
    (row,) = tables.aggregate(frame).to_dict("records")
    assert (row["mean"], row["seeds"], row["runs"]) == (pytest.approx(0.6), 1, 1)
    (cell,) = analysis.cells(frame).to_dict("records")
    assert cell["seeds"] == 1
    assert math.isnan(cell["low"])
    assert (cell["unranked"], cell["rank_df"]) == ("reference", 0)
    assert cell[EQUAL] == "the seeds 0, 1 and 2 have equal codes and count once"
    assert sentences(frame) == [f"oracle on dummy_data: {cell[EQUAL]}"]


def test_a_seed_counts_with_what_only_it_has():
    rows = [run("a", 0, 0.1, "x"), run("a", 1, 0.3, "x"), run("a", 1, 0.9, "y", run="other"), run("a", 2, 0.5, None)]
    (row,) = tables.aggregate(frame_of(*rows)).to_dict("records")
    assert (row["mean"], row["seeds"], row["runs"]) == (pytest.approx((0.2 + 0.9 + 0.5) / 3), 3, 3)


def test_runs_whose_codes_are_not_known_are_all_counted():
    rows = [run("a", seed, 0.1 * seed, codes) for seed, codes in enumerate([None, None, "x", "y"])]
    assert tables.aggregate(frame_of(*rows))["seeds"].tolist() == [4]
    del rows[0][CODES]
    assert notes(frame_of(rows[0])).empty
    assert notes(frame_of(*rows)).empty


def test_other_images_and_other_metrics_are_not_compared():
    rows = [run("a", 0, 0.1, "x"), run("b", 0, 0.1, "x", dataset="shapes3d"), run("c", 0, 0.1, "x", metric="dci")]
    assert notes(frame_of(*rows)).empty


def ranked(*names):
    """Cells by model; every one has eight seeds, and `copy` the codes of `best`."""
    values = {"best": 0.9, "copy": 0.9, "middle": 0.5, "last": 0.1}
    rows = [
        run(name, seed, values[name] + 0.01 * seed, f"{'best' if name == 'copy' else name} {seed}")
        for name in names
        for seed in range(8)
    ]
    return analysis.cells(frame_of(*rows)).set_index("model")


def test_rows_with_the_same_codes_have_one_rank_and_count_once_for_the_others():
    found = ranked("best", "copy", "middle", "last")
    assert found["rank_low"].to_dict() == found["rank_high"].to_dict() == {"best": 1, "copy": 1, "middle": 2, "last": 3}
    columns = ["rank_low", "rank_high", "tied", "rank_of", "rank_df", "rank_sd"]
    assert found[columns].drop("copy").to_dict() == ranked("best", "middle", "last")[columns].to_dict()
    assert found["rank_df"].tolist() == [21] * 4  # a copy lends nothing
    assert found[EQUAL].dropna().to_dict() == {"best": "the same codes as copy", "copy": "the same codes as best"}


def test_some_codes_of_another_row_are_named_and_representations_are_told_apart():
    rows = [run("a", 0, 0.1, "x"), run("a", 1, 0.1, "y"), run("b", 0, 0.1, "x", config="c")]
    rows += [run("b", 0, 0.1, "x", config="d"), run("b", 5, 0.1, "z", config="c")]
    frame = frame_of(*rows, run("b", 0, 0.1, "x", config="c", **{"postprocess_results.representation": "sampled"}))
    found = {
        (row["model"], row["config"], row["representation"]): row[EQUAL] for row in notes(frame).to_dict("records")
    }
    assert found["a", "a", "mean"] == "some codes are those of b, b and b"
    assert found["b", "c", "mean"] == "some codes are those of a, b (sampled) and b d"
    assert found["b", "d", "mean"] == "the same codes as b (sampled); some codes are those of a and b c"


def test_long_lists_are_cut():
    assert sentences(frame_of(*(run("a", seed, 0.1, "x") for seed in range(9)))) == [
        "a on dummy_data: the seeds 0, 1, 2, 3, 4 and 4 more have equal codes and count once"
    ]


def test_agreement_variance_and_selection_count_equal_codes_once_whatever_they_are_called():
    rows = [run("a", seed, 0.1 + seed % 3, f"a {seed}") for seed in range(4)]
    rows += [{**row, "metric": "dci"} for row in rows]
    copies = [{**row, "model": "copy", "run": None} for row in rows]
    alone, both = frame_of(*rows), frame_of(*rows, *copies)
    assert analysis.agreements(both)["runs"].tolist() == analysis.agreements(alone)["runs"].tolist() == [4, 4, 4]
    assert analysis.variance_shares(both)["values"].tolist() == analysis.variance_shares(alone)["values"].tolist()
    assert len(analysis.variance_shares(both)) == 6
    chosen = analysis.selections(both, "configurations")
    assert chosen["runs"].tolist() == [4] * len(chosen)
    assert {*chosen["method"]} == {"a"}


def test_results_of_earlier_versions_go_by_the_checksum_of_their_file(tmp_path):
    for seed, sha256 in enumerate(["a" * 64, "a" * 64, None]):
        encoded = write_run(tmp_path, f"r{seed}", seed=seed)
        (encoded / "codes.json").write_text(json.dumps({"sha256": sha256}) if sha256 else "[")
        evaluate(encoded, {"mig": 0.5}, metric="mig")
    frame, problems = collect(tmp_path)
    assert problems == []
    assert frame[CODES].tolist()[:2] == ["a" * 64] * 2
    assert tables.aggregate(frame)["seeds"].tolist() == [2]


def test_the_command_names_them(tmp_path, capsys):
    for seed in range(2):
        encoded = write_run(tmp_path / "runs", f"r{seed}", seed=seed)
        (encoded / "codes.json").write_text(json.dumps({"sha256": "x"}))
        evaluate(encoded, {"mig": 0.5}, metric="mig")
    tables.run(tmp_path / "runs", tmp_path / "out")
    assert "the seeds 0 and 1 have equal codes and count once\n" in capsys.readouterr().err
