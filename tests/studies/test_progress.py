"""progress.py: what is shown of a study under way and at any time."""

from __future__ import annotations

import io
import json
import re
import threading

import pytest
from rich.console import Console
from support.study_runs import finish

from dlib_bvae.artifacts import run_lock
from dlib_bvae.errors import UserError
from dlib_bvae.studies import progress, state
from dlib_bvae.studies.local import Outcome
from dlib_bvae.studies.state import states


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
    with pytest.raises(UserError, match="there is no .*nowhere; start the study first"):
        progress.show([str(tmp_path / "tiny.gin")], results=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("done", "", 61.0), "done in 61 s"),
        (Outcome("failed", "it diverged", 5.0), "failed: it diverged"),
        (Outcome("timeout", "it ran longer than 5 s", 5.0), "failed: it ran longer than 5 s"),
        (Outcome("busy", "another process", 0.0), "left out: another process"),
        (Outcome("lost", "its node", 0.0), "lost: its node"),
        (Outcome("trained", "", 61.0), "trained in 61 s"),
        (
            Outcome("apart", "it was killed", 1.0),
            "trained alone from now on, as the process that trained it with others failed: it was killed",
        ),
        (Outcome("stopped", "", 9.0), "stopped"),
    ],
)
def test_endings_in_words(outcome, said):
    assert progress.ending(outcome) == said


def test_where_a_run_is_in_words():
    begun = state.State("training", False, 1000, 6000, 0, 3, True, "")
    assert progress.described(begun) == "training, step 1,000 of 6,000"
    assert progress.described(begun._replace(steps=None)) == "training, step 1,000"
    assert progress.described(begun._replace(step=0)) == "training"
    assert progress.described(begun._replace(phase="scoring", scored=2)) == "scoring, 2 of 3"
    assert progress.described(begun._replace(phase="waiting")) == "starting"
    assert progress.described(begun._replace(phase="failed")) == "failed"


def test_a_label_has_the_part_and_what_differs_within_it(tiny):
    runs = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0], 'model.batch_size': [8]}").runs
    assert list(progress.labels(runs).values()) == [
        "vae beta=1.0",
        "vae beta=4.0",
        "pca random_seed=0",
        "pca random_seed=1",
    ]
    assert list(progress.labels(runs).keys()) == [run.digest for run in runs]


def test_a_summary_counts_what_is_done_running_and_failed(tiny, tmp_path):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0]}")
    finish(study.runs[0], tmp_path, 100.0)
    failed = study.runs[2].directory(tmp_path)
    failed.mkdir()
    (failed / "failure.json").write_text('{"message": "no"}')
    stop = threading.Event()
    console = Console(file=io.StringIO(), width=120)
    display = progress.Progress(study, state.states(study.runs, tmp_path), tmp_path, 2, console, stop)
    display.report(study.runs[1], None)
    assert display.summary() == "1 of 4 runs done · 1 running · 1 failed · 0 s so far · at least 2 min left"
    stop.set()
    assert "1 failed · stopping, with checkpoints · 0 s so far" in display.summary()
    display.report(study.runs[1], Outcome("stopped", "", 1.0))
    assert display.summary() == "1 of 4 runs done · 1 failed · 0 s so far · at least 2 min left"
    finish(study.runs[1], tmp_path, 100.0)
    display.report(study.runs[1], Outcome("done", "", 1.0))
    assert display.summary() == "2 of 4 runs done · 1 failed · 0 s so far"  # of the last part no run is done


def test_the_time_left_is_shared_among_the_workers(tiny, tmp_path):
    study = tiny("study.parts = [@pca/part()]", "pca/part.grid = {'model.random_seed': [0, 1, 2, 3]}")
    finish(study.runs[0], tmp_path, 100.0)
    display, _ = shown(study, tmp_path)
    assert display.summary().endswith("about 8 min left")  # 3 × 300 s ÷ 2
    display._workers = 64
    assert display.summary().endswith("about 5 min left")  # three at a time


def test_more_running_runs_than_lines_are_counted(tiny, tmp_path):
    study = tiny("study.parts = [@pca/part()]", f"pca/part.grid = {{'model.random_seed': {list(range(20))}}}")
    display, _ = shown(study, tmp_path)
    for run in study.runs[:16]:
        display.report(run, None)
    assert len(display._running_lines()) == 16
    for run in study.runs[16:]:
        display.report(run, None)
    assert display._running_lines()[15:] == ["  pca random_seed=15: starting", "  and 4 more"]


def test_sixteen_lines_are_not_cut_short():
    pairs = [(str(place), "no") for place in range(16)]
    assert progress._first(pairs) == [f"  {place}: no" for place in range(16)]
    assert progress._first([*pairs, ("16", "no")])[15:] == ["  15: no", "  and 1 more"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (99.4, "99 s"),
        (100.0, "2 min"),
        (3569, "59 min"),
        (172_700, "47 h 58 min"),
        (172_800, "2 d 0 h"),
        (90_000 * 3, "3 d 3 h"),
    ],
)
def test_durations_at_their_edges(seconds, said):
    assert progress.duration(seconds) == said


def test_a_terminal_watches_until_all_is_done(tiny, tmp_path, monkeypatch):
    study = tiny("study.parts = [@pca/part()]", "pca/part.grid = {'model.random_seed': [0]}")
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        finish(study.runs[0], tmp_path)

    monkeypatch.setattr(progress.time, "sleep", sleep)
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    progress._watch(study, tmp_path, console)
    assert [seconds >= 2.0 for seconds in slept] == [True, True]
    assert "1 of 1 run done" in console.file.getvalue()


@pytest.mark.parametrize(("status", "learnt"), [("done", 1), ("failed", 0), ("stopped", 0)])
def test_only_runs_that_are_done_say_how_long_others_take(tiny, tmp_path, monkeypatch, status, learnt):
    study = tiny()
    seen = []
    shown_progress, _ = shown(study, tmp_path)
    monkeypatch.setattr(shown_progress.pace, "learn", seen.append)
    shown_progress.report(study.runs[0], None)
    shown_progress.report(study.runs[0], Outcome(status, "", 1.0))
    assert len(seen) == learnt
