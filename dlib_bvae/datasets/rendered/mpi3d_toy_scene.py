"""The scene of MPI3D-toy (Gondal et al. 2019): cameras, ring, robot arm, tip objects, light and colours.

Lengths: the ring's outer radius is 10; the ring lies around the origin in the plane z = 0, y points away from the
camera, z up. Angles in radians. The numbers were fitted by least squares to frames of the official animations;
benchmarks/mpi3d_toy_fidelity.py shows how near they come, on frames of the fit and on others.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from dlib_bvae.datasets.rendered.convex import Camera, Solid, ball, box, frustum

COLORS = ("white", "green", "red", "blue", "brown", "olive")
SHAPES = ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")
SIZES = ("small", "large")
HEIGHTS = ("top", "center", "bottom")
BACKGROUNDS = ("purple", "sea green", "salmon")
STEPS = 40


@dataclasses.dataclass(frozen=True)
class Scene:
    """All numbers of the scene; colours and greys are 0 … 255 at brightness 1."""

    focal: float = 66.5342
    # x, y, z, yaw, pitch, roll of the camera at each height.
    cameras: tuple = (
        (0.0265, -6.4869, 10.603, 0.0596, 0.9024, 0.0077),
        (0.0, -7.8339, 8.7719, -0.0115, 0.6723, 0.0222),
        (0.0529, -9.6242, 6.585, 0.0494, 0.3671, -0.0044),
    )
    # Inner and outer radius; the ring has three sections of one colour each, the seen one begins this far to the left.
    ring: tuple = (7.8616, 10.0)
    ring_begin: float = 0.9447
    # A lamp over the ring: x, y, z; brightness = ambient + strength * cosine * (10 / distance) ** falloff.
    ring_lamp: tuple = (0.2562, 3.3866, 6.3979, 1.0815, 0.1713, 0.0331)
    ring_colors: tuple = ((100.8023, 75.2957, 143.654), (69.8155, 96.9721, 92.8543), (104.0251, 76.1231, 84.9617))
    floor: float = 52.4
    # Brightness of a face with normal n = max(0, light[:3] · n + light[3]).
    light: tuple = (-0.0374, -0.0795, 0.5254, 0.5928)
    object_colors: tuple = (
        (225.0, 225.0, 225.0),
        (39.6, 155.3, 39.2),
        (209.0, 0.0, 0.0),
        (42.1, 108.9, 206.1),
        (81.9, 51.1, 34.0),
        (122.0, 121.0, 50.0),
    )
    # Where the arm stands, and its angles: at step 0 and the change of one step.
    base: tuple = (0.1251, 0.2226, -0.1053)
    yaw: tuple = (-1.3391, 0.0863)
    pitch: tuple = (3.1889, -0.0817)
    # Height of the elbow; how far beside it the rod turns; length and radius of the rod.
    elbow: float = 3.0334
    lateral: float = -0.3701
    rod: tuple = (2.7587, 0.0847)
    # The rod's root: half width across, from … to along the rod, half height.
    root: tuple = (0.1045, -0.244, 0.4757, 0.1516)
    # Radius, from … to beside the post's middle.
    shoulder: tuple = (0.3694, -0.2827, 0.2633)
    # Post: middle beside and before the axis, half width and half depth.
    post: tuple = (0.0122, -0.0121, 0.2277, 0.3288)
    # Base: radius and height of the disc; beside, before, radius of the dark well on it.
    disc: tuple = (0.7504, 0.1156)
    well: tuple = (0.0373, -0.0134, 0.4402)
    # A block beside the post: middle beside and before the axis, half size, height.
    block: tuple = (0.173, 0.2114, 0.2502, 0.3984)
    # Disc, well, block, shoulder, root, rod.
    greys: tuple = (146.1959, 131.958, 141.0194, 151.4193, 160.0313, 156.7861)
    # Post: grey at its foot and at its head, and what its sides beside have of it.
    post_greys: tuple = (75.7599, 79.2415, 1.0454)
    # Half width, begin along the rod's line beyond its end, length; at the large size.
    objects: tuple = (
        (0.6125, -0.3531, 1.6547),
        (0.6944, -0.4708, 1.3591),
        (0.6458, -0.3583, 1.1691),
        (0.6458, -0.4927, 1.384),
        (0.6864, -0.4663, 1.2876),
        (0.6481, -0.3583, 1.328),
    )
    # How far each is turned around the rod, and the small size.
    turns: tuple = (0.0, -0.0327, 0.0, 0.0664, 0.027, 0.0)
    small: float = 0.6983


SCENE = Scene()
_SIDES = {"cone": 24, "cube": 4, "cylinder": 24, "hexagonal": 6, "pyramid": 4}
_POST_PIECES = 5

Part = tuple[Solid, np.ndarray]


def camera(scene: Scene, height: int) -> Camera:
    """The camera at a camera height, 0 … 2."""
    x, y, z, yaw, pitch, roll = scene.cameras[height]
    return Camera((x, y, z), yaw, pitch, roll, scene.focal)


def turned(scene: Scene, vertical: int) -> np.ndarray:
    """Directions beside, before and up of the arm turned around the vertical axis, float64 (3, 3)."""
    angle = scene.yaw[0] + scene.yaw[1] * vertical
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([(cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)])


def pitched(scene: Scene, horizontal: int, vertical: int) -> np.ndarray:
    """Directions beside, above and along the rod, which also turns around the horizontal axis, float64 (3, 3)."""
    beside, before, up = turned(scene, vertical)
    angle = scene.pitch[0] + scene.pitch[1] * horizontal
    sin, cos = np.sin(angle), np.cos(angle)
    return np.stack([beside, cos * up - sin * before, cos * before + sin * up])


def tip(scene: Scene, horizontal: int, vertical: int) -> np.ndarray:
    """The end of the rod, float64 (3,)."""
    return _elbow(scene, vertical) + scene.rod[0] * pitched(scene, horizontal, vertical)[2]


def still_parts(scene: Scene, vertical: int) -> list[Part]:
    """Base and post, which the horizontal axis leaves alone: solids and the grey values of their faces."""
    axes, origin = turned(scene, vertical), np.array(scene.base)
    (radius, height), (x, y, well) = scene.disc, scene.well
    beside, before, half, top = scene.block
    parts = [
        (frustum(24, radius, radius, -height, 0.0), scene.greys[0]),
        (frustum(16, well, well, 0.0, 0.02).placed(np.eye(3), np.array([x, y, 0.0])), scene.greys[1]),
        (box((beside - half, before - half, 0.0), (beside + half, before + half, top)), scene.greys[2]),
    ]
    placed = [(solid.placed(axes, origin), grey) for solid, grey in parts]
    posts = [(solid.placed(axes, origin), greys) for solid, greys in _post(scene)]
    return [(solid, grey * brightness(scene, solid)) for solid, grey in placed] + posts


def _post(scene: Scene) -> list[Part]:
    x, y, across, deep = scene.post
    foot, head, sides = scene.post_greys
    faces = np.array([sides, 1.0, 1.0, sides, 1.0, 1.0])
    pieces = []
    for piece in range(_POST_PIECES):
        low, high = (scene.elbow * (piece + k) / _POST_PIECES for k in (0, 1))
        grey = foot + (head - foot) * (piece + 0.5) / _POST_PIECES
        pieces.append((box((x - across, y - deep, low), (x + across, y + deep, high)), grey * faces))
    return pieces


def moving_parts(scene: Scene, horizontal: int, vertical: int) -> list[Part]:
    """Shoulder, root and rod: solids and the grey values of their faces."""
    axes = pitched(scene, horizontal, vertical)
    radius, *along = scene.shoulder
    shoulder = frustum(12, radius, radius, *along)
    across, low, high, thick = scene.root
    root = box((-across, -thick, low), (across, thick, high))
    rod = frustum(6, scene.rod[1], scene.rod[1], 0.0, scene.rod[0])
    joint, elbow = np.array(scene.base) + (0.0, 0.0, scene.elbow), _elbow(scene, vertical)
    solids = [shoulder.placed(axes[[1, 2, 0]], joint), root.placed(axes, elbow), rod.placed(axes, elbow)]
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
    return np.maximum(solid.normals @ np.array(scene.light[:3]) + scene.light[3], 0.0)


def _elbow(scene: Scene, vertical: int) -> np.ndarray:
    """Where the rod turns, float64 (3,)."""
    return np.array(scene.base) + (0.0, 0.0, scene.elbow) + scene.lateral * turned(scene, vertical)[0]
