"""The progress line of a log, and the rate and the losses that a training returns (its steps: test_session.py)."""

from pathlib import Path

import pytest

from dlib_bvae.training import loop
from dlib_bvae.training.loop import ProgressLine

VALUES = {"loss": 12.345, "reconstruction": 10.0, "kl": 2.345, "other": 9.0}


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_at_first_every_half_minute_and_at_the_end(clock, capsys):
    with ProgressLine(10, 100, 4) as line:
        for seconds, step in ((10, 20), (29, 30), (31, 40), (70, 50), (71, 60), (80, 100)):
            clock[0] = 100.0 + seconds
            line.update(step, VALUES)
    first, estimate, *lines = capsys.readouterr().err.splitlines()
    # what the first call took, which compiles, does not say how long the others take
    assert first == "step 20/100 · 4 images/s · loss 12.35 · rec 10.00 · KL 2.35"
    # 10 steps took 19 s after the first call, which compiles; 70 are left
    assert estimate == "this takes about 2 min here"
    assert [each.split(" · ")[:2] for each in lines] == [["2 min left", "step 50/100"], ["0 s left", "step 100/100"]]


def test_a_notebook_has_one_line_that_is_drawn_again(clock, capsys, monkeypatch):
    monkeypatch.setattr(loop, "in_notebook", lambda: True)
    with ProgressLine(0, 30, 4) as line:
        for seconds in (1, 1.2, 2, 3):
            clock[0] = 100.0 + seconds
            line.update(int(10 * seconds), VALUES)
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert written.count("\n") == 1
    drawn = written.rstrip("\n").split("\r")[1:]
    assert [each[each.index("step") :].split(" · ")[0] for each in drawn] == ["step 10/30", "step 20/30", "step 30/30"]
    assert len({len(each) for each in drawn}) == 1  # a shorter line leaves nothing of a longer one


def test_a_training_of_hours_says_how_it_may_end_before(clock, capsys):
    with ProgressLine(0, 300_000, 64) as line:
        for seconds in (5, 6, 9, 20):  # a step a second
            clock[0] = 100.0 + seconds
            line.update(seconds, {})
    (said,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("this takes")]
    assert said.startswith(
        "this takes about 3 d 11 h here; Ctrl-C ends it with a checkpoint, the same command continues; for"
    )
    assert said.endswith("--gin_bindings='model.training_steps = …'")


def test_what_training_begins_is_said():
    said = loop.begun(Path("runs/a/train.part"), 0, 300_000, 64, "dsprites_rendered (737,280)")
    assert said == (
        "training runs/a: 300,000 steps of 64 images of dsprites_rendered (737,280), 19.2 million in all, which take "
        "hours without a GPU,"
    )
    assert loop.begun(Path("runs/a/train.part"), 1_000, 2_000, 8, "", 3) == (
        "training runs/a: steps 1,000 to 2,000 of 8 images of 3 models"
    )


def test_what_was_not_measured_is_left_out(clock, capsys):
    with ProgressLine(0, 10, 1) as line:
        clock[0] += 5
        line.update(5, {"loss": 1.0})
    assert capsys.readouterr().err == "step 5/10 · 1 images/s · loss 1.00\n"
