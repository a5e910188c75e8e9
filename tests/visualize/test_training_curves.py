"""training_curves.py: scalars read back from TensorBoard events, and their panels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlib_bvae.visualize.training_curves import draw_curves, scalars


def write(folder, values, image=False):
    """One event file with {(name, step): value}."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for (name, step), value in values.items():
            tf.summary.scalar(name, value, step=step)
        if image:
            tf.summary.image("reconstructions", np.zeros((1, 4, 4, 1), np.float32), step=0)
    writer.close()
    return sorted(folder.glob("events*"))


def test_scalars_are_read_back_in_the_order_of_steps_and_images_are_left(tmp_path):
    values = {("loss", 20): 3.0, ("loss", 10): 5.0, ("kl", 10): 0.5, ("validation/loss", 10): 6.0}
    write(tmp_path, values, image=True)
    found = scalars(tmp_path)
    assert found == {"loss": {10: 5.0, 20: 3.0}, "kl": {10: 0.5}, "validation/loss": {10: 6.0}}
    assert list(found["loss"]) == [10, 20]


def test_a_continued_training_replaces_what_it_logged_again(tmp_path, monkeypatch):
    (first,) = write(tmp_path, {("loss", 10): 5.0, ("loss", 20): 4.0})
    first.rename(tmp_path / "events.out.tfevents.1000000000.a.1.0.v2")
    write(tmp_path, {("loss", 20): 3.0, ("loss", 30): 2.0})
    assert scalars(tmp_path) == {"loss": {10: 5.0, 20: 3.0, 30: 2.0}}


def test_a_file_that_ends_in_the_middle_of_a_record_is_read_so_far(tmp_path):
    (path,) = write(tmp_path, {("loss", step): float(step) for step in range(1, 6)})
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert scalars(tmp_path) == {"loss": {step: float(step) for step in range(1, 5)}}


def test_no_losses_give_no_picture(tmp_path):
    assert scalars(tmp_path) == {}
    assert draw_curves({}) is None
    assert draw_curves({"learning_rate": {1: 0.1}}) is None


@pytest.mark.parametrize("names", [["loss"], ["loss", "reconstruction", "kl"]])
def test_there_is_a_panel_for_each_loss_that_was_logged(names):
    curves = {name: {step: 100.0 / step for step in range(1, 50)} for name in names}
    curves["validation/loss"] = {step: 120.0 / step for step in range(10, 50, 10)}
    picture = np.asarray(Image.open(io.BytesIO(draw_curves(curves))).convert("RGB"))
    assert picture.shape[1] == pytest.approx(3.4 * 130 * len(names), abs=2)
    for k in range(len(names)):
        panel = picture[:, picture.shape[1] * k // len(names) : picture.shape[1] * (k + 1) // len(names)]
        assert (panel == (0, 114, 178)).all(axis=2).sum() > 50
        assert ((panel == (213, 94, 0)).all(axis=2).sum() > 20) == (names[k] == "loss")
