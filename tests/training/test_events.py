"""events.py: the groups of tags, the run of validation, and names that stay those of earlier versions."""

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from dlib_bvae.training.events import Events, name_of, runs_of
from dlib_bvae.visualize.diagrams import scalars

LOGGED = {"loss": 5.0, "kl": 2.0, "weighted_kl": 8.0, "beta": 4.0, "latents/active_units": 3.0}


def tags(folder):
    return EventAccumulator(str(folder)).Reload().Tags()["tensors"]


def test_training_and_validation_have_the_same_tags_in_two_runs(tmp_path):
    events = Events(tmp_path, {"loss", "weighted_kl"})
    events.scalars(10, LOGGED)
    assert [folder.is_dir() for _, folder in runs_of(tmp_path)] == [True, False]  # nothing was validated
    events.scalars(10, {"validation/loss": 6.0, "validation/beta": 4.0})
    groups = ["loss/loss", "loss/kl", "loss/weighted_kl", "method/beta", "latents/active_units"]
    assert [tag for tag in tags(tmp_path) if "/" in tag] == groups
    assert tags(tmp_path / "validation") == ["loss/loss", "method/beta"]
    expected = {name: {10: value} for name, value in LOGGED.items()}
    assert scalars(tmp_path) == {**expected, "validation/loss": {10: 6.0}, "validation/beta": {10: 4.0}}


def test_what_earlier_versions_wrote_goes_on_under_the_same_names(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        for step in (10, 20):
            tf.summary.scalar("loss", 9.0, step)
            tf.summary.scalar("validation/loss", 8.0, step)
    events = Events(tmp_path, {"loss"})
    events.scalars(20, {"loss": 5.0, "validation/loss": 6.0})  # from the checkpoint of step 10
    assert scalars(tmp_path) == {"loss": {10: 9.0, 20: 5.0}, "validation/loss": {10: 8.0, 20: 6.0}}


def test_a_name_is_its_tag_without_the_group_of_losses_and_methods():
    names = {
        "loss/kl": "kl",
        "method/beta": "beta",
        "quality/fid/a": "fid/a",
        "kl": "kl",
        "validation/kl": "validation/kl",
    }
    assert {tag: name_of(tag) for tag in names} == names
    assert [name_of(tag) for tag in ("latents/kl_z3", "loss/", "loss")] == ["latents/kl_z3", "loss/", "loss"]


def test_one_chart_has_the_kl_of_every_latent(tmp_path):
    Events(tmp_path, {"loss"}).scalars(1, {"loss": 5.0})
    events = EventAccumulator(str(tmp_path)).Reload()
    (tag,) = events.PluginTagToContent("custom_scalars")
    (written,) = (event for event in events.Tensors(tag))
    layout = layout_pb2.Layout.FromString(tf.make_ndarray(written.tensor_proto).item())
    (chart,) = layout.category[0].chart
    assert chart.title == "KL per latent (nats)"
    assert list(chart.multiline.tag) == [r"latents/kl_z\d+$"]
