"""dsprites.py: the rendered grid, its order, and the real frames in it."""

from pathlib import Path

import numpy as np
import pytest

from dlib_bvae.datasets.rendered.dsprites import DSpritesRendered

FRAMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "dsprites_frames.npz"
SIZES = (3, 6, 40, 32, 32)


@pytest.fixture(scope="module")
def grid(dsprites):
    """All images, packed: uint8 (shape, scale, orientation, x, y, 512)."""
    return dsprites.packed().reshape(*SIZES, 512)


def centre(image):
    """(x, y) of the middle of a figure's pixels."""
    rows, columns = np.nonzero(image[..., 0])
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_the_grid_is_the_official_one_without_colour(dsprites):
    assert dsprites.factor_names == ("shape", "scale", "orientation", "position_x", "position_y")
    assert dsprites.factors_num_values == list(SIZES)
    assert dsprites.num_images == 737_280
    assert dsprites.observation_shape == (64, 64, 1)


def test_images_are_as_ever(dsprites, known):
    factors, images = known("dsprites")
    assert np.array_equal(dsprites.packed()[dsprites.index_of(factors)], images)


def test_images_are_zeros_and_ones(dsprites):
    images = dsprites.images_at([0, 5, 737_279])
    assert images.shape == (3, 64, 64, 1)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    assert dsprites.sample_observations(2, 0).max() == 1.0
    assert dsprites.images_at([]).shape == (0, 64, 64, 1)


@pytest.mark.parametrize("index", [-1, 737_280])
def test_an_image_off_the_grid_is_refused(dsprites, index):
    with pytest.raises(ValueError, match="0 … 737279 for dsprites_rendered"):
        dsprites.images_at([index])


def test_position_y_varies_fastest_then_position_x(dsprites):
    base = dsprites.index_of([[1, 5, 0, 10, 20]])[0]
    here, right, below = map(centre, dsprites.images_at([base, base + 32, base + 1]))
    step = 32 / 31
    # A figure's middle moves by a fraction of a pixel as its edges cross pixel centres.
    assert here == pytest.approx((16 + 10 * step, 16 + 20 * step), abs=0.3)
    assert right == pytest.approx((16 + 11 * step, 16 + 20 * step), abs=0.3)
    assert below == pytest.approx((16 + 10 * step, 16 + 21 * step), abs=0.3)


def test_a_figure_grows_with_its_scale(dsprites):
    for shape in range(3):
        factors = [[shape, scale, 0, 0, 0] for scale in range(6)]
        areas = dsprites.images_at(dsprites.index_of(factors)).sum(axis=(1, 2, 3))
        assert (np.diff(areas.astype(int)) > 0).all()


def test_the_three_shapes_come_in_order(dsprites):
    square, ellipse, heart = dsprites.images_at(dsprites.index_of([[shape, 5, 0, 0, 0] for shape in range(3)]))[..., 0]
    assert square.sum() == 400
    assert np.ptp(np.nonzero(ellipse)[1]) > 1.5 * np.ptp(np.nonzero(ellipse)[0])
    assert np.array_equal(heart[:, :32], heart[:, 31::-1])
    assert not np.array_equal(heart[:32], heart[31::-1])


def test_the_first_orientation_looks_like_the_last(grid):
    assert np.array_equal(grid[:, :, 0], grid[:, :, -1])


def test_neighbouring_orientations_of_a_large_figure_differ(grid):
    assert (grid[:, 5, 1:] != grid[:, 5, :-1]).any(axis=-1).all()


def test_packed_is_packbits_of_the_images(dsprites):
    indices = np.random.default_rng(0).integers(dsprites.num_images, size=500)
    packed = np.packbits(dsprites.images_at(indices).reshape(500, -1), axis=1)
    assert np.array_equal(dsprites.packed()[indices], packed)
    assert dsprites.packed().shape == (737_280, 512)
    assert dsprites.packed().dtype == np.uint8


def test_a_second_object_reads_the_same_file(dsprites):
    again = DSpritesRendered(dsprites.cache_path.parent)
    drawn = dsprites.cache_path.stat().st_mtime_ns
    assert np.array_equal(again.images_at([123_456]), dsprites.images_at([123_456]))
    assert dsprites.cache_path.stat().st_mtime_ns == drawn
    assert {path.suffix for path in dsprites.cache_path.parent.iterdir()} == {".npy", ".json", ".lock"}


def test_the_file_is_named_by_the_fingerprint(dsprites, monkeypatch, tmp_path):
    assert dsprites.cache_path.name == f"dsprites_rendered-{dsprites.fingerprint}.npy"
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    assert DSpritesRendered().cache_path == tmp_path / dsprites.cache_path.name


def keys(packed):
    """uint8 (n, 512) → one uint64 an image; different images may rarely share one."""
    weights = np.random.default_rng(0).integers(1, 2**63, size=64, dtype=np.uint64) | np.uint64(1)
    rows = packed.view(np.uint64)
    return np.concatenate([(rows[i : i + 65_536] * weights).sum(axis=1) for i in range(0, len(rows), 65_536)])


@pytest.mark.skipif(not FRAMES.exists(), reason="the real frames, shared/data beside the repository, are not here")
def test_all_320_real_frames_are_in_the_grid_bit_for_bit(dsprites):
    with np.load(FRAMES) as file:
        frames = file["imgs"]
    assert frames.shape == (320, 64, 64)
    real = np.packbits(frames.reshape(320, -1) > 0, axis=1)
    drawn = keys(dsprites.packed())
    order = np.argsort(drawn)
    places = order[np.searchsorted(drawn, keys(real), sorter=order).clip(max=len(order) - 1)]
    missing = np.flatnonzero((dsprites.packed()[places] != real).any(axis=1))
    assert missing.tolist() == []
    assert len(np.unique(dsprites.factors_at(places)[:, 0])) == 3
