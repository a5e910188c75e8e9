"""benchmarks/study_results.py: what is done goes to another machine as files, and counts as done there."""

import io
import json
import runpy
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from support import study_runs

from dlib_bvae.analysis.frame import current_column, with_versions
from dlib_bvae.re_beta_vae.rows import read
from dlib_bvae.studies import state, study

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = runpy.run_path(str(BENCHMARKS / "study_results.py"))
SMALL = BENCHMARKS / "results" / "re_beta_vae_small"


def begin(store, run, *, scored):
    study_runs.finish(run, store, scored=scored)
    directory = run.directory(store)
    (directory / "run.json").write_text(json.dumps(run.to_json()), encoding="utf-8")
    (directory / "train" / "saved_model").mkdir()
    (directory / "train" / "saved_model" / "saved_model.pb").write_bytes(b"large")


def test_results_of_scored_runs_are_carried_without_models(tiny, tmp_path):
    scored, unscored, waiting = runs = tiny().runs
    begin(tmp_path / "here", scored, scored=True)
    begin(tmp_path / "here", unscored, scored=False)
    files = 1 + 3 * 5  # run.json; of each stage its gin text, configuration, identity, results and all that led to them
    assert SCRIPT["pack"](tmp_path / "here", tmp_path / "runs.tar.xz") == files
    assert SCRIPT["unpack"](tmp_path / "runs.tar.xz", tmp_path / "there") == files
    assert SCRIPT["unpack"](tmp_path / "runs.tar.xz", tmp_path / "there") == 0
    assert [each.done for each in state.states(runs, tmp_path / "there")] == [True, False, False]
    assert not list((tmp_path / "there").rglob("*.pb"))
    SCRIPT["pack"](tmp_path / "there", tmp_path / "again.tar.xz")
    assert (tmp_path / "again.tar.xz").read_bytes() == (tmp_path / "runs.tar.xz").read_bytes()


def test_thumbnails_travel_and_other_pictures_stay(tiny, tmp_path):
    run = tiny().runs[0]
    begin(tmp_path / "here", run, scored=True)
    drawn = run.directory(tmp_path / "here") / "visualize"
    write(drawn / "thumbnail.png", b"\x89PNG\r\n\x1a\n...")
    write(drawn / "sheet.png", b"large")
    write(drawn / "results/json/visualize_results.json", b"{}")
    assert SCRIPT["pack"](tmp_path / "here", tmp_path / "runs.tar.xz") == 1 + 3 * 5 + 1
    SCRIPT["unpack"](tmp_path / "runs.tar.xz", tmp_path / "there")
    there = run.directory(tmp_path / "there") / "visualize"
    assert [path.name for path in there.rglob("*")] == ["thumbnail.png"]
    assert (there / "thumbnail.png").read_bytes() == (drawn / "thumbnail.png").read_bytes()


@pytest.mark.parametrize("content", [b"<script>", b"\x89PNG\r\n\x1a\n" + bytes(60 * 1024)])
def test_a_thumbnail_is_a_small_png(tmp_path, content):
    with tarfile.open(tmp_path / "runs.tar.xz", "w:xz") as target:
        member = tarfile.TarInfo("run/visualize/thumbnail.png")
        member.size = len(content)
        target.addfile(member, io.BytesIO(content))
    with pytest.raises(SystemExit, match="no small PNG"):
        SCRIPT["unpack"](tmp_path / "runs.tar.xz", tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize(
    "name", ["../outside/run.json", "run/train/results/json/../../x.json", "/etc/run.json", "run/x.py"]
)
def test_an_archive_with_another_file_is_refused_whole(tmp_path, name):
    with tarfile.open(tmp_path / "runs.tar.xz", "w:xz") as target:
        for each in ("run/run.json", name):
            target.addfile(tarfile.TarInfo(each), io.BytesIO())
    with pytest.raises(SystemExit, match="no result file"):
        SCRIPT["unpack"](tmp_path / "runs.tar.xz", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_the_committed_results_count_as_done_for_the_study_as_it_is_configured(tmp_path, monkeypatch):
    monkeypatch.setitem(
        SCRIPT["unpack"].__globals__, "write_atomic", write
    )  # a flushed file at a time takes half a minute
    assert SCRIPT["unpack"](SMALL / "runs.tar.xz", tmp_path) == 4032
    runs = study.load(["gin/studies/re_beta_vae_small.gin"]).runs
    assert len(runs) == len(list(tmp_path.iterdir())) == 64
    assert [run.digest for run, each in zip(runs, state.states(runs, tmp_path), strict=True) if not each.done] == []
    rows, problems = read([tmp_path])
    committed = with_versions(pd.read_parquet(SMALL / "runs.parquet").rename(columns=current_column)).astype(object)
    assert problems == []
    assert set(rows.columns) - {"folder"} == set(committed.columns)
    pairs = [each.set_index("evaluation_results.uuid").sort_index() for each in (rows, committed)]
    assert pairs[0].index.equals(pairs[1].index)
    for name in (
        "config",
        "metric_parameters",
        "metric_version",
        "data_version",
        "train_config.validation.every_steps",
        "evaluation_results.eval_accuracy",
    ):
        assert pairs[0][name].dropna().tolist() == pairs[1][name].dropna().tolist()
