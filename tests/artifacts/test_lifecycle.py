"""lifecycle.py: what is there already, what is done again and why, what goes on; directories appear whole."""

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import painter
from support.painter import CHANGES, PAINT, SAME, begun_by, killed, listed, paint, value

from dlib_bvae.artifacts import identity, lifecycle, read_identity, read_results
from dlib_bvae.errors import UserError

CHEAP = replace(PAINT, continues=True)
DEAR = replace(CHEAP, way_out="choose another --place, or --overwrite")


@pytest.fixture
def final(tmp_path):
    return tmp_path / "run" / "picture"


def test_a_result_is_made_once(final, capsys):
    assert paint(final) == "made"
    assert listed(final.parent) == ["picture"]
    assert not (final / "begun.json").exists()
    uuid = read_results(final, "paint")["uuid"]
    assert paint(final) == "done"
    assert read_results(final, "paint")["uuid"] == uuid
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("stage", [PAINT, CHEAP, DEAR], ids=["whole", "continues", "dear"])
@pytest.mark.parametrize("change", SAME, ids=str)
def test_what_does_not_change_it_leaves_it(final, stage, change, capsys):
    paint(final, stage=stage)
    assert paint(final, *SAME[change], stage=stage) == "done"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_changes_it_is_said_and_it_is_made_again(final, change, capsys):
    bindings, what, reason = CHANGES[change]
    paint(final)
    before = read_results(final, "paint")["uuid"]
    assert paint(final, *bindings, **what) == "made"
    assert capsys.readouterr().out == f"{final} {reason}; painting again\n"
    assert read_results(final, "paint")["uuid"] != before
    assert listed(final.parent) == ["picture"]
    assert paint(final, *bindings, **what) == "done"


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_dear_is_refused_with_the_way_out(final, change, capsys):
    bindings, what, reason = CHANGES[change]
    changed = {**what, "stage": replace(DEAR, version=what.get("stage", PAINT).version)}
    paint(final, stage=DEAR)
    with pytest.raises(UserError) as caught:
        paint(final, *bindings, **changed)
    assert str(caught.value) == f"{final} {reason}; choose another --place, or --overwrite"
    assert paint(final, stage=DEAR) == "done"
    assert paint(final, *bindings, overwrite=True, **changed) == "made"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("had", "outcome"), [(1, "done"), (2, "made")])
def test_a_parameter_that_an_earlier_version_lacked_had_the_value_that_is_said_of_it(
    final, had, outcome, monkeypatch, capsys
):
    paint(final)
    path = final / "results/json/paint_identity.json"
    entries = json.loads(path.read_text())
    del entries["parameters"]["painting.size"]
    path.write_text(json.dumps(entries))
    monkeypatch.setattr(identity, "_ADDED", {"painting.size": had})
    assert paint(final) == outcome
    said = f"{final} was computed with painting.size = 2, now it is 1; painting again\n"
    assert capsys.readouterr().out == (said if outcome == "made" else "")


def test_overwrite_makes_it_again_and_keeps_the_old_one_until_then(final):
    paint(final)
    with killed():
        paint(final, overwrite=True, kill="working")
    assert value(final) == "red 1"
    assert paint(final) == "done"
    assert paint(final, "painting.colour = 'blue'", overwrite=True) == "made"
    assert value(final) == "blue 1"
    assert listed(final.parent) == ["picture"]


@pytest.mark.parametrize("stage", [CHEAP, DEAR], ids=["cheap", "dear"])
@pytest.mark.parametrize("bindings", [(), *SAME.values()], ids=str)
def test_an_interrupted_one_goes_on(final, stage, bindings):
    with killed():
        paint(final, stage=stage, kill="working")
    assert listed(final.parent) == ["picture.part"]
    assert paint(final, *bindings, stage=stage) == "continued"
    assert listed(final.parent) == ["picture"]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_an_interrupted_one_of_another_kind_does_not_go_on(final, change):
    bindings, what, reason = CHANGES[change]
    version = what.get("stage", PAINT).version
    with killed():
        paint(final, stage=DEAR, kill="working")
    with pytest.raises(UserError) as caught:
        paint(final, *bindings, **{**what, "stage": replace(DEAR, version=version)})
    assert str(caught.value) == f"{lifecycle.part_of(final)} {reason}; choose another --place, or --overwrite"
    assert paint(final, *bindings, **{**what, "stage": replace(CHEAP, version=version)}) == "made"
    assert listed(final.parent) == ["picture"]


def test_an_interrupted_one_of_a_stage_that_does_not_continue_begins_again(final):
    with killed():
        paint(final, kill="working")
    assert paint(final) == "made"
    with killed():
        paint(final, stage=DEAR, overwrite=True, kill="working")
    assert paint(final, stage=DEAR, overwrite=True) == "made"


@pytest.mark.parametrize("stage", [PAINT, CHEAP, DEAR], ids=["whole", "continues", "dear"])
def test_what_had_not_begun_refuses_nothing(final, stage):
    with killed():
        paint(final, stage=stage, kill="beginning")
    assert listed(final.parent) == ["picture.part"]
    assert paint(final, "painting.colour = 'blue'", stage=stage) == "made"


def test_another_interrupted_work_does_not_hide_the_result(final):
    paint(final, stage=CHEAP)
    with killed():
        paint(final, "painting.colour = 'blue'", stage=CHEAP, kill="working")
    assert paint(final, stage=CHEAP) == "done"
    assert paint(final, "painting.colour = 'blue'", stage=CHEAP) == "continued"
    assert value(final) == "blue 1"


def test_a_part_of_an_earlier_version_is_refused_where_that_is_dear(final):
    part = lifecycle.part_of(final)
    part.mkdir(parents=True)
    (part / "started.gin").write_text("painting.colour = 'red'\n")
    with pytest.raises(UserError) as caught:
        paint(final, stage=DEAR)
    assert str(caught.value) == (
        f"{part} was begun by an earlier version of this package; choose another --place, or --overwrite"
    )
    assert listed(part) == ["started.gin"]
    assert paint(final, stage=CHEAP) == "made"


@pytest.mark.parametrize("content", [b"\xff{}", b"[" * 100_000, b"{}x"], ids=["bytes", "brackets", "text"])
def test_what_was_begun_as_something_unreadable_is_begun_again(final, content):
    with killed():
        paint(final, stage=CHEAP, kill="working")
    (final.with_name("picture.part") / "begun.json").write_bytes(content)
    assert paint(final, stage=CHEAP) == "made"


@contextlib.contextmanager
def killed_at_a_rename(calls):
    """The block is killed at its rename after so many."""
    rename, renamed = Path.rename, []

    def interrupted(self, target):
        if len(renamed) == calls:
            raise KeyboardInterrupt
        renamed.append(self)
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch, killed():
        patch.setattr(Path, "rename", interrupted)
        yield


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("afterwards", [(), ("painting.colour = 'green'",)], ids=["same", "other"])
def test_a_renaming_that_is_interrupted_is_finished(final, calls, afterwards):
    paint(final)
    with killed_at_a_rename(calls):
        paint(final, "painting.colour = 'blue'")
    with lifecycle.open_run(final.parent):
        assert value(final) == "blue 1"
        assert listed(final.parent) == ["picture"]
    assert paint(final, *afterwards or ["painting.colour = 'blue'"]) == ("made" if afterwards else "done")


def put(final, text):
    """Puts a directory in its place that has no results of its own, as the entry of a submission."""
    part = lifecycle.make_part(final)
    (part / "codes").write_text(text)
    lifecycle.commit(final)


@pytest.mark.parametrize("calls", range(2))
def test_after_an_interrupted_renaming_what_has_no_results_is_put_in_its_place_again(final, calls):
    put(final, "old")
    with killed_at_a_rename(calls):
        put(final, "new")
    with lifecycle.open_run(final.parent):
        put(final, "new")
        assert listed(final.parent) == ["picture"]
        assert listed(final) == ["codes"]
        assert (final / "codes").read_text() == "new"


@pytest.mark.parametrize("calls", range(3))
@pytest.mark.parametrize("name", ["picture.old", "picture.part"])
def test_a_removal_that_is_interrupted_is_finished(final, monkeypatch, name, calls):
    paint(final)
    with killed():
        paint(final.with_name("picture.old"), run=final.parent, stage=CHEAP, kill="working")
    final.with_name("picture.old.part").rename(final.with_name(name))
    if name == "picture.old":
        (final.with_name(name) / "replaced").touch()
    rmtree, unlink, removed = shutil.rmtree, Path.unlink, []

    def interrupted(remove, path, *given, **options):
        if len(removed) == calls:
            raise KeyboardInterrupt
        removed.append(path)
        return remove(path, *given, **options)

    with monkeypatch.context() as patch, killed():
        patch.setattr(shutil, "rmtree", lambda *given, **options: interrupted(rmtree, *given, **options))
        patch.setattr(Path, "unlink", lambda *given, **options: interrupted(unlink, *given, **options))
        lifecycle.remove(final.with_name(name))
    with lifecycle.open_run(final.parent):
        assert listed(final.parent) == ["picture"]


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_old_directory_is_what_a_kill_left(final, there):
    if there:
        paint(final)
    old = final.with_name("picture.old")
    old.mkdir(parents=True)
    with lifecycle.open_run(final.parent):
        assert old.exists() is not there
    paint(final, "painting.size = 7")
    assert not old.exists()


def test_an_old_directory_without_a_new_one_comes_back(final):
    paint(final)
    (final / "replaced").touch()
    final.rename(final.with_name("picture.old"))
    assert paint(final) == "done"
    assert listed(final.parent) == ["picture"]


@pytest.mark.parametrize("place", ["picture", "mean/picture", "mean/metrics/picture"])
def test_order_is_made_wherever_results_stand(tmp_path, place):
    final = tmp_path / place
    with killed():
        paint(final, run=tmp_path, kill="beginning")
    with lifecycle.open_run(tmp_path):
        assert not lifecycle.part_of(final).exists()


@pytest.mark.parametrize("name", ["picture.part", "picture.old", "notes.part", "notes.old"])
@pytest.mark.parametrize("there", [False, True])
def test_what_is_not_this_package_s_is_not_touched(final, name, there):
    if there:
        paint(final)
    foreign = final.with_name(name)
    foreign.mkdir(parents=True)
    (foreign / "mine.txt").write_text("mine")
    with lifecycle.open_run(final.parent):
        assert (foreign / "mine.txt").read_text() == "mine"
    if name.startswith("picture"):
        with pytest.raises(UserError, match=rf"{name} is not a directory of this package; move it elsewhere"):
            paint(final, overwrite=True)
    else:
        paint(final, overwrite=True)
    assert (foreign / "mine.txt").read_text() == "mine"


def as_of_an_earlier_version(final, former="painting"):
    """Without an identity, and with the name that painting had then."""
    (final / "results" / "json" / "paint_identity.json").unlink()
    config = final / "results" / "json" / "paint_config.json"
    config.write_text(config.read_text().replace("painting.", f"{former}."))


def test_results_of_earlier_versions_are_the_same(final, capsys):
    paint(final, given={})
    as_of_an_earlier_version(final)
    assert paint(final, given={}) == "done"
    assert paint(final, "painting.title = 'x'", given={}) == "done"
    assert paint(final, "painting.colour = 'blue'", given={}) == "made"
    assert capsys.readouterr().out == f"{final} {CHANGES['a parameter'][2]}; painting again\n"


def test_former_names_of_earlier_versions_are_read(final, monkeypatch, capsys):
    monkeypatch.setitem(painter.FORMER_NAMES, "drawing", "painting")
    paint(final, "painting.seed = 3", given={})
    as_of_an_earlier_version(final, "drawing")
    assert paint(final, "painting.seed = 3", given={}) == "done"
    assert paint(final, "painting.seed = 4", given={}) == "made"
    assert "was computed with painting.seed = 3, now it is 4" in capsys.readouterr().out


def test_what_is_recorded_stands_next_to_the_identity(final):
    paint(final, "painting.title = 'x'", "painting.workers = 3", "painting.frame = 'gold'")
    identity = read_identity(final, "paint")
    assert identity.parameters == {"painting.colour": "red", "painting.size": 1, "painting.seed": 0, "step": 1}
    assert identity.seeds == ("painting.seed",)
    assert identity.recorded == {
        "painting.title": "x",
        "painting.workers": 3,
        "painting.saved": [],
        "painting.frame": "gold",
    }
    assert read_results(final, "paint")["identity"] == identity.digest


def test_a_work_is_begun_with_all_that_it_uses(final):
    with killed():
        paint(final, stage=CHEAP, kill="working")
    assert begun_by(final).parameters["painting.colour"] == "red"
    with killed():
        paint(final, stage=CHEAP, overwrite=True, kill="beginning")
    assert (lifecycle.part_of(final) / "begun.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["picture", "picture.old"])
def test_what_the_user_has_there_is_not_replaced(final, name):
    (final.with_name(name) / "results").mkdir(parents=True) if name == "picture.old" else final.mkdir(parents=True)
    (final.with_name(name) / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=rf"{name} is not a directory of this package; move it elsewhere"):
        paint(final)
    assert (final.with_name(name) / "notes.txt").read_text() == "mine"
