"""The scene of MPI3D-toy: cameras, ring, robot arm, tip objects, light and colours; and convex solids seen by a camera.

Lengths: the ring's outer radius is 10; the ring lies around the origin in the plane z = 0, y points away from the
camera, z up. Angles in radians. The numbers were fitted by least squares to frames of the official animations (Gondal et al.
2019); benchmarks/mpi3d_toy_fidelity.py shows how near they come.

On a plane seen in perspective the inverse depth is an affine function of the place in the image. A convex solid is
therefore rendered without a division: the nearest entry is the least inverse depth over the faces turned to the camera.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

COLORS = ("white", "green", "red", "blue", "brown", "olive")
SHAPES = ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")
SIZES = ("small", "large")
HEIGHTS = ("top", "center", "bottom")
BACKGROUNDS = ("purple", "sea green", "salmon")
STEPS = 40


# Compared by identity: what is kept for a scene is looked up often, and hashing all numbers takes longer than that.
@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """All numbers of the scene; colours and greys are 0 … 255 at brightness 1."""

    focal: float = 66.8293
    # x, y, z, yaw, pitch, roll of the camera at each height.
    cameras: tuple = (
        (0.246, -6.7493, 10.7176, 0.0399, 0.9004, 0.0141),
        (-0.0473, -8.0117, 9.0645, 0.0059, 0.6862, 0.0299),
        (0.1947, -9.2507, 6.6137, 0.0462, 0.3781, 0.0065),
    )
    # Inner and outer radius; where the next section, of the next colour, lies on the left.
    ring: tuple = (7.7892, 10.0)
    # Middle and height of the outer edge; the inner edge lies around the origin.
    ring_outer: tuple = (0.0, 0.223, -0.1682)
    ring_begin: float = 0.9861
    # A lamp over the ring: x, y, z; brightness = ambient + strength * cosine.
    ring_lamp: tuple = (0.1874, 3.2424, 13.8511, 2.5304, -1.3547)
    ring_colors: tuple = ((100.8023, 75.2957, 143.654), (69.8155, 96.9721, 92.8543), (108.0, 76.9, 85.9))
    floor: float = 52.4
    # Brightness of a face with normal n = max(0, light[:3] · n + light[3]) ** light[4].
    light: tuple = (-0.0411, -0.128, 0.6758, 0.4705, 0.8031)
    object_colors: tuple = (
        (225.0, 225.0, 225.0),
        (39.6, 155.3, 39.2),
        (209.0, 0.0, 0.0),
        (42.1, 108.9, 206.1),
        (81.9, 51.1, 34.0),
        (122.0, 121.0, 50.0),
    )
    # Where the arm stands, and its angles: at step 0 and the change of one step.
    base: tuple = (0.1985, 0.0708, -0.0778)
    yaw: tuple = (-1.2787, 0.0829)
    pitch: tuple = (3.1416, -0.0806)
    # The arm's directions are x (across), y (ahead) and z (up), turned around the vertical axis.
    # Where the rod turns: x, y, z from the base; the rod's length and radius.
    elbow: tuple = (-0.3864, 0.0673, 2.9598)
    rod: tuple = (2.8327, 0.1062)
    # Blocks at the rod: from … to across it, from … to along it, half height.
    root: tuple = (-0.0869, 0.1437, -0.2696, 0.5636, 0.1616)
    motor: tuple = (0.1489, 0.4499, 0.5443, 0.8258, 0.1546)
    # Radius, and from … to across the post's middle.
    shoulder: tuple = (0.4136, -0.2198, 0.2745)
    # Post: x and y of its middle from the axis, half width and half depth.
    post: tuple = (0.0378, 0.0173, 0.2042, 0.3619)
    # Base: radius and height of the disc; x, y and radius of the dark well on it.
    disc: tuple = (0.7578, 0.1134)
    well: tuple = (0.0205, 0.0474, 0.481)
    # A block at the post: x and y of its middle from the axis, half size, height.
    block: tuple = (0.1111, 0.197, 0.3012, 0.5327)
    # Disc, well, block, shoulder, root, motor, rod.
    greys: tuple = (147.2281, 131.1403, 142.948, 147.3011, 150.2686, 140.1459, 143.7231)
    # Post: grey at its foot and at its head, and the share that its sides have of it: right, ahead, left, behind.
    post_greys: tuple = (75.5325, 83.5749)
    post_sides: tuple = (0.9939, 0.4502, 0.9766, 0.9758)
    # Half width, begin along the rod's line beyond its end, length; at the large size.
    objects: tuple = (
        (0.7027, -0.4159, 1.3336),
        (0.7002, -0.4379, 1.3512),
        (0.6628, -0.4064, 1.2879),
        (0.6905, -0.4473, 1.4117),
        (0.7011, -0.4247, 1.3811),
        (0.6567, -0.3938, 1.328),
    )
    # How far each is turned around the rod, and the small size.
    turns: tuple = (0.0, -0.0094, 0.0, 0.4618, 0.0233, 0.0)
    small: float = 0.6935


SCENE = Scene()
_SIDES = {"cone": 24, "cube": 4, "cylinder": 24, "hexagonal": 6, "pyramid": 4}
_POST_PIECES = 5
_FAR = np.float32(-1e9)  # inverse depth where a ray meets nothing


@functools.lru_cache(maxsize=16)
def camera(scene: Scene, height: int) -> Camera:
    """The camera at a camera height, 0 … 2."""
    x, y, z, yaw, pitch, roll = scene.cameras[height]
    return Camera((x, y, z), yaw, pitch, roll, scene.focal)


def turned(scene: Scene, vertical: int) -> np.ndarray:
    """Directions across, ahead and up of the arm turned around the vertical axis, float64 (3, 3)."""
    angle = scene.yaw[0] + scene.yaw[1] * vertical
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([(cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)])


@functools.lru_cache(maxsize=64)
def pitched(scene: Scene, horizontal: int, vertical: int) -> np.ndarray:
    """Directions across, above and along the rod, which also turns around the horizontal axis, float64 (3, 3)."""
    across, ahead, up = turned(scene, vertical)
    angle = scene.pitch[0] + scene.pitch[1] * horizontal
    sin, cos = np.sin(angle), np.cos(angle)
    return _frozen(np.stack([across, cos * up - sin * ahead, cos * ahead + sin * up]))


@functools.lru_cache(maxsize=64)
def tip(scene: Scene, horizontal: int, vertical: int) -> np.ndarray:
    """The end of the rod, float64 (3,)."""
    return _frozen(_elbow(scene, vertical) + scene.rod[0] * pitched(scene, horizontal, vertical)[2])


def fixed_parts(scene: Scene, vertical: int) -> list[Part]:
    """Base and post, which the horizontal axis leaves alone: solids and the grey values of their faces."""
    axes, origin = turned(scene, vertical), np.array(scene.base)
    (radius, height), (x, y, well) = scene.disc, scene.well
    across, ahead, half, top = scene.block
    parts = [
        (frustum(24, radius, radius, -height, 0.0), scene.greys[0]),
        (frustum(16, well, well, 0.0, 0.02).placed(np.eye(3), np.array([x, y, 0.0])), scene.greys[1]),
        (box((across - half, ahead - half, 0.0), (across + half, ahead + half, top)), scene.greys[2]),
    ]
    placed = [(solid.placed(axes, origin), grey) for solid, grey in parts]
    posts = [(solid.placed(axes, origin), greys) for solid, greys in _post(scene)]
    return [(solid, grey * brightness(scene, solid)) for solid, grey in placed] + posts


def _post(scene: Scene) -> list[Part]:
    x, y, across, deep = scene.post
    foot, head = scene.post_greys
    right, ahead, left, behind = scene.post_sides
    faces = np.array([left, behind, 1.0, right, ahead, 1.0])
    pieces = []
    for piece in range(_POST_PIECES):
        low, high = (scene.elbow[2] * (piece + k) / _POST_PIECES for k in (0, 1))
        grey = foot + (head - foot) * (piece + 0.5) / _POST_PIECES
        pieces.append((box((x - across, y - deep, low), (x + across, y + deep, high)), grey * faces))
    return pieces


def moving_parts(scene: Scene, horizontal: int, vertical: int) -> list[Part]:
    """Shoulder, root and rod: solids and the grey values of their faces."""
    axes = pitched(scene, horizontal, vertical)
    radius, *along = scene.shoulder
    shoulder = frustum(12, radius, radius, *along)
    blocks = [
        box((left, -half, begin), (right, half, end)) for left, right, begin, end, half in (scene.root, scene.motor)
    ]
    rod = frustum(6, scene.rod[1], scene.rod[1], 0.0, scene.rod[0])
    elbow = _elbow(scene, vertical)
    joint = elbow - scene.elbow[0] * turned(scene, vertical)[0]
    solids = [shoulder.placed(axes[[1, 2, 0]], joint), *(each.placed(axes, elbow) for each in (*blocks, rod))]
    return [(solid, grey * brightness(scene, solid)) for solid, grey in zip(solids, scene.greys[3:], strict=True)]


def tip_object(scene: Scene, shape: int, size: int, horizontal: int, vertical: int) -> Part:
    """The object at the tip: its solid and the brightness of its faces, 1 for the colour as it stands in the scene."""
    solid = _object(SHAPES[shape], *scene.objects[shape], scene.turns[shape])
    scale = 1.0 if SIZES[size] == "large" else scene.small
    solid = solid.placed(pitched(scene, horizontal, vertical), tip(scene, horizontal, vertical), scale)
    return solid, brightness(scene, solid)


@functools.lru_cache(maxsize=64)
def _object(name: str, half: float, begin: float, length: float, turn: float) -> Solid:
    if name == "sphere":
        return ball(half).placed(np.eye(3), np.array([0.0, 0.0, begin + half]))
    end = 0.0 if name in ("cone", "pyramid") else half
    return frustum(_SIDES[name], half, end, begin, begin + length, turn)


def brightness(scene: Scene, solid: Solid) -> np.ndarray:
    """How bright the light makes each face, float64 (faces,)."""
    *direction, ambient, power = scene.light
    return np.maximum(solid.normals @ np.array(direction) + ambient, 0.0) ** power


def _elbow(scene: Scene, vertical: int) -> np.ndarray:
    """Where the rod turns, float64 (3,)."""
    return np.array(scene.base) + np.array(scene.elbow) @ turned(scene, vertical)


def _frozen(values: np.ndarray) -> np.ndarray:
    """The array, read-only, as it is kept for the next caller."""
    values.setflags(write=False)
    return values


@dataclasses.dataclass(frozen=True)
class Solid:
    """A convex solid: normals float64 (faces, 3) outwards, offsets (faces,) with normal · x <= offset inside, corners
    (corners, 3) of it or of a solid around it."""

    normals: np.ndarray
    offsets: np.ndarray
    corners: np.ndarray

    def placed(self, axes: np.ndarray, origin: np.ndarray, scale: float = 1.0) -> Solid:
        """The solid scaled, turned so that its x, y, z run along the rows of `axes` (3, 3), and moved to `origin` (3,)."""
        normals = self.normals @ axes
        return Solid(normals, self.offsets * scale + normals @ origin, self.corners @ axes * scale + origin)


Part = tuple[Solid, np.ndarray]  # a solid and the grey value or brightness of each of its faces


def frustum(sides: int, bottom: float, top: float, low: float, high: float, phase: float = 0.5) -> Solid:
    """A regular prism, pyramid (top 0) or frustum around z between z = low and z = high.

    bottom, top: distances of the side faces from the axis there. phase: turns it by so many sides.
    """
    angle = (np.arange(sides) + phase) * 2 * np.pi / sides
    across = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    slope = (bottom - top) / (high - low)
    length = np.hypot(1.0, slope)
    around = np.column_stack([across, np.full(sides, slope)]) / length
    caps = np.array([(0.0, 0.0, -1.0), (0.0, 0.0, 1.0)])
    offsets = np.concatenate([np.full(sides, (bottom + slope * low) / length), [-low, high]])
    corner = np.stack([np.cos(angle + np.pi / sides), np.sin(angle + np.pi / sides)], axis=1) / np.cos(np.pi / sides)
    rings = [np.column_stack([corner * radius, np.full(sides, z)]) for radius, z in ((bottom, low), (top, high))]
    return Solid(np.concatenate([around, caps]), offsets, np.concatenate(rings))


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Solid:
    """A box with edges along the axes."""
    bounds = np.array([low, high], float)
    normals = np.concatenate([-np.eye(3), np.eye(3)])
    corners = bounds[np.stack(np.meshgrid(*[[0, 1]] * 3), -1).reshape(-1, 3), np.arange(3)]
    return Solid(normals, np.concatenate([-bounds[0], bounds[1]]), corners)


def ball(radius: float, rings: int = 12, sides: int = 24) -> Solid:
    """A sphere around the origin as a polyhedron of tangent planes."""
    latitude = (np.arange(rings) + 0.5) / rings * np.pi - np.pi / 2
    longitude = np.arange(sides) * 2 * np.pi / sides
    lat, lon = (grid.ravel() for grid in np.meshgrid(latitude, longitude, indexing="ij"))
    normals = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    cube = box((-radius,) * 3, (radius,) * 3).corners
    return Solid(normals, np.full(len(normals), radius), cube)


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera at `position` (x, y, z); focal: focal length in pixels; angles in radians: yaw to the right of
    +y, pitch downwards, roll. The image's middle is its optical axis."""

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    focal: float

    @functools.cached_property
    def axes(self) -> np.ndarray:
        """Right, down and forward in world coordinates, float64 (3, 3)."""
        (sy, cy), (sp, cp), (sr, cr) = ((np.sin(a), np.cos(a)) for a in (self.yaw, self.pitch, self.roll))
        right, down = np.array([cy, -sy, 0.0]), np.array([-sy * sp, -cy * sp, -cp])
        return np.stack([cr * right + sr * down, cr * down - sr * right, np.array([sy * cp, cy * cp, -sp])])

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (n, 3) → places from the image's middle (n, 2), in pixels, x to the right and y down."""
        across, down, depth = self.axes @ (points - np.array(self.position)).T
        return self.focal * np.stack([across / depth, down / depth], axis=1)


def nearest(solid: Solid, camera: Camera, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of a solid is seen at samples on a grid: x (w,) and y (h,) in pixels from the image's middle.

    Returns the face seen, int64 (h, w), and its inverse depth along the optical axis times focal, float32 (h, w),
    hugely negative where the ray misses. The camera must be outside the solid.
    """
    room = solid.offsets - solid.normals @ np.array(camera.position)
    plane = solid.normals @ camera.axes.T / np.where(np.abs(room) < 1e-9, 1e-9, room)[:, None]
    plane = plane.astype(np.float32)
    front = np.flatnonzero(room < 0)
    entry = _affine(plane[front], camera.focal, x, y)
    face = entry.argmin(axis=0)
    near = np.take_along_axis(entry, face[None], axis=0)[0]
    leave = _affine(plane[room >= 0], camera.focal, x, y).max(axis=0, initial=0.0)
    return front[face], np.where(near > leave, near, _FAR)


def _affine(plane: np.ndarray, focal: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = plane[:, 1, None] * y.astype(np.float32) + plane[:, 2, None] * np.float32(focal)
    return (plane[:, 0, None] * x.astype(np.float32))[:, None, :] + rows[:, :, None]
