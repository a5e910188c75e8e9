"""marks.py: a mark fits the text that this user's command wrote, wherever it lies, and no other; where the key lies."""

import hashlib
import hmac
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae import errors
from dlib_bvae.artifacts import marks
from dlib_bvae.artifacts.record import write_together

TEXT = "import json\nmodel.name = 'größer'\n"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(marks.KEY_VARIABLE, raising=False)
    monkeypatch.setattr(errors, "_warned", set())
    return tmp_path / "state"


def marked(directory, text=TEXT, **more):
    write_together(marks.marks(directory, "train", text, **more))
    return directory


def test_a_mark_is_an_hmac_of_the_text_by_a_key_for_its_user_only(tmp_path, state):
    marked(tmp_path / "train")
    key = state / "dlib_bvae" / "key"
    assert marks.key_path() == key
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    assert key.stat().st_mode & 0o777 == 0o600
    wanted = hmac.new(key.read_bytes(), b"dlib_bvae gin text 1\0" + TEXT.encode(), hashlib.sha256).hexdigest()
    assert (tmp_path / "train/results/gin/train.mark").read_text() == f"{wanted}\n"
    assert len(key.read_bytes()) == 32
    assert marks.why_not_marked(tmp_path / "train", "train", TEXT) == ""
    assert marks.why_not_marked(tmp_path / "train", "train", TEXT.replace("\n", "\r\n")) == ""


def test_a_mark_does_not_fit_another_text_or_key(tmp_path, state):
    marked(tmp_path / "train")
    assert "not of your key, or of another text" in marks.why_not_marked(
        tmp_path / "train", "train", TEXT + "a.b = 1\n"
    )
    assert marks.why_not_marked(tmp_path / "other", "train", TEXT).startswith("it has no mark of yours")
    (state / "dlib_bvae" / "key").write_bytes(b"0" * 32)
    assert "not of your key" in marks.why_not_marked(tmp_path / "train", "train", TEXT)
    (tmp_path / "train/results/gin/train.mark").write_bytes(b"\xff \x00" * 4000)
    assert "not of your key" in marks.why_not_marked(tmp_path / "train", "train", TEXT)


def test_a_text_that_replaces_a_marked_one_is_marked_before_and_after(tmp_path):
    marked(tmp_path, "import json\nx.y = 2\n", former=TEXT)
    assert marks.why_not_marked(tmp_path, "train", TEXT) == ""
    assert marks.why_not_marked(tmp_path, "train", "import json\nx.y = 2\n") == ""


def test_what_imports_nothing_or_is_not_read_back_needs_no_key(tmp_path, state):
    assert marks.marks(tmp_path, "train", "model.name = 'import json'\n") == {}
    assert marks.marks(tmp_path, "evaluation", TEXT) == {}
    assert not state.exists()


def a_file(state):
    state.write_text("")


def readable(state):
    marks.user_key(make=True)
    (state / "dlib_bvae" / "key").chmod(0o640)


def short(state):
    marks.user_key(make=True)
    (state / "dlib_bvae" / "key").write_bytes(b"short")


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        (a_file, r"key cannot be made \(Not a directory\)"),
        (readable, "others may use the key .*; delete it, or take their permissions away"),
        (short, "holds no key of 32 bytes; delete it"),
    ],
)
def test_without_a_key_there_is_no_mark_which_is_said_once(tmp_path, state, capsys, defect, said):
    marked(tmp_path / "before")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    defect(state)
    for _ in range(2):
        assert marks.marks(tmp_path, "train", TEXT) == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("trainings that import modules get no mark, so that later commands will ask for --trust: ")
    with pytest.raises(marks.NoKey, match=said):
        marks.user_key(make=True)
    assert marks.why_not_marked(tmp_path / "before", "train", TEXT).startswith("its mark cannot be checked, as ")


def test_looking_for_a_mark_makes_no_key(tmp_path, state):
    path = tmp_path / "results" / "gin" / "train.mark"
    path.parent.mkdir(parents=True)
    path.write_text("0" * 64)
    assert "key cannot be read (No such file" in marks.why_not_marked(tmp_path, "train", TEXT).replace("/", "")
    assert not state.exists()


def test_a_key_that_is_handed_on_goes_before_the_file(tmp_path, state, monkeypatch):
    key = marks.user_key(make=True)
    monkeypatch.setenv(marks.KEY_VARIABLE, "ab" * 32)
    assert marks.user_key() == b"\xab" * 32 != key
    for wrong in ("ab" * 31, "x" * 64):
        monkeypatch.setenv(marks.KEY_VARIABLE, wrong)
        with pytest.raises(marks.NoKey, match="DLIB_BVAE_KEY has not 64 hexadecimal digits"):
            marks.user_key(make=True)


@pytest.mark.skipif(os.name == "nt", reason="another place on Windows")
def test_without_an_absolute_state_folder_the_key_lies_in_the_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert marks.key_path() == Path("/home/somebody/.local/state/dlib_bvae/key")


def test_processes_that_make_the_key_at_once_have_one(state):
    code = "from dlib_bvae.artifacts import marks; print(marks.user_key(make=True).hex())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    keys = {each.communicate()[0].strip() for each in started}
    assert keys == {marks.user_key().hex()}
    assert [path.name for path in (state / "dlib_bvae").iterdir()] == ["key"]


def test_a_key_that_is_made_meanwhile_stays_also_where_there_are_no_links(state, monkeypatch):
    marks._make(marks.key_path())
    first = marks.user_key()
    marks._make(marks.key_path())
    assert marks.user_key() == first

    def no_link(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", no_link)
    marks._make(marks.key_path())
    assert marks.user_key() == first
    marks.key_path().unlink()
    assert marks.user_key(make=True) != first
    assert [path.name for path in (state / "dlib_bvae").iterdir()] == ["key"]
