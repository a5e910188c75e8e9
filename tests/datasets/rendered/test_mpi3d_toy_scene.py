"""mpi3d_toy_scene.py: convex solids against rays followed one by one, and against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlib_bvae.datasets.rendered.mpi3d_toy import MPI3DToyRendered
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import Camera, ball, box, frustum, nearest

CAMERA = Camera((0.3, -6.0, 4.0), 0.1, 0.6, 0.05, 60.0)
SAMPLES = np.arange(-30, 30) + 0.5
SOLIDS = {
    "box": box((-0.5, -1.0, -0.3), (0.7, 0.4, 1.2)),
    "pyramid": frustum(4, 0.8, 0.0, -0.2, 1.1),
    "prism": frustum(6, 0.7, 0.7, -0.5, 0.5, 0.0),
    "cone": frustum(24, 0.6, 0.0, 0.0, 1.5),
    "ball": ball(0.9),
}


def rays():
    """Directions with depth focal, float64 (60, 60, 3)."""
    right, down, forward = CAMERA.axes
    return SAMPLES[None, :, None] * right + SAMPLES[:, None, None] * down + CAMERA.focal * forward


def follow(solid):
    """Where each ray enters the solid, in multiples of its direction; inf where it misses."""
    speed = rays() @ solid.normals.T
    room = solid.offsets - solid.normals @ np.array(CAMERA.position)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = room / speed
    enter = np.where(speed < 0, reach, -np.inf).max(axis=-1)
    leave = np.where(speed > 0, reach, np.inf).min(axis=-1)
    outside = ((speed == 0) & (room < 0)).any(axis=-1)
    return np.where((enter < leave) & (enter > 0) & ~outside, enter, np.inf)


@pytest.mark.parametrize("name", SOLIDS)
def test_the_nearest_face_is_where_the_ray_enters(name):
    solid = SOLIDS[name]
    face, depth = nearest(solid, CAMERA, SAMPLES, SAMPLES)
    enter = follow(solid)
    hit = depth > 0
    assert 50 < hit.sum() < 3600
    assert np.array_equal(hit, np.isfinite(enter))
    assert depth[hit] == pytest.approx(1 / enter[hit], rel=1e-4)
    points = np.array(CAMERA.position) + rays()[hit] * enter[hit][:, None]
    assert (points * solid.normals[face[hit]]).sum(axis=1) == pytest.approx(solid.offsets[face[hit]], abs=1e-4)


@pytest.mark.parametrize("name", SOLIDS)
def test_corners_are_on_the_solid(name):
    solid = SOLIDS[name]
    if name != "ball":  # whose corners are those of the box around it
        assert (solid.corners @ solid.normals.T <= solid.offsets + 1e-9).all()
        assert np.abs(solid.corners @ solid.normals.T - solid.offsets).min(axis=1).max() < 1e-9
    assert np.linalg.norm(solid.normals, axis=1) == pytest.approx(1.0)


def test_the_ball_is_as_wide_as_a_sphere():
    _, depth = nearest(ball(0.9), CAMERA, SAMPLES, SAMPLES)
    distance = np.linalg.norm(CAMERA.position)
    unit = rays() / np.linalg.norm(rays(), axis=2, keepdims=True)
    along = -unit @ np.array(CAMERA.position)
    sphere = distance**2 - along**2 < 0.9**2
    assert (sphere <= (depth > 0)).all()
    assert ((depth > 0) & ~sphere).sum() < 0.05 * sphere.sum()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 6.3), st.floats(0.3, 1.5), st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_placed_solid_holds_its_placed_corners(angle, scale, origin):
    axes = np.array([(np.cos(angle), np.sin(angle), 0), (-np.sin(angle), np.cos(angle), 0), (0, 0, 1)])
    placed = SOLIDS["pyramid"].placed(axes, np.array(origin), scale)
    assert (placed.corners @ placed.normals.T <= placed.offsets + 1e-9).all()
    assert np.ptp(placed.corners[:, 2]) == pytest.approx(1.3 * scale)


def test_a_point_straight_ahead_is_in_the_middle():
    ahead = np.array(CAMERA.position) + 5 * CAMERA.axes[2]
    assert CAMERA.project(ahead[None])[0] == pytest.approx((0, 0), abs=1e-9)
    right = ahead + CAMERA.axes[0]
    assert CAMERA.project(right[None])[0] == pytest.approx((60 / 5, 0), abs=1e-9)
    assert CAMERA.axes @ CAMERA.axes.T == pytest.approx(np.eye(3))


def test_images_are_as_ever(known, unchanged):
    factors, images = known("mpi3d_toy")
    unchanged(MPI3DToyRendered().render(factors), images)


def test_rays_that_miss_have_hardly_any_depth():
    _, depth = nearest(SOLIDS["box"], CAMERA, SAMPLES, SAMPLES)
    assert set(depth[depth < 0]) == {np.float32(-1e9)}


def test_the_camera_looks_to_the_right_with_yaw_down_with_pitch_and_rolls_clockwise():
    straight = Camera((0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 50.0)
    assert straight.axes == pytest.approx(np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)]))
    point = np.array([[0.0, 10, 0]])
    assert Camera((0.0, 0.0, 0.0), 0.1, 0.0, 0.0, 50.0).project(point)[0] == pytest.approx((-50 * np.tan(0.1), 0))
    assert Camera((0.0, 0.0, 0.0), 0.0, 0.1, 0.0, 50.0).project(point)[0] == pytest.approx((0, -50 * np.tan(0.1)))
    right = np.array([[1.0, 10, 0]])
    rolled = Camera((0.0, 0.0, 0.0), 0.0, 0.0, 0.2, 50.0).project(right)[0]
    assert rolled == pytest.approx((5 * np.cos(0.2), -5 * np.sin(0.2)))


def test_a_frustum_is_as_wide_as_it_should_be_below_and_above():
    solid = frustum(4, 2.0, 1.0, -1.0, 1.0, 0.0)
    assert solid.corners[:4, :2].max() == pytest.approx(2.0)
    assert solid.corners[4:, :2].max() == pytest.approx(1.0)
    assert sorted(set(solid.corners[:, 2])) == [-1, 1]
    assert solid.offsets[4:].tolist() == [1, 1]
    assert solid.normals[0, 2] == pytest.approx(np.sin(np.arctan(0.5)))
