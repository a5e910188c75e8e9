"""The profile of a few steps: it is written, and the training does not know."""

import numpy as np
import pytest

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.stages.train import build
from dlib_bvae.training import loop
from dlib_bvae.training.loop import Profile, steps_of
from dlib_bvae.training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("tiny_networks")


def train(folder, **options):
    trainer, examples = build(DummyData(), TrainingSettings(model=vae(), batch_size=16, training_steps=12))
    loop.train(trainer, folder, checkpoint_every=5, log_every=4, examples=examples, **options)
    return [v.numpy() for v in trainer.state.variables if v is not trainer.state.seconds]


def test_the_steps_asked_for_are_profiled_and_the_weights_are_the_same(tmp_path, monkeypatch):
    taken, before = [], Profile.before
    monkeypatch.setattr(Profile, "before", lambda self, *given: taken.append(given[0]) or before(self, *given))
    expected, got = train(tmp_path / "plain"), train(tmp_path / "profiled", profile=(3, 7))
    assert {3, 7} <= set(taken)
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_array_equal(one, other)
    (xplane,) = (tmp_path / "profiled/plugins/profile").glob("*/*.xplane.pb")
    assert xplane.stat().st_size > 1000
    assert b"StatelessRandomUniform" in xplane.read_bytes(), "no training step is in it"
    assert not (tmp_path / "plain/plugins").exists()


def test_a_profile_is_written_when_the_training_ends_within_it(tmp_path):
    with Profile(tmp_path, 2, 9) as profile:
        assert [profile.before(step, 5) for step in (0, 2, 5)] == [2, 5, 5]
    assert len(list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))) == 1


def test_steps_taken_before_are_not_profiled_and_it_is_said(tmp_path, capsys):
    with Profile(tmp_path, 2, 5) as profile:
        assert profile.before(7, 20) == 20
    assert not list(tmp_path.iterdir())
    assert "profile: none, as no step of 2 … 4 was taken now" in capsys.readouterr().out


def test_steps_are_two_numbers_within_the_training():
    assert steps_of("3:7", 12) == (3, 7)
    assert steps_of("3:70", 12) == (3, 70)
    for text in ("7", "7:7", "7:3", "12:15", "a:b", "-1:3"):
        with pytest.raises(UserError, match=f"--profile must be two steps FIRST:LAST .*; got '{text}'"):
            steps_of(text, 12)
