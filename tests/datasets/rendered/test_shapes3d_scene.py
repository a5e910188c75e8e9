"""shapes3d_scene.py: rays against the surfaces' equations, the light against its formula, the texture's tiles, known images."""

import numpy as np
import pytest

from dlib_bvae.datasets.rendered.shapes3d import compose
from dlib_bvae.datasets.rendered.shapes3d_scene import (
    FLOOR,
    SKY,
    WALL,
    Hits,
    Light,
    Room,
    Solids,
    Texture,
    camera_rays,
    meet_object,
    meet_room,
    turn,
)

ROOM, SOLIDS, LIGHT, TEXTURE = Room(), Solids(), Light(), Texture()
CAMERA = np.array([0.0, ROOM.camera_height, -ROOM.camera_distance])
ANGLES = [0.0, 0.4, -0.5]


def distance_to(shape, scale, points):
    """The signed distance of points (n, 3) from a solid, negative inside."""
    radius = scale * SOLIDS.radii[shape]
    height = radius * (4 if shape == 3 else 2)
    x, y, z = (points - [0, scale * SOLIDS.lift, 0]).T
    if shape == 0:
        out = np.stack([abs(x) - radius, abs(y - height / 2) - height / 2, abs(z) - radius])
    elif shape == 1:
        out = np.stack([np.hypot(x, z) - radius, abs(y - height / 2) - height / 2])
    else:
        middle = np.clip(y, radius, height - radius)
        return np.sqrt(x**2 + (y - middle) ** 2 + z**2) - radius
    return np.minimum(out.max(axis=0), 0) + np.linalg.norm(np.maximum(out, 0), axis=0)


def test_a_ray_goes_through_every_sample_of_every_pixel():
    rays = camera_rays(ROOM, 2).reshape(128, 128, 3)
    assert (rays[..., 2] == 1).all()
    assert rays[3, :, 0] * ROOM.focal + ROOM.centre[0] == pytest.approx((np.arange(128) + 0.5) / 2)
    assert ROOM.centre[1] - rays[:, 5, 1] * ROOM.focal == pytest.approx((np.arange(128) + 0.5) / 2)


def test_turning_is_around_the_vertical():
    vectors = np.array([(1.0, 0, 0), (0, 1, 0), (0, 0, 1)])
    s, c = np.sin(0.3), np.cos(0.3)
    assert turn(vectors, 0.3) == pytest.approx(np.array([(c, 0, s), (0, 1, 0), (-s, 0, c)]))


@pytest.mark.parametrize("angle", ANGLES)
def test_rays_meet_the_nearest_plane_of_the_room_below_its_height(angle):
    rays, origin = turn(camera_rays(ROOM, 1), angle), turn(CAMERA, angle)
    material, hits = meet_room(ROOM, origin, rays)
    points = origin + np.where(material == SKY, 0, hits.distance)[:, None] * rays
    floor, walls = points[material == FLOOR], points[material == WALL]
    assert floor[:, 1] == pytest.approx(0, abs=1e-9)
    assert (hits.normal[material == FLOOR] == (0, 1, 0)).all()
    assert (abs(floor[:, 0]) <= ROOM.side).all()
    assert (floor[:, 2] <= ROOM.back).all()
    inside = np.minimum(ROOM.side - abs(walls[:, 0]), ROOM.back - walls[:, 2])
    assert inside == pytest.approx(0, abs=1e-9)
    assert (walls[:, 1] <= ROOM.height).all()
    assert (walls[:, 1] >= 0).all()
    back = abs(walls[:, 2] - ROOM.back) < 1e-9
    assert (hits.normal[material == WALL][back] == (0, 0, -1)).all()
    assert (hits.normal[material == WALL][~back] == -np.sign(walls[~back, :1]) * [1, 0, 0]).all()
    assert np.isinf(hits.distance[material == SKY]).all()
    assert (hits.normal[material == SKY] == 0).all()
    # What is sky would meet a wall above the room's height.
    far = np.minimum(
        (np.sign(rays[:, 0]) * ROOM.side - origin[0]) / rays[:, 0],
        (ROOM.back - origin[2]) / np.maximum(rays[:, 2], 1e-9),
    )
    above = (origin[1] + far * rays[:, 1])[material == SKY]
    assert (above > ROOM.height).all()
    assert {SKY, FLOOR, WALL} == set(material)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(("shape", "scale"), [(0, 1.25), (1, 0.75), (2, 1.0), (3, 1.1)])
def test_rays_meet_the_solid_where_its_surface_is_and_others_miss_it(shape, scale, angle):
    rays, origin = turn(camera_rays(ROOM, 1), angle), turn(CAMERA, angle)
    met, hits = meet_object(SOLIDS, shape, scale, origin, rays)
    points = origin + hits.distance[:, None] * rays[met]
    assert 100 < len(met) < 2000
    assert distance_to(shape, scale, points) == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(hits.normal, axis=1) == pytest.approx(1)
    assert ((hits.normal * rays[met]).sum(axis=1) < 0).all()
    assert distance_to(shape, scale, points + 1e-4 * hits.normal) == pytest.approx(1e-4, abs=1e-8)
    before = origin + 0.999 * hits.distance[:, None] * rays[met]
    assert (distance_to(shape, scale, before) > 0).all()
    missed = np.setdiff1d(np.arange(len(rays)), met)
    for reach in np.linspace(5, 9, 41):
        assert (distance_to(shape, scale, origin + reach * rays[missed]) > -1e-9).all()


@pytest.mark.parametrize("shape", range(4))
def test_a_ray_from_each_point_finds_the_solid_alike(shape):
    rays = camera_rays(ROOM, 1)
    one, several = (
        meet_object(SOLIDS, shape, 1.0, origin, rays) for origin in (CAMERA, np.tile(CAMERA, (len(rays), 1)))
    )
    assert np.array_equal(one[0], several[0])
    assert np.array_equal(one[1].distance, several[1].distance)
    assert np.array_equal(one[1].normal, several[1].normal)


@pytest.mark.parametrize("shape", range(4))
def test_what_lies_behind_is_not_met(shape):
    assert len(meet_object(SOLIDS, shape, 1.0, CAMERA, -camera_rays(ROOM, 1))[0]) == 0


def test_the_nearer_of_two_surfaces_is_seen():
    one = Hits(np.array([1.0, 3.0, np.inf, 2.0]), np.tile([1.0, 0, 0], (4, 1)))
    other = Hits(np.array([2.0, 1.0, 4.0, 2.0]), np.tile([0.0, 1, 0], (4, 1)))
    seen = one.nearer(other)
    assert seen.distance.tolist() == [1, 1, 4, 2]
    assert seen.normal[:, 0].tolist() == [1, 0, 0, 1]


def test_light_is_the_sum_of_its_sources():
    below, up, forward = np.array(LIGHT.position) - [0, 10, 0], np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    matt, gloss = LIGHT.shade(below[None], up[None], forward)
    assert (matt.dtype, gloss.dtype) == (np.float32, np.float32)
    assert matt[0] == pytest.approx(LIGHT.ambient + LIGHT.spot)
    assert gloss[0] == pytest.approx(LIGHT.gloss)
    matt, gloss = LIGHT.shade(below[None], -forward[None], forward)
    assert (matt[0], gloss[0]) == (pytest.approx(LIGHT.ambient + LIGHT.head), 0)
    aside = below + [10 * np.tan(0.5), 0, 0]  # half a radian from the vertical
    matt, gloss = LIGHT.shade(aside[None], up[None], forward)
    assert matt[0] == pytest.approx(LIGHT.ambient + LIGHT.spot * np.cos(0.5) ** (LIGHT.exponent + 1), rel=1e-5)
    assert gloss[0] == pytest.approx(LIGHT.gloss * np.cos(0.5) ** LIGHT.exponent, rel=1e-5)
    above = np.array(LIGHT.position) + [0, 1, 0]
    assert LIGHT.shade(above[None], -up[None], forward)[0][0] == pytest.approx(LIGHT.ambient)
    assert LIGHT.shade(below[None], forward[None], forward)[0][0] == pytest.approx(LIGHT.ambient)


def test_the_texture_repeats_tile_by_tile_and_has_five_dark_dots():
    points = np.random.default_rng(0).uniform(-5, 5, (200, 3))
    once = TEXTURE.on_floor(points)
    for step in ([TEXTURE.floor_side, 0, 0], [0, 0, TEXTURE.floor_side]):
        assert TEXTURE.on_floor(points + step) == pytest.approx(once, abs=1e-9)
    assert once.max() <= 1 + 3 * TEXTURE.contrast
    z, x = TEXTURE.floor_offset
    grid = np.array([(i, j) for i in range(10) for j in range(16) if (i + j) % 2 == 0])
    places = np.column_stack(
        [x - grid[:, 1] / 16 * TEXTURE.floor_side, np.zeros(80), z + grid[:, 0] / 10 * TEXTURE.floor_side]
    )
    # On a dot the three waves of the pattern are at their crest.
    crest = 1 + 3 * TEXTURE.contrast
    dark = TEXTURE.on_floor(places) < crest - TEXTURE.darkening / 2
    assert {tuple(each) for each in grid[dark].tolist()} == set(TEXTURE.dark_dots)
    assert TEXTURE.on_floor(places)[~dark] == pytest.approx(crest)
    assert TEXTURE.on_floor(places)[dark] == pytest.approx(crest - TEXTURE.darkening)


@pytest.mark.parametrize(("normal", "wall"), [((1, 0, 0), 0), ((0, 0, -1), 1), ((-1, 0, 0), 2)])
def test_a_tile_of_each_wall_begins_at_its_offset(normal, wall):
    along = {0: (0, 0, 1), 1: (1, 0, 0), 2: (0, 0, -1)}[wall]
    corner = TEXTURE.wall_offsets[wall] * np.array(along, float)
    columns = corner + np.arange(20)[:, None] / 20 * TEXTURE.wall_side * np.array(along)
    values = TEXTURE.on_walls(columns, np.tile(np.array(normal, float), (20, 1)))
    # Row 0 of a tile: a dot at each even column, none of them dark, and between two dots the pattern's trough of that row.
    assert values[0] == pytest.approx(1 + 3 * TEXTURE.contrast)
    assert values[::4] == pytest.approx(1 + 3 * TEXTURE.contrast)
    assert values[2::4] == pytest.approx(1 - TEXTURE.contrast)


def test_images_are_as_ever(known, unchanged, painted):
    factors, images = known("shapes3d")
    layers = np.stack([painted(*geometry) for geometry in factors[:, 3:].tolist()]).reshape(len(factors), -1, 4096)
    unchanged(compose(layers, np.arange(len(factors)), factors[:, :3]), images)
