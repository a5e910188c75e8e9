"""settings.py: gin text of any value, what runs share, and configurations that cannot be read."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.artifacts import config_dict
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.settings import Behind, gin_text, shared_and_differing

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: text[:1] not in "@%")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


@given(VALUES)
def test_gin_reads_a_value_as_it_was_in_one_line(value):
    text = f"model.parameter = {gin_text(value)}"
    assert text.splitlines() == [text]
    assert config_dict(text) == {"model.parameter": value}


@pytest.mark.parametrize("value", ["@vae()", "@train/encoder", "%beta", ["@vae()", "%beta", "text"]])
def test_references_stay_references(value):
    assert config_dict(f"model.parameter = {gin_text(value)}") == {"model.parameter": value}


def test_what_is_shared_stands_once():
    every = [{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1", "c": "4"}]
    assert shared_and_differing(every) == ({"a": "1"}, [{"b": "2"}, {"b": "3"}, {"c": "4"}])
    assert shared_and_differing([{"a": "1"}]) == ({"a": "1"}, [{}])


@pytest.mark.parametrize(
    "damage", ["train/results/json/train_config.json", "mean/results/json/postprocess_config.json"]
)
@pytest.mark.parametrize("how", ["missing", "pipe", "surrogate", "deep"])
def test_a_configuration_that_cannot_be_read_leaves_its_rows_out(tmp_path, capsys, damage, how):
    runs = tmp_path / "runs"
    score(train(runs, "whole"), "mig", {"discrete_mig": 0.5})
    score(train(runs, "bad", seed=1), "mig", {"discrete_mig": 0.9})
    path = runs / "bad" / damage
    path.unlink()
    if how == "pipe":
        os.mkfifo(path)
    elif how != "missing":
        path.write_text('{"a.b": "\\ud800"}' if how == "surrogate" else f'{{"a.b": {"[" * 700 + "]" * 700}}}')
    leaderboard.run(runs, runs.parent / "board")
    board = json.loads((runs.parent / "board" / "board.json").read_text())
    assert [run["path"] for run in board["runs"]] == ["whole"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("left out: ")
    assert str(runs / "bad") in line


NO_RUNS = "its run_set is no list of runs"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        *((entries, NO_RUNS) for entries in (5, [5], [{"name": "a"}], [{"run": 5}])),
        ([{"run": "\ud800"}], "a name or text in it is no Unicode"),
    ],
)
def test_a_run_set_that_is_no_list_of_runs_is_damaged(tmp_path, entries, said):
    path = score(train(tmp_path, "a"), "mig", {"discrete_mig": 0.5}, run_set=["x"]).relative_to(tmp_path)
    results = tmp_path / path / "results/json/evaluation_results.json"
    results.write_text(json.dumps({**json.loads(results.read_text()), "run_set": entries}))
    with pytest.raises(UserError, match=said):
        Behind(tmp_path).check(path.as_posix())


def test_a_configuration_is_read_once(tmp_path):
    path = score(train(tmp_path, "a"), "mig", {"discrete_mig": 0.5}).relative_to(tmp_path)
    behind = Behind(tmp_path)
    behind.check(path.as_posix())
    (tmp_path / "a/train/results/json/train_config.json").unlink()
    assert behind.of_training("a")["vae.beta"] == "4.0"
