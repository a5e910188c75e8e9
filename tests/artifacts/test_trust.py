"""trust.py: what a run's gin text imports is executed for its user, for who imports the same, and under --trust; else refused."""

import shutil
import sys

import pytest
from support.tiny_runs import bound, command

from dlib_bvae import errors
from dlib_bvae.artifacts import Identity, marks, write_stage
from dlib_bvae.artifacts.record import read_identity, relabel
from dlib_bvae.artifacts.trust import handed_on, statements_of_run, trusted_by_study, trusting
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import IMPORT
from dlib_bvae.stages import train

DYNAMIC = "from __gin__ import dynamic_registration\nimport json\njson.dumps.indent = 1\n"
SAID = r"run imports (.+), which is not executed: it has no mark of yours \(it is from elsewhere, or of an earlier version\)"


@pytest.fixture
def another_user(tmp_path, monkeypatch):
    """From now on another user, who has no key."""

    def become(name="another"):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))

    monkeypatch.delenv(marks.KEY_VARIABLE, raising=False)
    monkeypatch.setattr(errors, "_warned", set())
    become("first")
    return become


@pytest.fixture
def trained(tmp_path, another_user):
    """trained(text) → a run directory whose training recorded `text`."""

    def make(text, directory=tmp_path / "run"):
        identity = Identity("train", 1, {}, recorded={"model.name": "a"})
        write_stage(directory / "train", identity, results={"elapsed_time": 1.0}, gin_text=text, earlier=None)
        return directory

    return make


def imports(directory):
    return [each.key for each in statements_of_run(directory) if each.kind == IMPORT]


def test_a_run_of_this_user_is_opened_also_where_it_was_moved(trained, tmp_path):
    run = trained("import json\nfrom os import path as p\n")
    shutil.copytree(run, tmp_path / "copy")
    run.rename(tmp_path / "moved")
    for place in ("copy", "moved"):
        assert imports(tmp_path / place) == ["import json", "from os import path as p"]
    assert imports(trained(DYNAMIC)) == ["from __gin__ import dynamic_registration", "import json"]


def test_a_run_of_somebody_else_is_refused_unless_this_command_imports_the_same(trained, another_user):
    run = trained("import xml.dom\nimport xml.dom\nfrom os import path\nimport json as j\n")
    marks_of_others = "its mark cannot be checked"
    another_user()
    with pytest.raises(
        UserError, match=rf"run imports xml\.dom, os\.path, json, which is not executed: {marks_of_others}"
    ):
        imports(run)
    marks.user_key(make=True)
    with pytest.raises(UserError, match="its mark is not of your key, or of another text"):
        imports(run)
    (run / "train/results/gin/train.mark").unlink()
    with pytest.raises(UserError, match=SAID), trusting([], ["import xml.sax", "json.x = 1"]):
        imports(run)
    with (
        pytest.raises(
            UserError, match=r"run imports xml\.dom, os\.path, which is not executed.*, or import the same in"
        ),
        trusting([], ["import json"]),
    ):
        imports(run)
    with trusting([], ["import xml.dom.minidom"]), trusting([], ["from os import path", "import json"]):
        assert len(imports(run)) == 4
    with trusting(everything=True), trusting():
        assert len(imports(run)) == 4
    with pytest.raises(UserError, match="if you trust its author, give --trust"):
        imports(run)


def test_a_file_of_this_command_may_import_it_too(trained, another_user, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner.gin").write_text("import json\n")
    (tmp_path / "mine.gin").write_text("include 'inner.gin'\n")
    run = trained("import json\n")
    another_user()
    with trusting(["mine.gin"]):
        assert imports(run) == ["import json"]


def test_with_dynamic_registration_the_imports_of_this_command_do_not_do(trained, another_user):
    run = trained(DYNAMIC)
    another_user()
    with pytest.raises(UserError, match="run imports json, .* give --trust$"), trusting([], DYNAMIC.splitlines()):
        imports(run)
    with trusting(everything=True):
        assert len(imports(run)) == 2


def test_a_mark_is_not_that_of_another_text(trained, tmp_path):
    mine = trained("import json\n")
    theirs = trained("import antigravity\n", tmp_path / "theirs")
    shutil.copy(mine / "train/results/gin/train.mark", theirs / "train/results/gin/train.mark")
    with pytest.raises(UserError, match="theirs imports antigravity, .* of another text"):
        imports(theirs)


def test_a_run_without_imports_needs_no_key(trained, tmp_path):
    (tmp_path / "first").write_text("no folder")
    run = trained("x.y = 1  # import json\n")
    assert imports(run) == []
    assert sorted(path.name for path in (run / "train/results/gin").iterdir()) == ["train.gin"]


def test_a_run_that_was_trained_without_a_key_asks_for_trust(trained, tmp_path, capsys):
    (tmp_path / "first").write_text("no folder")
    run = trained("import json\n")
    assert "get no mark, so that later commands will ask for --trust: the key" in capsys.readouterr().err
    with pytest.raises(UserError, match=SAID):
        imports(run)


def test_a_new_label_keeps_a_mark_and_gives_none(trained, another_user):
    run = trained("import json\nmodel.name = 'a'\n")
    relabel(run / "train", "train", {"model.name": "b"}, {})
    assert imports(run) == ["import json"]
    assert read_identity(run / "train", "train").recorded == {"model.name": "b"}
    another_user()
    marks.user_key(make=True)
    relabel(run / "train", "train", {"model.name": "c"}, {})
    with pytest.raises(UserError, match="its mark is not of your key"):
        imports(run)


def test_a_text_that_includes_another_is_refused(trained):
    run = trained("import json\n")
    path = run / "train/results/gin/train.gin"
    path.write_text("include '/etc/passwd'\n")
    with trusting(everything=True), pytest.raises(UserError, match=r"includes '/etc/passwd', which no stage writes"):
        imports(run)
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="is damaged"):
        imports(run)
    path.unlink()
    with pytest.raises(UserError, match="there is no "):
        imports(run)


def test_a_study_hands_on_its_key_where_a_run_imports(another_user, tmp_path, monkeypatch, capsys):
    assert handed_on([([], ["x.y = 1"])]) == {}
    assert not (tmp_path / "first").exists()
    assert handed_on([([], ["x.y = 1"]), ([], ["import json"])]) == {marks.KEY_VARIABLE: marks.user_key().hex()}
    with trusting(everything=True):
        found = handed_on([([], ["x.y = 1"])])
    assert not trusted_by_study()
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    assert trusted_by_study()
    (tmp_path / "none").write_text("no folder")
    another_user("none")
    assert handed_on([([], ["import json"])]) == {}
    assert "get no mark" in capsys.readouterr().err


MODULE = (
    "import pathlib\nwith pathlib.Path(__file__).with_suffix('.log').open('a') as log:\n    log.write('executed')\n"
)


def test_no_command_executes_what_a_run_from_elsewhere_imports(another_user, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "it_ran", None)  # what is imported here is gone after the test
    monkeypatch.delitem(sys.modules, "it_ran")
    (tmp_path / "it_ran.py").write_text(MODULE)
    runs = [tmp_path / name for name in ("one", "two")]
    for seed, each in enumerate(runs):
        lines = ["dataset.name = 'dummy_data'", "model.model = @oracle()", f"model.random_seed = {seed}"]
        train.run([], ["import it_ran", *lines], each)
    another_user()

    def tried(name, *flags):
        sys.modules.pop("it_ran", None)
        (tmp_path / "it_ran.log").unlink(missing_ok=True)
        done = command(name, *flags)
        return done, (tmp_path / "it_ran.log").exists()

    flags = (f"--model_dir={runs[0]}", "--metric=mig", *bound("mig.num_train = 100"))
    commands = (
        ("postprocess", flags[0]),
        ("evaluate", *flags),
        ("visualize", flags[0]),
        ("rank", *runs),
        ("sensitivity", runs[0]),
    )
    for each in commands:
        done, executed = tried(*each)
        assert (done.code, executed) == (2, False), each
        assert "imports it_ran, which is not executed" in done.err
        assert len(done.err.splitlines()) == 1
    for more in (["--trust"], ["--overwrite", *bound("import it_ran")]):
        done, executed = tried("evaluate", *flags, *more)
        assert (done.code, executed) == (0, True), done.err
    another_user("first")
    assert tried("postprocess", flags[0])[0].code == 0
