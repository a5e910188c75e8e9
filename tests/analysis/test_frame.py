"""frame.py: which evaluations are found, what is left out and why, and the columns."""

import json
import shutil

import pytest
from support.evaluated_runs import evaluate, write_run

from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect


def test_broken_and_unfinished_files_are_named_and_skipped(tmp_path):
    encoded = write_run(tmp_path, "a")
    evaluate(encoded, {"mig": 0.5}, place="whole")
    cut = evaluate(encoded, {"mig": 0.5}, place="cut") / "results/aggregate/evaluation.json"
    cut.write_text(cut.read_text()[:100])
    unfinished = evaluate(encoded, {"mig": 0.5}, place="unfinished")
    (unfinished / "results/json/evaluation_results.json").unlink()
    lacking = evaluate(encoded, {"mig": 0.5}, place="lacking") / "results/aggregate/evaluation.json"
    entries = json.loads(lacking.read_text())
    del entries["train_results.seed"]
    lacking.write_text(json.dumps(entries))
    evaluate(encoded, {"mig": "high"}, place="text")
    evaluate(encoded, {"mig": None}, place="undefined")
    frame, problems = collect(tmp_path)
    assert sorted(frame["path"]) == ["a/mean/metrics/undefined", "a/mean/metrics/whole"]
    told = "\n".join(problems)
    assert len(problems) == 5
    for expected in (
        "cut/results/aggregate/evaluation.json is damaged",
        "unfinished/results/aggregate/evaluation.json: the evaluation was not finished",
        "lacking/results/aggregate/evaluation.json: it lacks train_results.seed",
        "text/results/aggregate/evaluation.json: the score mig must be a finite number, not 'high'",
        "undefined/results/aggregate/evaluation.json: the score mig has no value",
    ):
        assert expected in told
    (row,) = tables.aggregate(frame).to_dict("records")
    assert row["mean"] == 0.5


@pytest.mark.parametrize("ending", [".part", ".old"])
@pytest.mark.parametrize("stage", ["a.old/mean", "a.old/mean/metrics/m"])
def test_what_an_interrupted_command_left_is_not_counted(tmp_path, stage, ending):
    evaluate(write_run(tmp_path, "a.old"), {"mig": 0.5}, place="m")
    shutil.copytree(tmp_path / stage, tmp_path / f"{stage}{ending}")
    frame, problems = collect(tmp_path)
    assert frame["path"].tolist() == ["a.old/mean/metrics/m"]  # a run may be called so
    assert len(problems) == 1
    assert f"{stage.split('/')[-1]}{ending} is left from an interrupted command" in problems[0]


def test_evaluations_are_found_in_the_order_of_their_paths_and_links_are_not_followed(tmp_path):
    for name in ("b", "a/b", "a-b", "results/x", "a"):
        evaluate(write_run(tmp_path, name), {"mig": 0.5}, place="m")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    frame, problems = collect(tmp_path)
    assert problems == []
    expected = sorted(tmp_path / name / "mean/metrics/m" for name in ("b", "a/b", "a-b", "results/x", "a"))
    assert frame["path"].tolist() == [str(each.relative_to(tmp_path)) for each in expected]


def test_configurations_that_differ_in_a_type_only_are_not_mixed_up(tmp_path):
    for name, value in {"a": 1, "b": True, "c": 1.0}.items():
        evaluate(write_run(tmp_path, name, config={"model.xla": value}), {"mig": 0.5})
    frame, _ = collect(tmp_path)
    configs = frame.set_index("path")["config"].tolist()
    assert configs[0] == configs[2] != configs[1]


def test_columns_keep_their_types(tmp_path):
    mixed = {"a": ("x", 1), "b": (2, 2**70), "c": ([1, "y"], 3)}
    for name, (odd, huge) in mixed.items():
        more = {"only": 5} if name == "a" else {}
        evaluate(write_run(tmp_path, name, odd=odd, huge=huge, on=True, **more), {"mig": 0.5})
    frame, _ = collect(tmp_path)
    assert frame["train_results.only"].dtype == "Int64"
    assert frame["train_results.seed"].tolist() == [0, 0, 0]
    assert frame["train_results.on"].dtype == "boolean"
    assert frame["train_results.odd"].tolist() == ['"x"', "2", '[1, "y"]']
    assert frame["train_results.huge"].tolist() == ["1", str(2**70), "3"]
    assert json.loads(frame["evaluation_results.score_names"][0]) == ["mig"]
