"""rank.py: three runs are ranked, and the tables have their scores."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae.analysis.frame import collect
from dlib_bvae.analysis.tables import aggregate
from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import rank

COMMAND = Path(__file__).parents[2] / "bin" / "dlib_bvae_rank"
FEW = [
    "model_centrality.num_votes = 30",
    "model_centrality.batch_size = 10",
    "model_centrality.num_variance_estimate = 50",
    "model_centrality.kl_threshold = 0.0",
    "udr.kl_threshold = 0.0",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, random_encoder):
    """Run directories a, b, c that differ in their seed, and `other` on other data."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate("abc"):
        random_encoder(folder / name, f"model.random_seed = {seed}")
    random_encoder(
        folder / "other", "dataset.name = 'subset'", "subset.data = 'dummy_data'", "subset.values = {'row': [0, 1]}"
    )
    return folder


def test_each_run_gets_its_score_and_the_set_it_is_of(runs, capsys):
    members = [runs / name for name in "cab"]
    folders = rank.run("all", members, [], FEW)
    assert len(folders) == 6
    said = capsys.readouterr().out
    assert "udr: ranked 3 runs" in said
    results = [read_results(each, "evaluation") for each in folders]
    assert [result["metric"] for result in results] == ["model_centrality"] * 3 + ["udr"] * 3
    assert {result["metric_parameters"]["num_runs"] for result in results} == {3}
    assert [Path(each["run"]).name for each in results[3]["run_set"]] == ["a", "b", "c"]
    assert results[3]["udr"] == np.median([each for each in results[3]["udr_of_pairs"] if each is not None])
    assert results[3]["score_names"] == ["num_informative", "udr"]
    rank.run("udr", members[::-1], [], FEW)
    assert "these 3 runs are ranked already" in capsys.readouterr().out
    assert read_results(folders[3], "evaluation") == results[3]
    again = rank.run("udr", members, [], FEW, overwrite=True)
    redone = read_results(again[0], "evaluation")
    assert redone["udr"] == results[3]["udr"]
    assert redone["uuid"] != results[3]["uuid"]
    frame, problems = collect(runs)
    assert not problems
    row = aggregate(frame).set_index("score").loc["udr"]
    assert row["mean"] == pytest.approx(np.mean([result["udr"] for result in results[3:]]))
    assert row["seeds"] == 3


def test_another_set_is_not_pooled(runs):
    folders = [rank.run("udr", [runs / name for name in names], [], FEW) for names in ("ab", "abc")]
    assert folders[0][0] != folders[1][0]
    table = aggregate(collect(runs)[0])
    assert len(table[(table["score"] == "udr") & (table["metric"] == "udr")]) >= 2


def test_what_is_no_set_is_refused(runs):
    a, b, other = runs / "a", runs / "b", runs / "other"
    with pytest.raises(UserError, match="needs at least two of them"):
        rank.run("udr", [a])
    with pytest.raises(UserError, match="given twice"):
        rank.run("udr", [a, b, runs / "b" / ".." / "a"])
    with pytest.raises(UserError, match=r"other was trained on subset.*; rank runs on one data set"):
        rank.run("udr", [a, other])
    with pytest.raises(UserError, match="there is no run directory"):
        rank.run("udr", [a, runs / "none"])
    with pytest.raises(UserError, match="no metric of a set of runs is called 'mig'"):
        rank.run("mig", [a, b])
    with pytest.raises(UserError, match=r"leave out evaluation\.split = 'in'"):
        rank.run("udr", [a, b], [], ["evaluation.split = 'in'"])
    with pytest.raises(UserError, match=r"leave out evaluation\.repeats = 3"):
        rank.run("udr", [a, b], [], ["evaluation.repeats = 3"])
    with pytest.raises(UserError, match=r"a ranking has no null; leave out evaluation\.null = 3"):
        rank.run("udr", [a, b], [], ["evaluation.null = 3"])


def test_the_command_needs_no_tensorflow_for_its_help(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')", encoding="utf-8")
    paths = [str(tmp_path), str(COMMAND.parents[1])]
    done = subprocess.run(
        [sys.executable, COMMAND, "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "RUN_DIR" in done.stdout


def test_a_copy_of_a_run_is_no_second_run(runs, tmp_path):
    shutil.copytree(runs / "a", tmp_path / "copy")
    with pytest.raises(UserError, match=r"/a and .*/copy are copies of one run; give each run once"):
        rank.run("udr", [runs / "a", runs / "b", tmp_path / "copy"], [], FEW)
