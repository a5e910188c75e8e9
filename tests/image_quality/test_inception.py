"""inception.py: extractors on small files in the layouts of the official ones."""

import hashlib
import shutil
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.extractors import EXTRACTORS

SIZE = 299


def graph_of_2015(path, pool="pool_3", batch=1):
    """A frozen graph with the official one's names: one image, its own resizing and normalisation, 2048 pooled numbers."""
    kernel = np.random.RandomState(0).randn(1, 1, 3, 2048).astype(np.float32)
    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.float32, [batch, None, None, 3], name="ExpandDims")
        resized = tf.raw_ops.ResizeBilinear(images=images, size=[SIZE, SIZE], name="ResizeBilinear")
        normal = tf.multiply(tf.subtract(resized, 128.0, name="Sub"), 1 / 128, name="Mul")
        tf.nn.avg_pool2d(tf.nn.conv2d(normal, kernel, SIZE // 8, "VALID"), 9, 1, "VALID", name=pool)
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return kernel[0, 0]


def test_the_graph_of_2015_takes_batches_and_normalises_itself(home):
    path = home / "data" / "weights" / "classify_image_graph_def.pb"
    kernel = graph_of_2015(path)
    extractor = EXTRACTORS.get("inception_2015")(None)
    images = np.random.RandomState(1).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)
    step = SIZE // 8
    seen = (images[:, ::step, ::step] - 128)[:, :9, :9].mean(axis=(1, 2)) / 128
    np.testing.assert_allclose(extractor(tf.constant(images)), seen @ kernel, rtol=1e-3, atol=1e-4)
    assert extractor.label("frechet") == "fid"
    assert extractor.label("kernel") == "kid"
    assert extractor.weights.startswith("sha256:")


def test_another_graph_is_refused(home, tmp_path):
    graph_of_2015(tmp_path / "other.pb", pool="pool_4")
    with pytest.raises(UserError, match="not the Inception graph"):
        EXTRACTORS.get("inception_2015")(None, path=str(tmp_path / "other.pb"))
    (tmp_path / "bad.pb").write_bytes(b"\xff\xff nothing")
    with pytest.raises(UserError, match="not the Inception graph"):
        EXTRACTORS.get("inception_2015")(None, path=str(tmp_path / "bad.pb"))


def hub_module(folder, width=2048, key="pool_3"):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
        def __call__(self, images):
            return {key: tf.tile(tf.reduce_mean(images, axis=(1, 2, 3))[:, None], [1, width])}

    tf.saved_model.save(Module(), str(folder))


def test_the_module_of_tfgan_is_given_images_from_minus_one_to_one(home):
    hub_module(home / "data" / "weights" / "tfgan_inception_1")
    extractor = EXTRACTORS.get("inception_tfgan")(None)
    images = tf.concat([tf.zeros([1, SIZE, SIZE, 3]), tf.fill([1, SIZE, SIZE, 3], 255.0)], 0)
    np.testing.assert_allclose(extractor(images)[:, 0], [-1, 1], atol=1e-4)
    assert extractor.is_inception_2015


def test_the_module_s_archive_is_unpacked_once_and_may_not_leave_its_folder(home, tmp_path, monkeypatch):
    hub_module(tmp_path / "module")
    weights = home / "data" / "weights"
    archive = weights / "tfgan_inception_1.tar.gz"  # as if it had been downloaded
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "module", ".")
    extractor = EXTRACTORS.get("inception_tfgan")(None, download=True)
    assert extractor(tf.zeros([1, SIZE, SIZE, 3])).shape == (1, 2048)
    assert (weights / "tfgan_inception_1" / "saved_model.pb").is_file()
    shutil.rmtree(weights / "tfgan_inception_1")
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "module" / "saved_model.pb", "../../escaped.pb")
    with pytest.raises(UserError, match="damaged or no archive"):
        EXTRACTORS.get("inception_tfgan")(None, download=True)
    assert sorted(path.name for path in weights.iterdir() if path.is_dir()) == []


@pytest.mark.parametrize("wrong", [{"width": 5}, {"key": "logits"}])
def test_a_module_that_is_another_is_refused(home, tmp_path, wrong):
    hub_module(tmp_path / "module", **wrong)
    with pytest.raises(UserError, match="not TF-GAN's Inception module"):
        EXTRACTORS.get("inception_tfgan")(None, path=str(tmp_path / "module"))


@pytest.mark.parametrize("name", ["inception_2015", "inception_tfgan", "inception_keras"])
def test_missing_weights_get_one_sentence_that_says_where_to_put_them(home, name):
    with pytest.raises(UserError, match="missing; get .* in ") as caught:
        EXTRACTORS.get(name)(None)
    assert str(home / "data" / "weights") in str(caught.value)


def test_a_file_that_is_no_keras_weights_is_refused(home, tmp_path):
    (tmp_path / "w.h5").write_bytes(b"no hdf5")
    with pytest.raises(UserError, match="does not hold the weights"):
        EXTRACTORS.get("inception_keras")(None, path=str(tmp_path / "w.h5"))


def test_keras_network_gets_images_from_minus_one_to_one(home, tmp_path, monkeypatch):
    given = {}

    def network(images, training):
        given["training"] = training
        return images[:, :2, 0, 0]

    def built(**settings):
        given.update(settings)
        return network

    monkeypatch.setattr(tf.keras.applications, "InceptionV3", built)
    (tmp_path / "w.h5").write_bytes(b"weights")
    extractor = EXTRACTORS.get("inception_keras")(None, path=str(tmp_path / "w.h5"))
    settings = {"include_top": False, "weights": str(tmp_path / "w.h5"), "pooling": "avg", "training": False}
    images = np.stack([np.zeros((2, 2, 3)), np.full((2, 2, 3), 255.0)]).astype(np.float32)
    np.testing.assert_allclose(extractor(tf.constant(images)), [[-1, -1], [1, 1]])
    assert given == settings
    digest = hashlib.sha256(b"weights").hexdigest()
    known = (extractor.name, extractor.num_features, extractor.size, extractor.weights, extractor.is_inception_2015)
    assert known == ("inception_keras", 2048, 299, f"sha256:{digest}", False)


def test_the_networks_of_2015_want_images_of_299_pixels(home):
    weights = home / "data" / "weights"
    graph_of_2015(weights / "classify_image_graph_def.pb")
    hub_module(weights / "tfgan_inception_1")
    for name in ("inception_2015", "inception_tfgan"):
        extractor = EXTRACTORS.get(name)(None)
        assert (extractor.name, extractor.num_features, extractor.size) == (name, 2048, 299)
        assert extractor.is_inception_2015
