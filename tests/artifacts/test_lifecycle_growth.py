"""lifecycle.py: a finished result goes on where the parameter by which it grows is larger now; kills while it is placed."""

import shutil
from dataclasses import replace

import pytest
from support.killed import killed_after, steps_of
from support.painter import PAINT, begun_by, killed, listed, paint, value
from support.results import write

from dlib_bvae.artifacts import lifecycle, open_run, read_identity, read_results
from dlib_bvae.errors import UserError

GROWS = replace(PAINT, continues=True, way_out="choose another --place", grows="painting.size", kept=("layers", "val*"))


@pytest.fixture
def final(tmp_path):
    return tmp_path / "run" / "picture"


def grown(final, size, *bindings, **options):
    return paint(final, f"painting.size = {size}", *bindings, stage=GROWS, **options)


def grown_from(final):
    return read_identity(final, "paint").recorded.get("continued_from")


def test_a_larger_one_goes_on_from_what_is_kept_and_says_from_where(final, capsys):
    assert grown(final, 1) == "made"
    (final / "notes.txt").write_text("not kept")
    before = read_results(final, "paint")
    assert grown(final, 2) == "continued"
    assert value(final) == "red 2"
    assert listed(final) == ["begun.json", "layers", "results", "value.txt"]
    assert listed(final / "layers") == ["red 1", "red 2"]
    assert listed(final.parent) == ["picture"]
    assert grown_from(final) == [1]
    after = read_results(final, "paint")
    assert after["uuid"] != before["uuid"]
    assert after["identity"] != before["identity"]
    assert grown(final, 2) == "done"
    assert grown(final, 5) == "continued"
    assert grown_from(final) == [1, 2]
    assert capsys.readouterr().out == ""


def test_the_identity_is_that_of_one_made_in_one_go(final):
    grown(final, 1)
    grown(final, 2)
    grown(final.with_name("at_once"), 2)
    assert read_results(final, "paint")["identity"] == read_results(final.with_name("at_once"), "paint")["identity"]
    assert grown_from(final.with_name("at_once")) is None


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (["painting.size = 1"], "painting.size = 2, now it is 1"),
        (["painting.size = 3", "painting.colour = 'blue'"], "painting.colour = 'red', now it is 'blue'"),
        (["painting.size = 3", "painting.seed = 4"], "painting.seed = 0, now it is 4"),
    ],
)
def test_a_smaller_one_and_one_that_differs_otherwise_are_refused(final, now, reason):
    grown(final, 2)
    with pytest.raises(UserError) as caught:
        paint(final, *now, stage=GROWS)
    assert str(caught.value) == f"{final} was computed with {reason}; choose another --place"
    assert listed(final.parent) == ["picture"]


def test_a_larger_one_of_another_input_is_refused(final):
    grown(final, 1)
    with pytest.raises(UserError, match="was computed from another encoding; choose another --place"):
        grown(final, 2, inputs={"codes": "other"})


def test_a_copy_that_is_killed_begins_again(final, monkeypatch):
    grown(final, 1)

    def half(source, target):
        target.mkdir()
        (target / "half").write_text("")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, killed():
        patch.setattr(shutil, "copytree", half)
        grown(final, 2)
    assert listed(final.parent) == ["picture", "picture.part"]
    assert value(final) == "red 1"
    assert grown(final, 2) == "continued"
    assert listed(final / "layers") == ["red 1", "red 2"]
    assert grown_from(final) == [1]


@pytest.mark.parametrize("kill", ["beginning", "working"])
def test_the_finished_one_stays_until_the_larger_is_done(final, kill):
    grown(final, 1)
    with killed():
        grown(final, 2, kill=kill)
    assert value(final) == "red 1"
    assert grown(final, 1) == "done"
    assert grown(final, 2) == "continued"
    assert value(final) == "red 2"
    assert grown_from(final) == [1]


def test_an_interrupted_one_goes_on_to_more(final):
    with killed():
        grown(final, 2, kill="working")
    assert grown(final, 3) == "continued"
    assert grown_from(final) == [2]


def test_an_interrupted_larger_one_goes_on_to_still_more(final):
    grown(final, 1)
    with killed():
        grown(final, 2, kill="working")
    with killed():
        grown(final, 4, kill="working")
    assert begun_by(final).recorded["continued_from"] == [1, 2]
    assert grown(final, 4) == "continued"
    assert grown_from(final) == [1, 2]


def test_less_than_an_interrupted_one_goes_on_from_the_finished_one(final):
    grown(final, 1)
    with killed():
        grown(final, 4, kill="working")
    assert grown(final, 2) == "continued"
    assert listed(final / "layers") == ["red 1", "red 2"]
    assert grown_from(final) == [1]


def test_overwrite_goes_on_from_nothing(final):
    grown(final, 1)
    assert grown(final, 2, overwrite=True) == "made"
    assert listed(final / "layers") == ["red 2"]
    assert grown_from(final) is None
    assert not lifecycle.part_of(final).exists()


def test_a_kill_while_a_result_is_put_in_its_place_leaves_nothing_for_ever(tmp_path):
    """Whatever was done of it: the next command has the new result, and neither the old one nor a mark of its work."""

    def begin(folder, name, text):
        part = lifecycle.make_part(folder / "run" / name)
        write(part, "train", {"said": text})
        return folder / "run" / name

    def place(folder):
        lifecycle.commit(folder / "run" / "train")

    whole = tmp_path / "whole"
    final = begin(whole, "train", "old")
    (lifecycle.part_of(final) / "begun.json").write_text('{"of": "a work that could go on"}')
    place(whole)
    assert (final / "begun.json").exists()
    begin(whole, "train", "new")
    steps = steps_of(shutil.copytree(whole, tmp_path / "count"), lambda: place(tmp_path / "count"))
    assert steps > 8
    for step in range(steps):
        folder = shutil.copytree(whole, tmp_path / str(step))
        assert killed_after(step, folder, lambda folder=folder: place(folder))
        with open_run(folder / "run"):
            assert read_results(folder / "run" / "train", "train")["said"] == "new"
        assert [path.name for path in (folder / "run").iterdir() if path.name != ".lock"] == ["train"]
        assert [path.name for path in (folder / "run" / "train").iterdir()] == ["results"]
