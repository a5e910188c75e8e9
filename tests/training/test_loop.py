"""The progress line of a log, and the rate and the losses that a training returns (its steps: test_session.py)."""

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
    lines = capsys.readouterr().err.splitlines()
    assert [each.split(" ")[1] for each in lines] == ["20/100", "50/100", "100/100"]
    # 10 steps of 4 images in 10 s, so the 80 that are left take as many seconds.
    assert lines[0] == "step 20/100 · 4 images/s · loss 12.35 · rec 10.00 · KL 2.35 · 80 s left"
    assert lines[-1].endswith("· 0 s left")


def test_what_was_not_measured_is_left_out(clock, capsys):
    with ProgressLine(0, 10, 1) as line:
        clock[0] += 5
        line.update(5, {"loss": 1.0})
    assert capsys.readouterr().err == "step 5/10 · 1 images/s · loss 1.00 · 5 s left\n"
