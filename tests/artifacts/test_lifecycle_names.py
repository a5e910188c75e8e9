"""lifecycle.py: results are found by what they are, whatever they are called; labels are written into all made from a result."""

import json
import os

import pytest
from support.painter import PAINT, killed, listed, paint, painting, worked

from dlib_bvae.artifacts import Stage, Work, open_run, read_config, read_identity, read_results
from dlib_bvae.config import configuration


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def named(run, name, *bindings, overwrite=False, kill="", **what):
    """(what was done, the name) of one of several results in run/mean/metrics."""
    with configuration([], bindings, []), open_run(run):
        work = Work.among(PAINT, run / "mean" / "metrics", **what)
        return worked(work, overwrite, kill, name), work.directory.name


BLUE = "painting.colour = 'blue'"


def test_a_result_is_found_whatever_it_is_called(run):
    assert named(run, "a") == ("made", "a")
    (run / "mean" / "metrics" / "a").rename(run / "mean" / "metrics" / "renamed")
    assert named(run, "a") == ("done", "renamed")
    assert named(run, "a", overwrite=True) == ("made", "renamed")
    assert named(run, "a", BLUE) == ("made", "a")
    assert named(run, "other") == ("done", "renamed")
    assert named(run, "other", BLUE) == ("done", "a")
    assert listed(run / "mean" / "metrics") == ["a", "renamed"]


def test_one_of_other_inputs_is_made_again_in_its_place(run, capsys):
    named(run, "a", inputs={"codes": "c"})
    named(run, "b", BLUE, inputs={"codes": "c"})
    assert named(run, "c", inputs={"codes": "d"}) == ("made", "a")
    assert capsys.readouterr().out == f"{run}/mean/metrics/a was computed from another encoding; painting again\n"


def test_what_is_given_tells_results_apart(run):
    assert named(run, "a", given={"metric": "mig"}) == ("made", "a")
    assert named(run, "b", given={"metric": "sap"}) == ("made", "b")
    assert named(run, "c", given={"metric": "mig"}) == ("done", "a")


def test_a_name_that_is_taken_gets_a_digest(run):
    assert named(run, "a") == ("made", "a")
    done, other = named(run, "a", BLUE)
    digest = read_identity(run / "mean" / "metrics" / other, "paint").digest
    assert (done, other) == ("made", f"a-{digest[:10]}")
    assert named(run, "a", BLUE) == ("done", other)
    assert read_results(run / "mean" / "metrics" / "a", "paint")["text"] == "red 1"


def test_an_interrupted_one_leaves_its_name(run):
    with killed():
        named(run, "a", kill="working")
    assert listed(run / "mean" / "metrics") == ["a.part"]
    assert named(run, "a", BLUE) == ("made", "a")
    assert listed(run / "mean" / "metrics") == ["a"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("größe=2", "größe=2"),
        ("gräße=2", "gräße=2"),
        ("размер,x=[1, 2]", "размер,x=_1,_2_"),
        ("a/../b c", "a_.._b_c"),
        ("values={'row': 3}", "values=_row_3_"),
    ],
)
def test_names_keep_the_letters_of_all_alphabets(run, name, safe):
    assert named(run, name) == ("made", safe)


@pytest.mark.parametrize("name", ["a" * 300, "ß" * 300, "größe=" + "я" * 100])
def test_long_names_end_in_a_digest(run, name):
    first, second = (named(run, name, f"painting.size = {size}")[1] for size in (1, 2))
    assert first != second
    for each in (first, second):
        assert len(each.encode()) <= 80
        assert each[:20] == name[:20]
        assert each.endswith("-" + read_identity(run / "mean" / "metrics" / each, "paint").digest[:10])


AFTER = Stage("photograph")


@pytest.fixture
def made_from(run):
    """A picture, a photograph of it, and one of another picture, with their uuids."""
    paint(run / "picture", "painting.title = 'old'")
    paint(run / "other", "painting.title = 'old'")
    with configuration([], [], []):
        for place, earlier in (("mean", "picture"), ("mean/metrics/a", "mean"), ("sampled", "other")):
            work = Work(AFTER if earlier != "mean" else Stage("print"), run / place)
            painting()
            work.begin()
            work.finish({"elapsed_time": 1.0}, earlier=run / earlier)
    return run


def aggregate(directory, stage):
    return json.loads((directory / "results" / "aggregate" / f"{stage}.json").read_text())


def relabelled(run, title, **results):
    with configuration([], [f"painting.title = '{title}'", "painting.workers = 5"], []):
        work = Work(PAINT, run / "picture", given={"step": 1})
        assert work.done()
        work.relabel(results)


def test_a_label_is_written_into_the_result_and_all_made_from_it(made_from):
    run = made_from
    before, identity = read_results(run / "picture", "paint"), read_identity(run / "picture", "paint")
    relabelled(run, "new", text="called otherwise")
    assert read_config(run / "picture", "paint")["painting.title"] == "new"
    assert "painting.title = 'new'\n" in (run / "picture" / "results" / "gin" / "paint.gin").read_text()
    assert "'old'" not in (run / "picture" / "results" / "gin" / "paint.gin").read_text()
    assert read_results(run / "picture", "paint") == {**before, "text": "called otherwise"}
    after = read_identity(run / "picture", "paint")
    assert after.recorded == {**identity.recorded, "painting.title": "new"}
    assert after.digest == identity.digest == before["identity"]
    for place, stage in (("picture", "paint"), ("mean", "photograph"), ("mean/metrics/a", "print")):
        entries = aggregate(run / place, stage)
        assert entries["paint_config.painting.title"] == "new"
        assert entries["paint_results.text"] == "called otherwise"
        assert entries["paint_results.uuid"] == before["uuid"]
    assert aggregate(run / "sampled", "photograph")["paint_config.painting.title"] == "old"


@pytest.mark.parametrize("calls", range(7))
def test_labels_that_were_written_in_part_are_written_again(made_from, monkeypatch, calls):
    run, replace, replaced = made_from, os.replace, []

    def interrupted(part, path):
        if len(replaced) == calls:
            raise KeyboardInterrupt
        replaced.append(path)
        replace(part, path)

    with monkeypatch.context() as patch, killed():
        patch.setattr(os, "replace", interrupted)
        relabelled(run, "new", text="called otherwise")
    relabelled(run, "new", text="called otherwise")
    assert read_config(run / "picture", "paint")["painting.title"] == "new"
    assert read_identity(run / "picture", "paint").recorded["painting.title"] == "new"
    assert read_results(run / "picture", "paint")["text"] == "called otherwise"
    for place, stage in (("picture", "paint"), ("mean", "photograph"), ("mean/metrics/a", "print")):
        entries = aggregate(run / place, stage)
        assert (entries["paint_config.painting.title"], entries["paint_results.text"]) == ("new", "called otherwise")


def test_nothing_is_written_where_labels_are_the_same(made_from):
    run = made_from
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    relabelled(run, "old", text="red 1")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
