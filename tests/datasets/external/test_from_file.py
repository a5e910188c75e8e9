"""from_file: every layout gives the same images, mapped and in the file's order; what does not fit is refused."""

import os
import sys

import numpy as np
import pytest

from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 5, 4, 3), np.uint8)
GRID = np.array(list(np.ndindex(2, 3, 4)))


def saved(folder, layout, images=IMAGES, **others):
    if layout == "npy":
        path = folder / "images.npy"
        np.save(path, images)
    elif layout in ("npz", "compressed"):
        path = folder / "images.npz"
        (np.savez if layout == "npz" else np.savez_compressed)(path, imgs=images, **others)
    else:
        h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
        path = folder / "images.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("group/imgs", data=images, chunks=(4, *images.shape[1:]), compression="gzip")
            for name, value in others.items():
                file[name] = value
    return path


@pytest.mark.parametrize("layout", ["npy", "npz", "compressed", "h5"])
def test_every_layout_gives_the_same_images(layout, tmp_path):
    data = from_file(str(saved(tmp_path, layout)))
    assert not isinstance(data, GroundTruthData)
    assert (data.num_images, data.observation_shape, data.max_pixel) == (24, (5, 4, 3), 255)
    for rows in (np.arange(24), [23, 0, 0, 7], [], [5]):
        assert np.array_equal(data.images_at(rows), IMAGES[np.asarray(rows, int)])
    with pytest.raises(ValueError, match=r"0 … 23 for from_file\(images"):
        data.images_at([24])


@pytest.mark.parametrize("layout", ["npy", "npz", "compressed"])
def test_the_file_is_mapped_and_not_read_whole(layout, tmp_path):
    array = from_file(str(saved(tmp_path, layout)))._images.array
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


def test_a_fortran_ordered_member_is_mapped_rightly(tmp_path):
    data = from_file(str(saved(tmp_path, "npz", np.asfortranarray(IMAGES))))
    assert np.array_equal(data.images_at(np.arange(24)), IMAGES)


def test_a_compressed_file_is_unpacked_once_and_anew_when_it_changes(tmp_path, cache):
    path = saved(tmp_path, "compressed")
    from_file(str(path))
    unpacked = sorted((cache / "unpacked").glob("*.npy"))
    stamp = unpacked[0].stat().st_mtime_ns
    from_file(str(path))
    assert unpacked[0].stat().st_mtime_ns == stamp
    saved(tmp_path, "compressed", 255 - IMAGES)
    assert np.array_equal(from_file(str(path)).images_at([3])[0], 255 - IMAGES[3])


def test_a_grid_in_order(tmp_path):
    data = from_file(str(saved(tmp_path, "npy")), factor_sizes=[2, 3, 4], factor_names=["a", "b", "c"])
    assert isinstance(data, GroundTruthData)
    assert (data.factor_names, data.factor_sizes) == (("a", "b", "c"), (2, 3, 4))
    assert np.array_equal(data.images_at(data.index_of([[1, 2, 0]]))[0], IMAGES[20])
    assert from_file(str(saved(tmp_path, "npy")), factor_sizes=(24,)).factor_names == ("factor_0",)


@pytest.mark.parametrize("layout", ["npz", "h5"])
@pytest.mark.parametrize("values", [lambda grid: grid, lambda grid: grid * 0.5 - 3.25, lambda grid: 7 + 10 * grid])
def test_labels_in_any_order_make_the_grid_and_images_stay_in_the_files(layout, values, tmp_path):
    order = np.random.default_rng(1).permutation(24)
    path = saved(tmp_path, layout, IMAGES[order], labels=values(GRID[order]))
    data = from_file(str(path), labels="labels")
    assert data.factor_sizes == (2, 3, 4)
    assert np.array_equal(data.images_at(np.arange(24)), IMAGES[order])
    assert np.array_equal(data.factors_at(np.arange(24)), GRID[order])
    assert np.array_equal(data.images_at(data.index_of(GRID)), IMAGES)
    assert np.array_equal(
        data.sample_observations_from_factors(GRID[5:7]), data.observations_at(data.index_of(GRID[5:7]))
    )


def test_labels_in_another_file(tmp_path):
    order = np.random.default_rng(1).permutation(24)
    np.save(tmp_path / "labels.npy", GRID[order])
    path = saved(tmp_path, "npy", IMAGES[order])
    data = from_file(str(path), labels=str(tmp_path / "labels.npy"))
    assert np.array_equal(data.images_at([0, 23]), IMAGES[order[[0, 23]]])
    assert np.array_equal(data.factors_at([0, 23]), GRID[order[[0, 23]]])
    before = data.fingerprint
    np.save(tmp_path / "moved.npy", GRID[order])
    assert from_file(str(path), labels=str(tmp_path / "moved.npy")).fingerprint == before
    np.save(tmp_path / "labels.npy", GRID)
    assert from_file(str(path), labels=str(tmp_path / "labels.npy")).fingerprint != before


def test_float_and_binary_images(tmp_path):
    steps = from_file(str(saved(tmp_path, "npy", IMAGES.astype(np.float32) / 255)))
    assert np.array_equal(steps.images_at(np.arange(24)), IMAGES)
    binary = (IMAGES[..., 0] > 127).astype(np.uint8)
    path = str(saved(tmp_path, "npy", binary))
    with pytest.raises(UserError, match="set from_file.max_pixel = 1"):
        from_file(path)
    data = from_file(path, max_pixel=1)
    assert (data.max_pixel, data.observation_shape) == (1, (5, 4, 1))
    assert np.array_equal(data.observations_at([3])[0, ..., 0], binary[3])
    assert from_file(str(saved(tmp_path, "npy", binary.astype(bool)))).max_pixel == 1


@pytest.mark.parametrize("value", [1.5, -0.1, np.nan])
def test_float_pixels_out_of_range_are_refused_where_they_are_met(value, tmp_path):
    images = IMAGES.astype(np.float64) / 255
    images[7, 0, 0, 0] = value
    data = from_file(str(saved(tmp_path, "npy", images)))
    assert np.array_equal(data.images_at([6]), IMAGES[[6]])
    with pytest.raises(UserError, match=r"pixels in \[0, 1.0\]"):
        data.images_at([6, 7])


def test_the_fingerprint_is_of_content_and_parameters(tmp_path):
    path = saved(tmp_path, "npy")
    before = from_file(str(path)).fingerprint
    (tmp_path / "elsewhere").mkdir()
    assert from_file(str(saved(tmp_path / "elsewhere", "npy"))).fingerprint == before
    others = [from_file(str(path), factor_sizes=sizes).fingerprint for sizes in ([24], [4, 6], [6, 4])]
    named = from_file(str(path), factor_sizes=[4, 6], factor_names=["a", "b"]).fingerprint
    assert len({before, named, *others}) == 5
    saved(tmp_path, "npy", 255 - IMAGES)
    assert from_file(str(path)).fingerprint != before


def test_pickles_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "unpickled"),))

    np.save(tmp_path / "trap.npy", np.array([[Trap()]], object), allow_pickle=True)
    np.savez(tmp_path / "trap.npz", imgs=np.full((2, 3, 3), Trap(), object))
    np.savez(tmp_path / "beside.npz", imgs=IMAGES, metadata=np.array([Trap()], object))
    for name in ("trap.npy", "trap.npz"):
        with pytest.raises(UserError, match=f"{name}.*(pickled|[Oo]bject)"):
            from_file(str(tmp_path / name))
    assert from_file(str(tmp_path / "beside.npz")).num_images == 24
    assert not (tmp_path / "unpickled").exists()


def test_bad_files_and_parameters_are_one_sentence(tmp_path):
    path = str(saved(tmp_path, "npz", labels=GRID, more=IMAGES))
    cases = [
        ({"path": "missing.npy"}, "no file 'missing.npy'"),
        ({"path": "images.txt"}, "must be a .npy, .npz"),
        ({"path": path}, r"has 2 arrays of 3 or 4 dimensions.*imgs \(24, 5, 4, 3\), labels"),
        ({"path": path, "key": "img"}, "did you mean imgs"),
        ({"path": path, "key": "labels"}, r"observations \(n, columns\) \(24, 3\), which are not trained on"),
        ({"path": path, "key": "imgs", "labels": "label"}, "did you mean labels"),
        ({"path": path, "key": "imgs", "labels": "labels", "factor_sizes": [24]}, "either factor_sizes or labels"),
        ({"path": path, "key": "imgs", "factor_sizes": [5, 5]}, "a grid of 25 images; the file has 24"),
        ({"path": path, "key": "imgs", "factor_sizes": [24.0]}, "integer >= 1; got 24.0"),
        ({"path": path, "key": "imgs", "factor_sizes": [24], "factor_names": ["a", "b"]}, "1 different names"),
        ({"path": path, "key": "imgs", "factor_names": ["a"]}, "needs from_file.factor_sizes"),
        ({"path": path, "key": "imgs", "max_pixel": 2}, "must be 1 or 255; got 2"),
    ]
    for parameters, message in cases:
        with pytest.raises(UserError, match=message):
            from_file(**parameters)
    for images, message in (
        (IMAGES.astype(np.int32), "uint8, bool or float"),
        (IMAGES.reshape(24, 3, 4, 5), "channels in the last dimension"),
        (IMAGES[:0], "must be"),
    ):
        with pytest.raises(UserError, match=message):
            from_file(str(saved(tmp_path, "npy", images)))


@pytest.mark.parametrize("layout", ["npy", "npz", "compressed", "h5"])
def test_truncated_files_are_refused(layout, tmp_path):
    path = saved(tmp_path, layout)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="cannot be read"):
        from_file(str(path))


def test_h5py_is_imported_for_hdf5_files_only(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert from_file(str(saved(tmp_path, "npz"))).num_images == 24
    (tmp_path / "images.h5").write_bytes(b"")
    with pytest.raises(UserError, match="h5py"):
        from_file(str(tmp_path / "images.h5"))


def test_labels_that_make_no_grid_are_kept_in_the_file_s_order(tmp_path):
    labels = np.array([[5.0, -1], [2, 3], [5, -1]] * 8)
    path = str(saved(tmp_path, "npz", labels=labels))
    with pytest.raises(UserError, match=r"set from_file.full_grid = False to keep them as they are"):
        from_file(path, key="imgs", labels="labels")
    data = from_file(path, key="imgs", labels="labels", full_grid=False)
    assert not isinstance(data, GroundTruthData)
    assert data.factor_sizes == (2, 2)
    assert data.factor_names == ("factor_0", "factor_1")
    assert data.factors_at([0, 1, 2]).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert np.array_equal(data.images_at([3, 1]), IMAGES[[3, 1]])
    assert data.fingerprint != from_file(path, key="imgs").fingerprint
    with pytest.raises(UserError, match=r"full_grid = False goes with from_file.labels"):
        from_file(path, key="imgs", full_grid=False)


@pytest.mark.parametrize("channels", [1, 4])
def test_images_may_have_one_to_four_channels(tmp_path, channels):
    images = np.random.default_rng(0).integers(256, size=(6, 4, 5, channels), dtype=np.uint8)
    data = from_file(str(saved(tmp_path, "npy", images)))
    assert np.array_equal(data.images_at(np.arange(6)), images)


def test_tables_of_observations_are_refused_with_what_takes_them(tmp_path):
    table = np.random.default_rng(0).random((24, 5))
    np.save(tmp_path / "table.npy", table)
    np.savez(tmp_path / "table.npz", x=table, y=np.arange(24))
    for name in ("table.npy", "table.npz"):
        message = r"from_file takes images.*\(24, 5\), which are not trained on; score codes of them by metrics.score"
        with pytest.raises(UserError, match=message):
            from_file(str(tmp_path / name))
    np.save(tmp_path / "table.npy", table[:, None])
    data = from_file(str(tmp_path / "table.npy"))
    assert data.observation_shape == (1, 5, 1)
    np.testing.assert_allclose(data.observations_at([3])[0, 0, :, 0], table[3], atol=1 / 510)
