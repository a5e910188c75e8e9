"""Trainings of a few steps, and what is compared of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.stages.train import build
from dlib_bvae.training.loop import train
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer

DATA = DummyData()
EXAMPLES = DATA.observations_at([0, 9])


def made(total: int, **settings) -> Trainer:
    """A trainer of `total` steps of the networks that gin makes, batches of 4 images."""
    return build(DATA, TrainingSettings(vae(), batch_size=4, training_steps=total, **settings))[0]


def trained(trainer: Trainer, folder: Path, checkpoint_every: int = 5, log_every: int = 100) -> dict[str, float]:
    """Trains to the end in `folder`; returns the losses, without what the clock says."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = train(trainer, folder, checkpoint_every=checkpoint_every, log_every=log_every, examples=EXAMPLES)
    return {key: value for key, value in outcome.items() if key not in ("seconds", "images_per_second")}


def checkpoint_of(folder: Path) -> dict[str, np.ndarray]:
    """Everything in the newest checkpoint of a training but the seconds and the number of savings."""
    reader = tf.train.load_checkpoint(str(folder / "checkpoint"))
    names = [name for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    return {name: reader.get_tensor(name) for name in names if "seconds" not in name and "save_counter" not in name}


def check_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Fails unless both have the same arrays, bit for bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def logged(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Step and value of every scalar `tag` that a training logged, in the order of steps, those logged twice with both."""
    events = [event for path in folder.glob("events*") for event in tf.compat.v1.train.summary_iterator(str(path))]
    values = [(event.step, value) for event in events for value in event.summary.value if value.tag == tag]
    return sorted((step, float(tf.make_ndarray(value.tensor))) for step, value in values)
