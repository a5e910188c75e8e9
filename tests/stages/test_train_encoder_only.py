"""A training without a decoder: what it leaves, and that what needs one does not apply, in words."""

import pytest
import tensorflow as tf

from dlib_bvae import models
from dlib_bvae.artifacts import read_identity, read_results
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.stages import evaluate, train, visualize

FILE = ["gin/models/lejepa_pairs.gin"]
SMALL = [
    "dataset.name = 'dummy_data'",
    "encoder.encoder_fn = @fc_encoder",
    "encoder.num_latent = 4",
    "lejepa_pairs.slices = 16",
    "model.batch_size = 16",
    "model.training_steps = 4",
    "model.checkpoint_every = 2",
    "model.log_every = 2",
]
FEW = ["visualize.num_values = 3", "visualize.num_images = 100", "visualize.num_codes = 500"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of four steps."""
    return train.run(FILE, SMALL, tmp_path_factory.mktemp("encoder_only") / "run")


def test_it_leaves_an_encoder_and_a_loss_without_a_unit(run, capsys):
    found = read_results(run / "train", "train")
    assert (found["supervision"], found["steps"]) == ("pairs", 4)
    assert {"loss", "alignment", "sigreg", "weighted_sigreg"} <= found.keys()
    assert not {"reconstruction", "kl"} & found.keys()
    assert set(tf.saved_model.load(str(run / "train/saved_model")).signatures) == {"encode"}
    assert not (run / "train/reconstructions.png").exists()
    used = read_identity(run / "train", "train")
    keys = {*used.parameters, *used.recorded}
    assert "encoder.num_latent" in keys
    assert not {key for key in keys if key.startswith(("decoder.", "reconstruction_loss."))}
    train.run(FILE, SMALL, run)
    assert "trained already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("elbo", "elbo needs a model with a likelihood"),
        ("reconstruction_error", "reconstruction_error needs the model's decoder"),
        ("image_quality", "image_quality needs the model's decoder"),
    ],
)
def test_scores_of_images_and_likelihoods_do_not_apply(run, metric, said):
    with pytest.raises(NotApplicable, match=said):
        evaluate.run(metric, model_dir=run)


def test_traversals_samples_and_reconstructions_are_left_out_with_the_reason(run, monkeypatch):
    # Those that draw by matplotlib take seconds, and have nothing to do with a decoder.
    without = {"overview", "reconstructions", "samples", "jacobian", "animation", "reconstruct-traverse"}
    without |= {f"{name}-traversals" for name in ("posterior", "prior", "quantile")}
    sections = {name: each for name, each in visualize.SECTIONS.items() if name in {*without, "data", "latents"}}
    monkeypatch.setattr(visualize, "SECTIONS", sections)
    left_out = read_results(visualize.run([], FEW, run), "visualize")["left_out"]
    assert left_out.keys() == without
    assert all("decoder" in left_out[name] for name in without - {"prior-traversals"})
    assert "no posterior variance" in left_out["prior-traversals"]


def test_from_python_it_encodes_only(run):
    model = models.load(run)
    images = model.encode(tf.zeros([2, 16, 16, 1]).numpy())
    assert images.shape == (2, 4)
    for call in (lambda: model.decode(images), lambda: model.sample(2), lambda: model.traverse(tf.zeros([16, 16, 1]))):
        with pytest.raises(NotApplicable):
            call()


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("model.output_bias = 'data_mean'", "is of a decoder, and this model.network has none"),
        ("frechet_curve.every_steps = 2", "and this model.network has no decoder; set frechet_curve.every_steps = 0"),
        ("model.network = @gaussian_vae", "trains a network with encoder_only latents; model.network makes gaussian"),
    ],
)
def test_what_needs_a_decoder_is_refused(binding, said, tmp_path):
    with pytest.raises(UserError, match=said):
        train.run(FILE, [*SMALL, binding], tmp_path / "run")


def test_a_binding_of_a_decoder_is_said_to_change_nothing(tmp_path, capsys):
    train.run(FILE, [*SMALL, "model.training_steps = 1", "decoder.decoder_fn = @fc_decoder"], tmp_path / "run")
    assert "decoder.decoder_fn" in capsys.readouterr().err
