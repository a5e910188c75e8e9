"""Checkpoints: the last two are kept and read, and which step can be continued is known without a model."""

import shutil

import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.training.checkpoints import Checkpoints, keep_newest, kept_step


def test_checkpoints_are_the_last_two_and_the_one_asked_for_is_read(tmp_path):
    state = tf.Module()
    state.value = tf.Variable(0)
    kept = Checkpoints(tmp_path, state)
    assert kept.restore() is False
    for step in (3, 6, 9):
        state.value.assign(step)
        kept.save(step)
    assert kept.steps() == [6, 9]
    assert kept.restore(6) is True
    assert int(state.value) == 6
    kept.restore()
    assert int(state.value) == 9
    next(tmp_path.glob("*6.index")).unlink()
    assert kept.steps() == [9]


def test_a_damaged_checkpoint_and_one_of_another_model_are_said(tmp_path):
    state, other = tf.Module(), tf.Module()
    state.value, other.another = tf.Variable(0), tf.Variable(tf.zeros([3]))
    Checkpoints(tmp_path, state).save(1)
    with pytest.raises(UserError, match="is damaged or of another model; delete the folder"):
        Checkpoints(tmp_path, other).restore()


def saved(folder, *steps):
    """Checkpoints of a state as a training has it."""
    state = tf.Module()
    state.step, state.weights = tf.Variable(0, dtype=tf.int64), tf.Variable(tf.random.stateless_normal([5000], [0, 1]))
    kept = Checkpoints(folder / "checkpoint", state)
    for step in steps:
        state.step.assign(step)
        kept.save(step)
    return folder


def test_the_step_of_the_newest_checkpoint_is_known_in_a_copy_too(tmp_path):
    run = saved(tmp_path / "run", 4, 8)
    assert kept_step(run) == 8
    shutil.copytree(run / "checkpoint", tmp_path / "copy" / "checkpoint")
    shutil.rmtree(run)
    assert kept_step(tmp_path / "copy") == 8


@pytest.mark.parametrize(("number", "steps"), [(5, [4, 8]), (2, [4, 8]), (1, [8]), (0, [])])
def test_a_training_that_has_ended_keeps_as_many_as_are_asked_for(number, steps, tmp_path):
    run = saved(tmp_path / "run [1]", 2, 4, 8)
    keep_newest(run, number)
    keep_newest(run, number)
    state = tf.Module()
    state.step, state.weights = tf.Variable(0, dtype=tf.int64), tf.Variable(tf.zeros([5000]))
    kept = Checkpoints(run / "checkpoint", state)
    assert kept.steps() == steps
    assert kept_step(run) == (steps[-1] if steps else None)
    assert kept.restore() is bool(steps)
    assert int(state.step) == (8 if steps else 0)
    assert {path.suffix for path in run.glob("checkpoint/*-4.*")} == (
        {".index", ".data-00000-of-00001"} if 4 in steps else set()
    )


def test_where_no_checkpoint_can_be_read_there_is_no_step(tmp_path, capfd):
    assert kept_step(tmp_path / "nowhere") is None
    (tmp_path / "empty" / "checkpoint").mkdir(parents=True)
    assert kept_step(tmp_path / "empty") is None
    for name, damage in (("*-8.index", lambda path: path.unlink()), ("*-8.data*", lambda path: path.unlink()),
                         ("*-8.data*", lambda path: path.write_bytes(path.read_bytes()[:999])),
                         ("*-8.index", lambda path: path.write_bytes(b"no index"))):  # fmt: skip
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        run = saved(tmp_path / "run", 8)
        damage(next((run / "checkpoint").glob(name)))
        assert kept_step(run) is None, name
    state = tf.Module()
    state.other = tf.Variable(0)
    Checkpoints(tmp_path / "other" / "checkpoint", state).save(3)
    assert kept_step(tmp_path / "other") is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "a\\b", "a[b]*?\\c"])
def test_a_directory_whose_name_is_a_pattern_keeps_its_checkpoints_and_those_of_others(name, tmp_path):
    near = saved(tmp_path / "ab", 4, 8)
    run = saved(tmp_path / name, 2, 4, 6)
    assert kept_step(run) == 6
    state = tf.Module()
    state.step, state.weights = tf.Variable(0, dtype=tf.int64), tf.Variable(tf.zeros([5000]))
    kept = Checkpoints(run / "checkpoint", state)
    assert kept.steps() == [4, 6]
    assert kept.restore(4) is True
    assert int(state.step) == 4
    assert len(list((run / "checkpoint").iterdir())) == 5  # two of each, and what names them
    assert len(list((near / "checkpoint").iterdir())) == 5
    next((run / "checkpoint").glob("*-6.index")).write_bytes(b"damaged")
    with pytest.raises(UserError) as refused:
        kept.restore()
    assert str(run / "checkpoint" / "ckpt-6") in str(refused.value)
