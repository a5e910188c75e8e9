"""frame.py: which evaluations are found, what is left out and why, and the columns."""

import gc
import json
import os
import shutil
import sys

import pytest
from support.evaluated_runs import evaluate, write_run
from support.frames import frame_of
from support.leaderboard_runs import bring, score, train

from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect, collect_some, rows_of_scores, with_versions
from dlib_bvae.errors import UserError


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
    said = "\n".join(problems)
    assert len(problems) == 5
    for expected in (
        "cut/results/aggregate/evaluation.json is damaged",
        "unfinished/results/aggregate/evaluation.json: the evaluation was not finished",
        "lacking/results/aggregate/evaluation.json: it lacks train_results.seed",
        "text/results/aggregate/evaluation.json: the score mig must be a finite number, not 'high'",
        "undefined/results/aggregate/evaluation.json: the score mig has no value",
    ):
        assert expected in said
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


def external_codes(root, submission=None):
    """Codes of another framework, and what a verified submission adds; returns the folder of their representation."""
    score(bring(root, "theirs", source="codes.npy", submission=submission, seed=5), "mig", {"discrete_mig": 0.5})
    return root / "theirs" / "codes"


def test_external_codes_have_the_columns_of_a_training(tmp_path):
    external_codes(tmp_path)
    frame, problems = collect(tmp_path)
    assert problems == []
    (row,) = frame.to_dict("records")
    assert (row["train_results.model"], row["train_results.dataset"]) == ("theirs", "dsprites_rendered")
    assert (row["train_results.seed"], row["train_results.fingerprint"]) == (5, "f" * 16)
    assert row["train_results.uuid"] == row["postprocess_results.uuid"]
    assert "evidence" not in frame
    assert len(row["config"]) == 10


def test_a_submission_s_rows_have_its_evidence_and_supervision(tmp_path):
    given = {"method": "PCA", "supervision": "none", "evidence": "recomputed"}
    score(external_codes(tmp_path, given), "sap", {"sap": 0.5}, evidence="claimed")
    score(train(tmp_path, "ours"), "mig", {"discrete_mig": 0.1})
    frame = collect(tmp_path)[0].set_index(["train_results.model", "evaluation_results.metric"])
    assert frame.loc[("theirs", "mig"), ["evidence", "supervision"]].tolist() == ["recomputed", "none"]
    assert frame.loc[("theirs", "sap"), ["evidence", "supervision"]].tolist() == ["claimed", "none"]
    assert frame.loc[("beta_vae", "mig"), ["evidence", "supervision"]].isna().all()


@pytest.mark.parametrize("value", [float("inf"), True, "0.5", [0.5]])
def test_a_score_that_is_no_finite_number_is_left_out(tmp_path, value):
    evaluation = evaluate(write_run(tmp_path, "a"), {"mig": 0.5})
    path = evaluation / "results/aggregate/evaluation.json"
    path.write_text(
        path.read_text().replace('"evaluation_results.mig": 0.5', f'"evaluation_results.mig": {json.dumps(value)}')
    )
    frame, (problem,) = collect(tmp_path)
    assert frame.empty
    assert "the score mig must be a finite number, not" in problem


@pytest.mark.parametrize("names", [[], None, "mig"])
def test_an_evaluation_without_names_of_scores_is_left_out(tmp_path, names):
    evaluation = evaluate(write_run(tmp_path, "a"), {"mig": 0.5})
    path = evaluation / "results/aggregate/evaluation.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps({**entries, "evaluation_results.score_names": names}))
    frame, (problem,) = collect(tmp_path)
    assert frame.empty
    assert "score_names" in problem


def test_nothing_that_can_be_used_is_refused_and_what_is_left_out_is_named(tmp_path, capsys):
    with pytest.raises(
        UserError, match=r"no evaluation below .* can be shown \(none was found\); run dlib_bvae_evaluate"
    ):
        collect_some(tmp_path, "be shown")
    for name in ("a", "b"):
        broken = evaluate(write_run(tmp_path, name), {"mig": 0.5}) / "results/aggregate/evaluation.json"
        broken.write_text("{")
    with pytest.raises(UserError, match=r"can be shown \(all 2 found were left out\)"):
        collect_some(tmp_path, "be shown")
    assert capsys.readouterr().err.count("left out: ") == 2
    evaluate(write_run(tmp_path, "c"), {"mig": 0.5})
    assert len(collect_some(tmp_path, "be shown")) == 1


def test_the_garbage_collector_is_on_again_afterwards(tmp_path):
    evaluate(write_run(tmp_path, "a"), {"mig": 0.5})
    assert gc.isenabled()
    collect(tmp_path)
    assert gc.isenabled()
    gc.disable()
    try:
        collect(tmp_path)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_directory_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    evaluate(write_run(tmp_path, "a"), {"mig": 0.5})
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    frame, problems = collect(tmp_path)
    assert len(frame) == 1
    assert problems == [f"{tmp_path / 'closed'} cannot be read (Permission denied)"]


def test_an_evaluation_may_itself_be_the_folder(tmp_path):
    place = evaluate(write_run(tmp_path, "a"), {"mig": 0.5}, place="m")
    frame, problems = collect(place)
    assert (frame["path"].tolist(), problems) == (["."], [])


def test_former_gin_names_are_read_as_today_s_and_tell_configurations_apart_as_before(tmp_path):
    for name, key in {"a": "fid.every_steps", "b": "frechet_curve.every_steps"}.items():
        evaluate(write_run(tmp_path, name, config={key: 500}), {"mig": 0.5})
    frame, _ = collect(tmp_path)
    assert frame["train_config.frechet_curve.every_steps"].tolist() == [500, 500]
    assert "train_config.fid.every_steps" not in frame
    assert frame["config"].nunique() == 1


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        ("train_results.num_parameters", "many", "num_parameters must be a finite number, not 'many'"),
        ("train_results.elapsed_time", "an hour", "elapsed_time must be a finite number, not 'an hour'"),
        ("train_results.elapsed_time", True, "elapsed_time must be a finite number, not True"),
        ("train_results.seed", "x", "seed must be an integer of 64 bits, not 'x'"),
        ("train_results.seed", 2**70, "seed must be an integer of 64 bits"),
        ("postprocess_results.num_images", 1.5, "num_images must be an integer of 64 bits, not 1.5"),
        ("train_results.model", 7, "model must be text, not 7"),
        ("train_results.started", [1], "started must be text, not [1]"),
        ("train_identity.seeds", 5, "seeds must be a list of names, not 5"),
        ("evaluation_results.score_names", [["mig"]], "score_names must be a list of names"),
        ("evaluation_results.mig", 10**400, "the score mig must be a finite number, not 1000"),
        ("evaluation_results.null.mig.p", "low", "null.mig.p must be a finite number, not 'low'"),
        ("evaluation_results.null.mig.n", 0, "null.mig.n must be an integer > 0, not 0"),
        ("evaluation_results.repeats.seeds", ["x"], "repeats.seeds must be a list of finite numbers"),
        ("evaluation_results.repeats.scores.mig", 5, "repeats.scores.mig must be a list of finite numbers, not 5"),
        ("postprocess_results.step", "last", "step must be an integer of 64 bits, not 'last'"),
        ("train_results.model", "\ud800", "a name or text in it is no Unicode"),
        ("train_results.more", ["\ud800"], "a name or text in it is no Unicode"),
        ("\ud800", 1, "a name or text in it is no Unicode"),
        ("evaluation_results.metric_parameters.x", float("nan"), "nan is no finite number"),
        ("evaluation_results.metric_parameters.x", [float("inf")], "not JSON compliant"),
        (
            "submission_results.supervision",
            "none",
            "the evidence must be one of claimed, recomputed, retrained, not None",
        ),
    ],
)
def test_a_row_that_is_not_as_it_was_written_is_left_out_alone(tmp_path, entry, value, expected):
    encoded = write_run(tmp_path, "a")
    evaluate(encoded, {"mig": 0.5}, place="whole")
    path = evaluate(encoded, {"mig": 0.5}, place="bad") / "results/aggregate/evaluation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), entry: value}))
    frame, (problem,) = collect(tmp_path)
    assert frame["path"].tolist() == ["a/mean/metrics/whole"]
    assert expected in problem
    tables.write_tables(tables.aggregate(frame), frame, tmp_path)


# Later ones read 700 levels, and every text that is made of them.
LIMITED = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 and later have no such limit")


@pytest.mark.parametrize(
    ("levels", "said_of_them"),
    [
        pytest.param(700, "nested too deeply", marks=LIMITED),
        (100_000, "maximum recursion depth exceeded"),
    ],
)
def test_a_row_nested_too_deeply_a_pipe_and_a_name_of_no_unicode_are_left_out(tmp_path, levels, said_of_them):
    encoded = write_run(tmp_path, "a")
    evaluate(encoded, {"mig": 0.5}, place="whole")
    path = evaluate(encoded, {"mig": 0.5}, place="deep") / "results/aggregate/evaluation.json"
    deep = "[" * levels + "]" * levels
    path.write_text(
        f'{path.read_text().rstrip().removesuffix("}")}, "evaluation_results.metric_parameters.x": {deep}}}'
    )
    pipe = evaluate(encoded, {"mig": 0.5}, place="pipe") / "results/aggregate/evaluation.json"
    pipe.unlink()
    os.mkfifo(pipe)
    evaluate(encoded, {"mig": 0.5}, place="b\udcff")
    frame, problems = collect(tmp_path)
    assert frame["path"].tolist() == ["a/mean/metrics/whole"]
    said = "\n".join(problems)
    for expected in (said_of_them, "is no regular file; remove it", "no Unicode"):
        assert expected in said
    assert len(problems) == 3


def test_control_characters_of_what_is_left_out_are_shown_as_escapes(tmp_path, capsys):
    encoded = write_run(tmp_path, "a")
    evaluate(encoded, {"mig": 0.5})
    path = evaluate(encoded, {"mig": 0.5}, place="\x1b[31m\u202e") / "results/aggregate/evaluation.json"
    path.write_text("{")
    collect_some(tmp_path, "be aggregated")
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "metrics/\\x1b[31m\\u202e/results" in said


def test_the_rows_of_a_score_are_those_that_name_it():
    frame = frame_of({"scores": {"b": 1, "a": 2}}, {"scores": {"a": 1}}, {"scores": {"b": 1, "a": 2}}, {"scores": {}})
    found = rows_of_scores(frame)
    assert {score: rows.tolist() for score, rows in found.items()} == {"a": [0, 1, 2], "b": [0, 2]}
    assert list(found) == ["a", "b"]
    assert rows_of_scores(frame[:0]) == {}


def test_results_say_their_versions_and_those_of_before_have_1_or_their_definition(tmp_path):
    for place, given in enumerate(({}, {"definition": 2}, {"num_train": 10})):
        evaluate(write_run(tmp_path, f"before{place}"), {"mig": 0.5}, parameters=given)
    score(train(tmp_path, "today", data_version=3), "mig", {"discrete_mig": 0.5}, metric_version=4)
    score(bring(tmp_path, "theirs", source="codes.npy", data_version=2), "mig", {"discrete_mig": 0.5})
    frame, problems = collect(tmp_path)
    assert problems == []
    found = frame[["path", "data_version", "metric_version", "metric_parameters"]].to_numpy().tolist()
    assert {path.split("/")[0]: tuple(entries) for path, *entries in found} == {
        **{"before0": (1, 1, "{}"), "before1": (1, 2, "{}"), "before2": (1, 1, '{"num_train": 10}')},
        **{"today": (3, 4, '{"num_train": 10}'), "theirs": (2, 1, '{"num_train": 10}')},
    }


def test_a_version_that_is_no_integer_is_refused(tmp_path):
    score(train(tmp_path, "a", data_version="2"), "mig", {"discrete_mig": 0.5})
    frame, (problem,) = collect(tmp_path)
    assert frame.empty
    assert problem.endswith("data_version must be an integer of 64 bits, not '2'")


def test_a_table_of_before_gets_its_versions():
    frame = frame_of({"parameters": '{"definition": 2, "n": 1}'}, {"parameters": '{"n": 1}'}, {"data_version": 3})
    kept = frame.drop(columns=["data_version", "metric_version"])
    kept["evaluation_results.metric_parameters.definition"] = [2, None, None]
    kept["train_results.data_version"] = [None, None, 3]
    found = with_versions(kept)
    assert found["metric_version"].tolist() == [2, 1, 1]
    assert found["data_version"].tolist() == [1, 1, 3]
    assert found["metric_parameters"].tolist() == ['{"n": 1}', '{"n": 1}', "{}"]
    assert with_versions(frame) is frame
