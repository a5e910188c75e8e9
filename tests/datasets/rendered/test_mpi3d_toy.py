"""mpi3d_toy.py: the official grid, what each factor changes, the cache on a tiny grid, and the real frames.

Single images are rendered with render(); the cache of the whole grid is never made here.
"""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered.mpi3d_toy import WINDOW, MPI3DToyRendered, fingerprint
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import SCENE, camera, pitched, tip, tip_object
from dlib_bvae.errors import UserError

FRAMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "mpi3d_toy_frames.npz"
SIZES = (6, 6, 2, 3, 3, 40, 40)
POSES = [(1, 22, 21), (0, 39, 27), (2, 3, 10), (0, 0, 39)]


@pytest.fixture(scope="module")
def data():
    return datasets.load("mpi3d_toy_rendered")


@pytest.fixture
def tiny(tmp_path):
    """The same class with 1 × 2 × 3 poses."""

    class Tiny(MPI3DToyRendered):
        factor_sizes = (6, 6, 2, 1, 3, 2, 3)

    return Tiny(tmp_path)


def factors(pose, color=3, shape=1, size=1, background=0):
    height, horizontal, vertical = pose
    return [color, shape, size, height, background, horizontal, vertical]


def test_the_grid_is_the_official_one(data):
    assert data.factor_names == (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    )
    assert data.factors_num_values == list(SIZES)
    assert data.num_images == 1_036_800
    assert data.observation_shape == (64, 64, 3)
    assert data.max_pixel == 255
    assert data.factors_at([0, 1, 40, 1_036_799]).tolist() == [
        [0] * 7,
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [5, 5, 1, 2, 2, 39, 39],
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1_036_799))
def test_index_and_factors_are_inverse(index):
    data = MPI3DToyRendered()
    assert data.index_of(data.factors_at([index])).tolist() == [index]


def test_images_are_as_ever(data, known, unchanged):
    factors, images = known("mpi3d_toy")
    unchanged(data.render(factors), images)


def test_factors_off_the_grid_are_refused(data):
    with pytest.raises(ValueError, match="factors of mpi3d_toy_rendered must be in 0"):
        data.render([[0, 0, 0, 3, 0, 0, 0]])


def test_rendering_twice_gives_the_same_bytes(data):
    wanted = [factors(pose) for pose in POSES]
    images = data.render(wanted)
    assert images.shape == (4, 64, 64, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images, data.render(wanted))
    assert np.array_equal(images[1:2], data.render(wanted[1:2]))


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("shape", range(6))
def test_the_colour_of_the_object_changes_pixels_of_the_object_alone(data, pose, shape):
    images = data.render([factors(pose, color, shape) for color in range(6)]).astype(int)
    changed = (images != images[0]).any(axis=(0, 3))
    other = data.render([factors(pose, color, (shape + 3) % 6, 0) for color in range(6)]).astype(int)
    place = np.argwhere(changed)
    assert 10 < changed.sum() < 400
    assert (np.ptp(place, axis=0) < 26).all()
    # A side in the dark is black in every colour, so that a pixel beside the changed ones may be the object's.
    away = ~binary_dilation(changed | (other != other[0]).any(axis=(0, 3)), iterations=2)
    assert np.array_equal(images[0][away], other[0][away])


@pytest.mark.parametrize("pose", POSES)
def test_the_colour_of_the_background_changes_pixels_of_the_ring_alone(data, pose):
    images = data.render([factors(pose, background=background) for background in range(3)]).astype(int)
    changed = (images != images[0]).any(axis=(0, 3))
    image = images[0]
    assert 100 < changed.sum() < 600
    assert not changed[45:].any()
    # Where the object is seen whole, and on the floor, nothing changes.
    assert not changed[(image == round(SCENE.floor)).all(axis=2)].any()
    colors = data.render([factors(pose, color) for color in range(6)]).astype(int)
    both = changed & (colors != colors[0]).any(axis=(0, 3))
    assert both.sum() < 60


def test_purple_sea_green_and_salmon(data):
    purple, green, salmon = data.render([factors((0, 39, 27), background=background) for background in range(3)])[
        :, 10, 32
    ]
    assert purple[2] > purple[0] > purple[1]
    assert green[1] > green[2] > green[0]
    assert salmon[0] > salmon[2] > salmon[1]


@pytest.mark.parametrize(
    ("color", "law"),
    [
        (0, lambda r, g, b: r == g == b > 180),
        (1, lambda r, g, b: g > 2 * max(r, b)),
        (2, lambda r, g, b: r > 150 and g == b == 0),
        (3, lambda r, g, b: b > g > r),
        (4, lambda r, g, b: 110 > r > g > b),
        (5, lambda r, g, b: abs(r - g) < 5 and g > 2 * b),
    ],
)
def test_the_colours_come_in_the_official_order(data, color, law):
    images = data.render([factors((1, 22, 21), each, size=1) for each in (0, 4, color)]).astype(int)
    place = np.unravel_index((images[0] - images[1]).sum(axis=2).argmax(), (64, 64))
    assert law(*images[2][place])


def test_a_large_object_covers_more_than_a_small_one(data):
    for shape in range(6):
        small, large = (seen(data, factors((1, 22, 21), shape=shape, size=size)).sum() for size in (0, 1))
        assert large > 1.5 * small


def seen(data, wanted):
    """Which pixels the tip object touches, bool (64, 64)."""
    white, brown = data.render([[0, *wanted[1:]], [4, *wanted[1:]]]).astype(int)
    return (white != brown).any(axis=2)


def test_the_object_is_seen_at_the_projected_tip(data):
    for height, horizontal, vertical in POSES:
        place = np.argwhere(seen(data, factors((height, horizontal, vertical), shape=5))).mean(axis=0) + 0.5
        middle = tip(SCENE, horizontal, vertical) + 0.4 * pitched(SCENE, horizontal, vertical)[2]
        x, y = camera(SCENE, height).project(middle[None])[0] + 32
        assert np.hypot(place[1] - x, place[0] - y) < 1.5


def test_the_tip_moves_one_way_with_each_axis():
    ahead = [tip(SCENE, h, 16)[1] for h in range(2, 40)]
    assert (np.diff(ahead) > 0).all()
    beside = [np.arctan2(*pitched(SCENE, 39, v)[2][:2]) for v in range(40)]
    assert (np.diff(beside) > 0).all()
    assert beside[0] < -1
    assert beside[-1] > 1


def test_the_tip_walks_through_the_image_with_the_horizontal_axis(data):
    rows = [np.argwhere(seen(data, factors((0, h, 20), shape=5))).mean(axis=0)[0] for h in range(0, 40, 6)]
    top = int(np.argmin(rows))
    assert (np.diff(rows[: top + 1]) < 0).all()
    assert (np.diff(rows[top:]) > 0).all()


def test_a_lower_camera_sees_the_ring_lower(data):
    ring = data.render([factors((height, 0, 39), background=0) for height in range(3)]).astype(int)
    tops = [np.argwhere((image[:, 50, 2] - image[:, 50, 1]) > 20)[0, 0] for image in ring]
    assert tops == sorted(tops)
    assert tops[0] + 10 < tops[2]


def test_the_objects_of_a_pose_fit_into_the_window():
    for height, horizontal, vertical in np.ndindex(3, 10, 10):
        solids = [tip_object(SCENE, shape, 1, horizontal * 13 // 3, vertical * 13 // 3)[0] for shape in range(6)]
        places = np.concatenate([camera(SCENE, height).project(solid.corners) for solid in solids])
        # The window begins at a whole pixel, and a window of samples is rounded outwards.
        assert (np.ptp(places.clip(-32, 32), axis=0) < WINDOW - 1.5).all()


def test_the_fingerprint_changes_with_every_number_of_the_scene():
    known = {fingerprint(SCENE)}
    for name, value in dataclasses.asdict(SCENE).items():
        for changed in nudged(value):
            known.add(fingerprint(dataclasses.replace(SCENE, **{name: changed})))
    numbers = len(np.concatenate([np.ravel(np.array(value, float)) for value in dataclasses.asdict(SCENE).values()]))
    assert len(known) == 1 + numbers


def nudged(value):
    """The value with each of its numbers changed by a little, one at a time."""
    if not isinstance(value, tuple):
        yield value + 1e-6
        return
    for place, part in enumerate(value):
        for changed in nudged(part):
            yield (*value[:place], changed, *value[place + 1 :])


def test_the_fingerprint_is_the_same_in_another_process(data):
    code = "from dlib_bvae import datasets; print(datasets.load('mpi3d_toy_rendered').fingerprint)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == data.fingerprint
    assert len(data.fingerprint) == 16


def test_a_tiny_grid_comes_out_of_the_cache_as_it_is_rendered(tiny):
    indices = np.arange(tiny.num_images)[::7]
    assert np.array_equal(tiny.images_at(indices), tiny.render(tiny.factors_at(indices)))
    assert {path.suffix for path in tiny.cache_path.parent.iterdir()} == {".npy", ".json", ".lock"}
    assert tiny.images_at([]).shape == (0, 64, 64, 3)
    with pytest.raises(ValueError, match="0 … 1295 for mpi3d_toy_rendered"):
        tiny.images_at([1296])


def test_a_damaged_cache_is_told(tiny, tmp_path):
    tiny.images_at([0])
    with tiny.cache_path.open("r+b") as file:
        file.seek(-80_000, 2)
        file.write(bytes(80_000))
    with pytest.raises(UserError, match="is damaged: row [0-9] is not what belongs there; delete it"):
        type(tiny)(tmp_path).images_at([0])


@pytest.mark.skipif(not FRAMES.exists(), reason="the real frames, shared/data beside the repository, are not here")
@pytest.mark.parametrize(
    ("name", "frame", "tile", "wanted"),
    [
        ("toy1", 0, 0, [3, 4, 1, 1, 1, 22, 21]),
        ("toy1", 1, 3, [3, 4, 1, 2, 1, 22, 21]),
        ("toy1", 12, 0, [0, 4, 1, 1, 1, 22, 21]),
        ("toy1", 9, 1, [3, 1, 1, 1, 1, 22, 21]),
        ("toy2", 0, 0, [2, 2, 0, 0, 0, 39, 27]),
        ("toy2", 10, 5, [2, 2, 0, 0, 0, 0, 27]),
        ("toy2", 4, 4, [2, 2, 0, 0, 2, 39, 27]),
        ("toy2", 3, 6, [2, 2, 0, 0, 0, 39, 39]),
    ],
)
def test_real_frames_look_like_the_rendered_images(data, name, frame, tile, wanted):
    with np.load(FRAMES) as file:
        real = file[name][frame, tile].astype(int)
    error = np.abs(data.render([wanted])[0].astype(int) - real).mean(axis=2)
    assert error.mean() < 3
    assert (error > 25).sum() < 120
