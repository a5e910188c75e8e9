"""A SavedModel of any framework, encoded and scored."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError

SHAPE = (None, 16, 16, 1)


def export(path, outputs, shape=SHAPE, name="encode", dtype="float32", decode=None):
    """Writes a SavedModel whose signature `name` gives outputs(images)."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = tf.Variable(tf.ones([256, 3]), name="weights")  # as those of a network, they live in a file
    module.call = tf.function(
        lambda images: outputs(images, module.weights), input_signature=[tf.TensorSpec(shape, dtype)], autograph=False
    )
    signatures = {name: module.call}
    if decode is not None:
        module.decode = tf.function(decode, input_signature=[tf.TensorSpec([None, 3], tf.float32)], autograph=False)
        signatures["decode"] = module.decode
    tf.saved_model.save(module, str(path), signatures=signatures)
    return Path(path)


def three(images, weights):
    """Where the bar is: mean row, mean column, area."""
    import tensorflow as tf

    places = tf.cast(tf.range(16), images.dtype)
    mass = tf.reduce_sum(images, [1, 2, 3])
    rows = tf.reduce_sum(images[..., 0] * places[:, None], [1, 2]) / mass
    columns = tf.reduce_sum(images[..., 0] * places, [1, 2]) / mass
    return tf.stack([rows, columns, mass], axis=1) * tf.cast(weights[0], images.dtype)


def test_one_output_of_any_name_is_the_code(codes, score_external):
    model = export("theirs", lambda images, w: {"embedding": three(images, w)})
    (found,) = score_external("mig", saved_model=model)
    assert found["discrete_mig"] > 0.3
    images = datasets.load("dummy_data").observations_at([0, 300])[..., 0]
    expected = [[(i.sum(1) @ np.arange(16)) / i.sum(), (i.sum(0) @ np.arange(16)) / i.sum(), i.sum()] for i in images]
    assert np.load("runs/theirs/mean/codes.npy")[[0, 300]] == pytest.approx(np.array(expected), rel=1e-5)
    frame, problems = collect(Path("runs"))
    assert problems == []
    assert frame["train_results.origin"].tolist() == ["rendered"]
    assert tables.aggregate(frame)[["model", "representation"]].values.tolist() == [["theirs", "mean"]]


def test_codes_that_are_encoded_as_metrics_ask_are_mean_codes_in_tables(codes, score_external):
    model = export("theirs", lambda images, w: {"embedding": three(images, w)})
    (found,) = score_external("mig", "mig.num_train = 60", 'postprocess.images = "needed"', saved_model=model)
    assert 0 < found["images_encoded"] < 512
    frame, problems = collect(Path("runs"))
    assert problems == []
    assert tables.aggregate(frame)[["model", "representation"]].values.tolist() == [["theirs", "mean"]]


def test_mean_and_log_variance_are_sampled_and_a_decoder_reconstructs(codes, score_external, capsys):
    import tensorflow as tf

    both = lambda images, w: {"mean": three(images, w), "log_variance": 0 * three(images, w)}
    model = export("theirs", both, decode=lambda z: tf.ones([tf.shape(z)[0], 16, 16, 1]) * 0.5)
    found = score_external("mig,reconstruction_error", saved_model=model, name="other")
    assert found[1]["bernoulli_error"] == pytest.approx(256 * np.log(2), rel=1e-5)
    sampled = "postprocess.postprocess_fn = @sampled_representation"
    assert score_external("mig", sampled, saved_model=model, name="other")[0]["discrete_mig"] < found[0]["discrete_mig"]
    noise = np.load("runs/other/sampled/codes.npy") - np.load("runs/other/mean/codes.npy")
    assert noise.std() == pytest.approx(1, abs=0.05)
    capsys.readouterr()
    score_external("mig", saved_model=model, name="other")
    assert "encoded already" in capsys.readouterr().out


def test_another_model_is_not_put_in_its_place(codes, score_external):
    model = export("theirs", lambda images, w: {"z": three(images, w)})
    (first,) = score_external("mig", saved_model=model)
    shutil.rmtree(model)
    export(model, lambda images, w: {"z": -three(images, w)})
    with pytest.raises(UserError, match="mean was computed from another file; choose another --name"):
        score_external("mig", saved_model=model)
    assert score_external("mig", saved_model=model, overwrite=True)[0]["uuid"] != first["uuid"]
    assert read_results(Path("runs/theirs/mean"), "postprocess")["num_latents"] == 3


def test_another_name_is_written_without_encoding_again(codes, score_external):
    model, place = export("theirs", lambda images, w: {"z": three(images, w)}), {"output_dir": Path("runs/place")}
    (first,) = score_external("mig", saved_model=model, name="before", **place)
    (same,) = score_external("mig", saved_model=model, name="after", **place)
    assert same["uuid"] == first["uuid"]
    assert collect(Path("runs"))[0]["train_results.model"].tolist() == ["after"]


def test_overwrite_of_the_same_model_keeps_the_other_scores(codes, score_external):
    model = export("theirs", lambda images, w: {"z": three(images, w)})
    _, sap = score_external("mig,sap", saved_model=model)
    (mig,) = score_external("mig", saved_model=model, overwrite=True)
    assert len(list(Path("runs/theirs/mean/metrics").iterdir())) == 2
    assert mig["encoded"] == sap["encoded"]


def test_double_precision_is_given_what_it_takes(codes, score_external):
    model = export("theirs", lambda images, w: {"z": three(images, w)}, dtype="float64")
    assert score_external("mig", saved_model=model)[0]["discrete_mig"] > 0.3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "serve"}, r"no signature 'encode' \(it has serve\); export it with one"),
        (
            {"shape": (None, 64, 64, 1), "outputs": lambda i, w: {"z": i[:, 0, :3, 0]}},
            r"takes \(None, 64, 64, 1\); this data needs \(n, 16, 16, 1\) for any n",
        ),
        ({"shape": (8, 16, 16, 1)}, r"takes \(8, 16, 16, 1\)"),
        ({"dtype": "uint8"}, "must take floats; it takes uint8"),
        (
            {"outputs": lambda i, w: {"a": three(i, w), "b": three(i, w)}},
            "gives a, b; expected one output, or of encode one",
        ),
        (
            {"outputs": lambda i, w: {"z": i}},
            r"must encode 1 observations as numbers \(1, latents\); got float32 \(1, 16",
        ),
        ({"outputs": lambda i, w: {"z": three(i, w) / 0}}, "NaN or infinite codes for images 0"),
        (
            {"binding": "postprocess.postprocess_fn = @sampled_representation"},
            "gives no log_variance, so nothing can be",
        ),
        ({"break": "variables/variables.index"}, "theirs is damaged; export it again"),
    ],
    ids=["signature", "shape", "batch", "type", "outputs", "rank", "infinite", "sampled", "damaged"],
)
def test_what_cannot_encode_is_refused_in_one_sentence(options, told, codes, score_external):
    export_options = {"outputs": lambda i, w: {"z": three(i, w)}}
    export_options |= {k: v for k, v in options.items() if k not in ("binding", "break")}
    if export_options.get("dtype") == "uint8":
        import tensorflow as tf

        export_options["outputs"] = lambda i, w: {"z": three(tf.cast(i, tf.float32), w)}
    model = export("theirs", **export_options)
    if "break" in options:
        (model / options["break"]).write_bytes(b"")
    with pytest.raises(UserError, match=told) as caught:
        score_external("mig", *([options["binding"]] if "binding" in options else []), saved_model=model)
    assert "\n" not in str(caught.value)


def test_a_model_of_millions_of_codes_is_refused_before_memory_is_taken(codes, score_external):
    import tensorflow as tf

    model = export("wide", lambda images, w: {"codes": tf.zeros([tf.shape(images)[0], 3_000_000]) + w[0, 0]})
    with pytest.raises(UserError, match="codes may have at most 20000 numbers per image, .*; got 3000000") as refused:
        score_external("mig", saved_model=model)
    assert "\n" not in str(refused.value)
    assert not list(Path("runs").rglob("codes.npy"))
