"""shapes3d.py: the rendered grid, its order, what each factor changes, the cache, and the real frames."""

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered import shapes3d
from dlib_bvae.datasets.rendered.shapes3d import LAYERS, Painter, Scene
from dlib_bvae.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
FRAMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "shapes3d_frames.npz"
SIZES = (10, 10, 10, 8, 4, 15)


@pytest.fixture
def image(painted):
    """Factors → image int64 (64, 64, 3), as images_at gives it."""

    def draw(floor, wall, thing, *geometry):
        layers = painted(*geometry).reshape(1, LAYERS, -1)
        return shapes3d.compose(layers, np.zeros(1, np.int64), np.array([[floor, wall, thing]]))[0].astype(int)

    return draw


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """shapes3d_rendered with a cache file of noise in place of images: for what does not look at them."""
    noise = np.random.default_rng(0).integers(-2000, 6000, size=(480, LAYERS * 4096), dtype=np.int16).astype("<i2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes3d, "_blocks", lambda: iter([noise.view(np.uint8)]))
        grid = shapes3d.Shapes3DRendered(tmp_path_factory.mktemp("cache"))
        grid.images_at([0])
    return grid


def test_the_grid_is_the_official_one(data):
    assert data.factor_names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert data.factors_num_values == list(SIZES)
    assert data.num_images == 480_000
    assert data.observation_shape == (64, 64, 3)
    assert data.max_pixel == 255
    assert isinstance(datasets.load("shapes3d_rendered"), shapes3d.Shapes3DRendered)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(0, 479_999), min_size=1, max_size=4))
def test_an_image_is_the_sum_of_its_layers(data, rows):
    layers = np.load(data.cache_path, mmap_mode="r").view("<i2").reshape(*SIZES[3:], LAYERS, 64, 64)
    images = data.images_at(rows)
    assert images.dtype == np.uint8
    for image, (floor, wall, thing, *geometry) in zip(images, data.factors_at(rows), strict=True):
        planes = layers[tuple(geometry)].astype(int)
        fifths = [[round(5 * channel) for channel in rgb] for rgb in map(hsv, (floor, wall, thing))]
        for channel in range(3):
            chosen = [channel, *(3 + 6 * k + fifths[k][channel] for k in range(3))]
            total = planes[chosen].sum(axis=0)
            assert np.array_equal(image[..., channel], np.clip((total + 32) // 64, 0, 255))


def hsv(hue):
    """Red, green, blue in 0 … 1 of a saturated colour, by the six ramps of the hue circle."""
    sector, rest = divmod(hue * 6, 10)
    up, down = rest / 10, 1 - rest / 10
    return [(1, up, 0), (down, 1, 0), (0, 1, up), (0, down, 1), (up, 0, 1), (1, 0, down)][sector]


def test_images_are_as_ever(known, unchanged, painted):
    factors, images = known("shapes3d")
    layers = np.stack([painted(*geometry) for geometry in factors[:, 3:].tolist()]).reshape(len(factors), LAYERS, -1)
    unchanged(shapes3d.compose(layers, np.arange(len(factors)), factors[:, :3]), images)


def test_a_block_is_one_geometry(painted):
    block = next(shapes3d._blocks())
    assert block.shape == (1, LAYERS * 4096 * 2)
    assert block.tobytes() == painted(0, 0, 0).tobytes()


def test_no_indices_give_no_images(data):
    assert data.images_at([]).shape == (0, 64, 64, 3)


@pytest.mark.parametrize("index", [-1, 480_000])
def test_an_image_off_the_grid_is_refused(data, index):
    with pytest.raises(ValueError, match="0 … 479999 for shapes3d_rendered"):
        data.images_at([index])


def test_rendering_twice_gives_the_same(painted):
    assert np.array_equal(Painter().render(2, 1, 7), painted(2, 1, 7))


def test_a_painter_s_earlier_pictures_leave_no_trace():
    painter = Painter()
    painter.render(7, 3, 7)
    assert np.array_equal(painter.render(0, 2, 7), Painter().render(0, 2, 7))


@pytest.mark.parametrize("shape", range(4))
def test_the_object_s_colour_changes_the_object_alone(image, shape):
    red, blue = image(3, 8, 0, 4, shape, 0), image(3, 8, 6, 4, shape, 0)
    # The filter spreads an edge by two pixels.
    rows, columns = np.nonzero((red != blue).any(axis=2))
    middle = (red - blue)[..., 0] > 100
    assert 100 < middle.sum() < 1400
    inside = np.nonzero(middle)
    assert rows.min() >= inside[0].min() - 4
    assert rows.max() <= inside[0].max() + 4
    assert columns.min() >= inside[1].min() - 4
    assert columns.max() <= inside[1].max() + 4
    assert 28 < inside[1].mean() + 0.5 < 36


def test_sky_walls_and_floor_lie_above_each_other(image):
    picture = image(0, 3, 6, 0, 0, 7)
    assert picture[2:12].reshape(-1, 3).tolist() == [[153, 226, 249]] * 640
    assert (picture[22:34, :, 1] > picture[22:34, :, 0] + 100).all()
    assert (picture[60, :, 0] > 200).all()
    assert (picture[60, :, 1:] < 20).all()


def test_hues_follow_the_hue_circle(image):
    for hue in range(10):
        colour = image(0, 0, hue, 7, 3, 7)[30, 32]
        assert colour == pytest.approx(240 * np.array(hsv(hue)), abs=4)


@pytest.mark.parametrize("shape", range(4))
def test_the_object_grows_with_its_scale(painted, shape):
    covered = [int(painted(scale, shape, 7)[-1].sum()) for scale in (0, 1, 4, 7)]
    assert (np.diff(covered) > 0).all()


def test_round_objects_look_the_same_from_all_sides_and_the_cube_does_not(painted):
    for shape in range(4):
        outlines = [painted(3, shape, orientation)[-1] > 64 * 120 for orientation in (0, 7)]
        changed = (outlines[0] != outlines[1]).sum()
        # A brighter edge moves the threshold's line by a pixel here and there.
        assert changed > 20 if shape == 0 else changed < 6


def test_the_shapes_come_in_order(painted):
    cube, cylinder, sphere, capsule = (painted(3, shape, 7)[-1] > 64 * 120 for shape in range(4))
    height = lambda outline: np.ptp(np.nonzero(outline)[0])
    width = lambda outline, row: outline[row].sum()
    assert height(capsule) > 1.5 * height(sphere)
    bottom = {name: np.nonzero(each)[0].max() for name, each in (("sphere", sphere), ("cylinder", cylinder))}
    assert width(sphere, bottom["sphere"] - 1) < 0.8 * width(sphere, bottom["sphere"] - 8)
    assert width(cylinder, bottom["cylinder"] - 2) > 0.8 * width(cylinder, bottom["cylinder"] - 8)
    # Seen from the front the cube's lower edge is straight, the cylinder's is round.
    last = lambda outline: [np.flatnonzero(column).max() for column in outline.T if column.any()][2:-2]
    assert np.ptp(last(cube)) == 0
    assert np.ptp(last(cylinder)) >= 1


def test_the_object_throws_a_shadow_on_the_floor(image):
    floor = image(0, 6, 3, 7, 2, 14)[..., 0]
    assert 60 < floor[55, 34] < 110
    assert floor[62, 4] == 255


def test_the_room_turns_with_the_orientation(image):
    # The corner of the room is on the right at -30° and on the left at 30°, the darker wall beyond it.
    left, right = image(0, 6, 3, 0, 0, 0)[25, :, 2], image(0, 6, 3, 0, 0, 14)[25, :, 2]
    assert left[5:40].mean() > left[50:].mean() + 40
    assert right[25:60].mean() > right[:15].mean() + 30


def test_orientations_differ(painted):
    pictures = [painted(0, 0, orientation) for orientation in (0, 1, 7, 8, 14)]
    assert all((a != b).any() for a, b in itertools.combinations(pictures, 2))


def leaves(value, path=()):
    """Paths to all numbers in a nested dataclass."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple):
        for k, each in enumerate(value):
            yield from leaves(each, (*path, k))
    else:
        yield path


def nudged(value, path):
    """The value with the number at `path` a little larger."""
    if not path:
        return value + (1 if isinstance(value, int) else 0.001)
    first, *rest = path
    if isinstance(first, int):
        return (*value[:first], nudged(value[first], rest), *value[first + 1 :])
    return dataclasses.replace(value, **{first: nudged(getattr(value, first), rest)})


def test_the_fingerprint_changes_with_every_parameter(monkeypatch):
    scenes = [Scene(), *(nudged(Scene(), path) for path in leaves(Scene()))]
    prints = [fingerprint_of(scene, monkeypatch) for scene in scenes]
    assert len(scenes) > 20
    assert len(set(prints)) == len(prints)
    assert fingerprint_of(Scene(), monkeypatch) == prints[0] == shapes3d.Shapes3DRendered().fingerprint


def fingerprint_of(scene, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shapes3d, "Scene", lambda: scene)
        return shapes3d._fingerprint.__wrapped__()


@pytest.mark.parametrize("name", ["SCALES", "ORIENTATIONS", "_HUES", "SKY_COLOUR", "SAMPLES", "FRACTION_BITS"])
def test_the_fingerprint_changes_with_every_law(monkeypatch, name):
    value = getattr(shapes3d, name)
    changed = value + 1 if not isinstance(value, tuple) else (*value[:2], value[2] + 1)
    monkeypatch.setattr(shapes3d, name, changed)
    assert shapes3d._fingerprint.__wrapped__() != shapes3d.Shapes3DRendered().fingerprint


def test_the_fingerprint_is_the_same_in_another_process():
    code = "from dlib_bvae import datasets; print(datasets.load('shapes3d_rendered').fingerprint)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == shapes3d.Shapes3DRendered().fingerprint


@pytest.mark.parametrize("place", [200, -1])
def test_a_changed_byte_anywhere_in_the_cache_is_told(data, place):
    content = bytearray(data.cache_path.read_bytes())
    content[place] ^= 1
    try:
        data.cache_path.write_bytes(content)
        with pytest.raises(UserError, match=r"shapes3d_rendered-.*\.npy is damaged: its checksum differs; delete it"):
            shapes3d.Shapes3DRendered(data.cache_path.parent).images_at([0])
    finally:
        content[place] ^= 1
        data.cache_path.write_bytes(content)
    assert shapes3d.Shapes3DRendered(data.cache_path.parent).images_at([0]).shape == (1, 64, 64, 3)


@pytest.mark.slow
def test_the_whole_grid_is_rendered_and_opened(tmp_path, painted):
    grid = shapes3d.Shapes3DRendered(tmp_path)
    rows = np.random.default_rng(0).integers(480_000, size=64)
    images = grid.images_at(rows)
    assert grid.cache_path.exists()
    assert np.array_equal(shapes3d.Shapes3DRendered(tmp_path).images_at(rows), images)
    layers = painted(3, 2, 11).reshape(1, LAYERS, -1)
    one = shapes3d.compose(layers, np.zeros(1, np.int64), np.array([[1, 2, 3]]))
    assert np.array_equal(grid.images_at(grid.index_of([[1, 2, 3, 3, 2, 11]])), one)


@pytest.mark.skipif(not FRAMES.exists(), reason="the real frames, shared/data beside the repository, are not here")
def test_rendered_images_are_near_the_real_frames(monkeypatch, image):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from shapes3d_fidelity import compare
    from shapes3d_frames import frame_factors, read_frames

    some = [0, 1, 7, 8, 14, 15, 16, 17, 24, 28, 38, 40, 49]
    factors = frame_factors()[some]
    drawn = np.array([image(*map(int, row)) for row in factors], float)
    figures = compare(drawn, read_frames(FRAMES)[some], factors)
    assert figures["mean_absolute_pixel_error"] < 2
    assert figures["min_object_iou"] > 0.93
    assert all(each["max"] < 2 for each in figures["hue_error_degrees"].values())
