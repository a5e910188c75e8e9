"""progress_line.py: durations in words, and a line on a terminal whose time is never cut."""

import io

import pytest
from rich.console import Console

from dlib_bvae import progress_line
from dlib_bvae.progress_line import bar, duration, progress


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (99, "99 s"), (101, "2 min"), (3600, "1 h 00 min"), (49 * 3600, "2 d 1 h")],
)
def test_a_duration_in_words(seconds, said):
    assert duration(seconds) == said


def terminal(width=80):
    return Console(file=io.StringIO(), width=width, force_terminal=True, legacy_windows=False)


@pytest.mark.parametrize("width", [30, 45, 60, 100])
def test_the_time_that_is_left_comes_first_and_is_never_cut(width):
    console = terminal(width)
    line = bar(console)
    text = "step 1000/300000 · 1,234 images/s · loss 100.00 · rec 90.00 · KL 10.00"
    line.add_task(text, total=10, completed=3, left="13 h 59 min left")
    console.print(line.get_renderable())
    shown = [each for each in console.file.getvalue().splitlines() if each.strip()]
    assert len(shown) == 1
    assert "13 h 59 min left" in shown[0][:40]


def test_long_work_is_shown_on_a_terminal_and_work_in_it_is_not(monkeypatch):
    monkeypatch.setattr(progress_line, "_PATIENCE", -1.0)
    console, inner = terminal(), terminal()
    with progress("fits", 2, console) as advance:
        with progress("others", 2, inner) as other:
            other()
        advance()
        advance()
    assert "fits, 1 of 2" in console.file.getvalue()
    assert inner.file.getvalue() == ""
    with progress("others", 2, inner) as other:
        other()
    assert "others, 1 of 2" in inner.file.getvalue()


def test_short_work_and_what_is_no_terminal_stay_silent(capsys):
    console = terminal()
    with progress("fits", 3, console) as advance:
        advance()
    assert console.file.getvalue().strip() in ("", "\x1b[?25h")
    with progress("fits", 3) as advance:
        advance()
    assert capsys.readouterr() == ("", "")
