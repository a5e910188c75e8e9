"""A curve: it changes nothing of the training, and is the same however often a run is killed."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.stages.train import build
from dlib_bvae.training import loop
from dlib_bvae.training.callbacks.frechet_curve import Curve
from dlib_bvae.training.checkpoints import Checkpoints
from dlib_bvae.training.events import Events
from dlib_bvae.training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("tiny_networks")
DATA = DummyData()
SEEN = DATA.observations_at(np.arange(7))


class Brightness:
    """Mean and spread of reconstructions."""

    tags = {"mean": "brightness/mean", "spread": "brightness/spread"}
    about = {"num_images": 7}

    def __call__(self, network):
        made = network.reconstruct(SEEN).numpy()
        return {"mean": float(made.mean()), "spread": float(made.std())}


@pytest.fixture
def make(monkeypatch):
    def built(every=0, total=14, average_decay=0.0):
        curve = Curve(Brightness(), every) if every else None
        monkeypatch.setattr("dlib_bvae.stages.train.frechet_curve", lambda data, network: curve)
        settings = TrainingSettings(
            model=OBJECTIVES.get("vae")(), batch_size=16, training_steps=total, average_decay=average_decay
        )
        return build(DATA, settings)

    return built


def train(made, folder):
    trainer, examples = made
    folder.mkdir(exist_ok=True)
    return loop.train(trainer, folder, checkpoint_every=6, log_every=5, examples=examples)


def curve_of(made):
    return next(callback for callback in made[0].callbacks if isinstance(callback, Curve))


def tags(folder):
    events = [event for path in folder.glob("events*") for event in tf.compat.v1.train.summary_iterator(str(path))]
    return {(value.tag, event.step) for event in events for value in event.summary.value}


def test_points_are_measured_every_so_many_steps_and_at_the_end(make, tmp_path):
    made = make(every=4)
    train(made, tmp_path)
    found = curve_of(made).results()
    assert found["num_images"] == 7
    assert found["steps"] == [4, 8, 12, 14]
    assert found["mean"][-1] == Brightness()(made[0].network)["mean"]
    assert len(set(found["mean"])) == len(set(found["spread"])) == 4
    assert {("quality/brightness/mean", step) for step in found["steps"]} <= tags(tmp_path)
    made = make(every=7)
    train(made, tmp_path / "even")
    assert curve_of(made).results()["steps"] == [7, 14], "the last point stands twice"


def test_it_changes_nothing_of_the_training(make, tmp_path):
    without, with_curve = make(average_decay=0.9), make(every=2, average_decay=0.9)
    losses = [train(made, tmp_path / name) for made, name in ((without, "without"), (with_curve, "with"))]
    assert losses[0]["loss"] == losses[1]["loss"]
    kept = set(map(id, curve_of(with_curve).variables))
    mine = lambda state: [v.numpy() for v in state.variables if v is not state.seconds and id(v) not in kept]
    for one, other in zip(mine(without[0].state), mine(with_curve[0].state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_of_the_averages_where_those_are_exported(make, tmp_path):
    trainer, _ = made = make(every=14, average_decay=0.9)
    train(made, tmp_path)
    assert curve_of(made).results()["mean"] != [Brightness()(trainer.network)["mean"]]
    trainer.use_exported()
    assert curve_of(made).results()["mean"] == [Brightness()(trainer.network)["mean"]]


@pytest.mark.parametrize(
    ("owner", "moment", "often"), [(Curve, "run", 3), (Checkpoints, "save", 3), (Events, "scalars", 5)]
)
def test_a_killed_run_ends_with_the_same_curve(owner, moment, often, make, tmp_path, monkeypatch):
    whole = make(every=4)
    train(whole, tmp_path / "whole")
    method, calls = getattr(owner, moment), []

    def killed(self, *given):
        calls.append(given)
        if len(calls) % often == 2:
            raise KeyboardInterrupt
        return method(self, *given)

    monkeypatch.setattr(owner, moment, killed)
    for _ in range(20):
        made = make(every=4)
        try:
            train(made, tmp_path / "killed")
            break
        except KeyboardInterrupt:
            continue
    assert len(calls) > 2
    assert int(made[0].state.step) == 14
    assert curve_of(made).results() == curve_of(whole).results()
