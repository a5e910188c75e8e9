"""dlib_bvae_evaluate on codes and models that are no run of this package, as typed."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

SCORE = ("--metric=mig,sap", "--gin_bindings=mig.num_train = 500", "--gin_bindings=sap.num_train = 500")


def scores(folder):
    paths = sorted(folder.glob("metrics/*/results/json/evaluation_results.json"))
    results = [json.loads(path.read_text()) for path in paths]
    return [{name: each[name] for name in each["score_names"]} for each in results]


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_its_codes_and_its_model_score_alike_and_make_rows(folder, command):
    run = folder / "runs/beta4_dsprites"
    done = command(folder, "dlib_bvae_evaluate", *SCORE)
    assert done.returncode == 0, done.stderr
    shutil.copy(run / "mean/codes.npy", folder / "theirs.npy")
    poisoned = folder / "poison/tensorflow.py"
    poisoned.parent.mkdir()
    poisoned.write_text("raise SystemExit('tensorflow was imported')")
    path = os.pathsep.join([str(poisoned.parent), os.environ.get("PYTHONPATH", "")])
    options = {"env": {**os.environ, "PYTHONPATH": path}}
    done = command(folder, "dlib_bvae_evaluate", "--codes=theirs.npy", "--dataset=dummy_data", *SCORE, **options)
    assert done.returncode == 0, done.stderr
    shutil.copytree(run / "train/saved_model", folder / "network")
    flags = ("--saved_model=network", "--dataset=dummy_data", "--output_dir=elsewhere", "--name=net")
    done = command(folder, "dlib_bvae_evaluate", *flags, *SCORE)
    assert done.returncode == 0, done.stderr
    expected = scores(run / "mean")
    assert len(expected) == 2
    assert scores(folder / "runs/theirs/codes") == scores(folder / "elsewhere/mean") == expected
    table = command(folder, "dlib_bvae_aggregate", "--results_dir=.")
    assert table.returncode == 0, table.stderr
    rows = pd.read_csv(folder / "results.csv")
    assert sorted(rows["model"][rows["score"] == "discrete_mig"]) == ["beta4", "net", "theirs"]


def test_refusals_are_listed_and_the_others_are_scored(command, tmp_path):
    np.save(tmp_path / "one.npy", np.arange(512.0)[:, None])
    flags = ("--codes=one.npy", "--dataset=dummy_data", "--gin_bindings=med.num_train = 500")
    done = command(tmp_path, "dlib_bvae_evaluate", "--metric=med,reconstruction_error,mig", *flags)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["refused", "refused", "dlib_bvae_evaluate"]
    assert lines[-1].endswith("2 of 3 metrics could not be scored: med, reconstruction_error; the lines above say why")
    assert (tmp_path / "runs/one/codes/metrics/mig").is_dir()


def test_repeats_are_told_in_the_folder_s_name_and_matchings_are_not(command, tmp_path):
    np.save(tmp_path / "one.npy", np.arange(512.0)[:, None])
    flags = ("--codes=one.npy", "--dataset=dummy_data", "--metric=mig", "--repeats=3", "--null=2")
    done = command(tmp_path, "dlib_bvae_evaluate", *flags)
    assert done.returncode == 0, done.stderr
    assert "±" in done.stdout
    path = tmp_path / "runs/one/codes/metrics/mig-evaluation.repeats=3/results/json/evaluation_results.json"
    results = json.loads(path.read_text())
    assert results["repeats"]["seeds"] == [0, 1, 2]
    assert results["null"]["discrete_mig"]["n"] == 2


def test_codes_are_scored_tabled_and_on_the_board_where_there_is_no_tensorflow(tmp_path):
    np.save(tmp_path / "theirs.npy", np.random.default_rng(0).normal(size=(512, 3)))
    code = """
import sys
sys.modules["tensorflow"] = None
from dlib_bvae.commands import run
for words in (["evaluate", "--codes=theirs.npy", "--dataset=dummy_data", "--metric=mig"], ["aggregate"], ["leaderboard"]):
    sys.argv = [f"dlib_bvae_{words[0]}", *words[1:]]
    try:
        run(words[0])
    except SystemExit as end:
        assert not end.code, words
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "discrete_mig" in (tmp_path / "runs" / "results.csv").read_text(encoding="utf-8")
    assert (tmp_path / "board" / "index.html").is_file()
