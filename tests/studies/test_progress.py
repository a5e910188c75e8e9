"""progress.py: what is shown of a study under way and at any time."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from dlib_bvae.artifacts import run_lock, write_stage
from dlib_bvae.errors import UserError
from dlib_bvae.studies import progress, state
from dlib_bvae.studies.local import Outcome
from dlib_bvae.studies.state import states


def finish(run, store, seconds):
    directory = run.directory(store)
    for folder, stage in (("train", "train"), ("mean", "postprocess"), (run.evaluations[0].folder, "evaluation")):
        earlier = None if stage == "train" else directory / "train"
        results = {"elapsed_time": seconds}
        write_stage(directory / folder, stage, results=results, config={}, gin_text="", earlier=earlier)


def test_time_left_is_that_of_done_runs_of_the_part(tiny, tmp_path):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0]}")
    finish(study.runs[0], tmp_path, 60.0)
    found = state.states(study.runs, tmp_path)
    known = state.RuntimeEstimator(study.runs, found, tmp_path)
    assert known.left(study.runs[0], found[0]) == 0
    assert known.left(study.runs[1], found[1]) == 180
    assert known.left(study.runs[1], found[1]._replace(step=750, phase="training")) == 135
    assert known.left(study.runs[1], found[1]._replace(step=1000, trained=True, phase="scoring")) == 120
    assert known.left(study.runs[2], found[2]) is None
    finish(study.runs[2], tmp_path, 10.0)
    known.learn(study.runs[2])
    assert known.left(study.runs[3], found[3]) == 30


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4.4, "4 s"), (99, "99 s"), (100, "2 min"), (3570, "1 h 00 min"), (11100, "3 h 05 min"), (187200, "2 d 4 h")],
)
def test_durations_in_words(seconds, said):
    assert progress.duration(seconds) == said


def shown(study, store, width=120, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    return progress.Progress(study, state.states(study.runs, store), store, 2, console), console


def test_a_log_has_a_line_an_event(tiny, tmp_path):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0]}")
    with shown(study, tmp_path)[0] as display:
        pass
    display, console = shown(study, tmp_path)
    with display:
        for run in study.runs[:3]:
            display.report(run, None)
        finish(study.runs[0], tmp_path, 60.0)
        display.report(study.runs[0], Outcome("done", "", 61.0))
        display.report(study.runs[1], Outcome("failed", "it [diverged]", 5.0))
        display.report(study.runs[2], Outcome("busy", "another process works on it", 0.0))
    assert console.file.getvalue().splitlines() == [
        "[0/4 done] vae beta=1.0: started",
        "[0/4 done] vae beta=4.0: started",
        "[0/4 done] pca random_seed=0: started",
        "[1/4 done] vae beta=1.0: done in 61 s",
        "[1/4 done] vae beta=4.0: failed: it [diverged]",
        "[1/4 done] pca random_seed=0: left out: another process works on it",
    ]


def test_a_terminal_has_a_live_table(tiny, tmp_path):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0]}")
    finish(study.runs[0], tmp_path, 500.0)
    display, console = shown(study, tmp_path, force_terminal=True)
    with display:
        display.report(study.runs[1], None)
        checkpoints = study.runs[1].directory(tmp_path) / "train.part" / "checkpoint"
        checkpoints.mkdir(parents=True)
        (checkpoints / "checkpoint").write_text('model_checkpoint_path: "ckpt-300"', encoding="utf-8")
    last = console.file.getvalue().rsplit("runs done", 1)[1]
    assert "1 running" in last
    assert "at least 11 min left" in last  # 2 workers: (0.7 × 500 + 1,000) ÷ 2
    assert "vae beta=4.0: training, step 300 of 1,000" in last
    assert re.search(r"^vae +2 +1 +1 *$\n^pca +2 +2 *$", last, re.MULTILINE)


def test_counts_in_words():
    assert (progress.pluralize(1, "run"), progress.pluralize(1200, "run")) == ("1 run", "1,200 runs")


def status_of(study, store) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(progress.picture(study, states(study.runs, store)))
    return out.getvalue()


def test_runs_under_way_and_failed_ones_are_named_and_all_are_counted(tiny, tmp_path):
    study, store = tiny(), tmp_path / "store"
    first, second, _ = study.runs
    (second.directory(store)).mkdir(parents=True)
    (second.directory(store) / "failure.json").write_text(json.dumps({"message": "the disk is full"}))
    checkpoint = first.directory(store) / "train.part/checkpoint/checkpoint"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text('model_checkpoint_path: "ckpt-300"\n')
    with run_lock(first.directory(store)):
        text = status_of(study, store)
    assert text.startswith("0 of 3 runs done · 1 under way · 1 failed\n")
    assert "vae: training, step 300 of 1,000\n" in text
    assert "pca random_seed=0: failed: the disk is full\n" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["vae", "1", "1"] in rows
    assert ["pca", "2", "1", "1"] in rows
    assert "0 under way" in status_of(study, store)


def test_many_runs_are_cut_short(tiny, tmp_path):
    study, store = (
        tiny("pca/part.grid = {'model.random_seed': [" + ", ".join(map(str, range(20))) + "]}"),
        tmp_path / "store",
    )
    for run in study.runs[1:]:
        run.directory(store).mkdir(parents=True)
        (run.directory(store) / "failure.json").write_text('{"message": "no"}')
    assert "  and 4 more\n" in status_of(study, store)


def test_results_that_are_not_there(tiny, tmp_path):
    tiny()
    with pytest.raises(UserError, match="there is no .*nowhere; start the sweep first"):
        progress.show([str(tmp_path / "tiny.gin")], results=tmp_path / "nowhere")
