"""The scene of 3D Shapes: a camera in a square room, one of four solids in the middle, what each ray meets, light and texture.

Found from the 53 frames of the official animation (3D Shapes: Burgess & Kim 2018); light and texture from the residuals of a
plainer rendering. The unit of length is half the cube's side at scale 1; x points right, y up, z away from the camera, which
turns around the room's middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIZE = 64
SHAPES = ("cube", "cylinder", "sphere", "capsule")
SCALES = np.linspace(0.75, 1.25, 8)
ORIENTATIONS = np.deg2rad(np.linspace(-30.0, 30.0, 15))
SKY, FLOOR, WALL, OBJECT = range(4)


@dataclass(frozen=True)
class Room:
    """Camera and room. focal, centre: pixels; the other lengths in the unit of this module."""

    focal: float = 69.234
    centre: tuple[float, float] = (32.013, 32.306)
    camera_height: float = 2.1238
    camera_distance: float = 7.1808
    back: float = 10.494
    side: float = 10.342
    height: float = 5.8546


@dataclass(frozen=True)
class Solids:
    """Radii (the cube's: half its side) and how far the objects float above the floor, at scale 1; heights in radii."""

    radii: tuple[float, ...] = (1.0, 1.0639, 1.207, 0.923)
    lift: float = 0.02419
    heights: tuple[int, ...] = (2, 2, 2, 4)


@dataclass(frozen=True)
class Hits:
    """What rays meet: distance in lengths of the ray (n,), inf for nothing; the surface's normal (n, 3) of length 1."""

    distance: np.ndarray
    normal: np.ndarray

    def nearer(self, other: Hits) -> Hits:
        """The first of two surfaces on each ray."""
        first = self.distance <= other.distance
        return Hits(np.minimum(self.distance, other.distance), np.where(first[:, None], self.normal, other.normal))


def camera_rays(room: Room, samples: int) -> np.ndarray:
    """Directions through a grid of samples × samples points a pixel, float64 ((64 · samples)², 3), row by row; z is 1."""
    at = (np.arange(SIZE * samples) + 0.5) / samples
    y, x = np.meshgrid((room.centre[1] - at) / room.focal, (at - room.centre[0]) / room.focal, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)


def turn(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Camera's frame → the frame of the room, which it sees turned by `angle` around the vertical; float64 (…, 3)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return vectors @ np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def meet_room(room: Room, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, Hits]:
    """The room without its object: material (n,) of SKY, FLOOR, WALL and what the rays from `origin` (3,) meet."""
    distance = np.full(len(rays), np.inf)
    normal = np.zeros((len(rays), 3))
    material = np.full(len(rays), SKY, np.int8)
    planes = [(0, 1, room.side, WALL), (0, -1, room.side, WALL), (2, 1, room.back, WALL), (1, -1, 0.0, FLOOR)]
    for axis, sign, offset, kind in planes:
        with np.errstate(divide="ignore"):
            t = np.where(sign * rays[:, axis] > 0, (sign * offset - origin[axis]) / rays[:, axis], np.inf)
        nearer = t < distance
        distance[nearer], normal[nearer], material[nearer] = t[nearer], -sign * np.eye(3)[axis], kind
    above = origin[1] + distance * rays[:, 1] > room.height
    distance[above], normal[above], material[above] = np.inf, 0.0, SKY
    return material, Hits(distance, normal)


def meet_object(
    solids: Solids, shape: int, scale: float, origin: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, Hits]:
    """The object alone, from outside it. origin: (3,) or (n, 3).

    Returns the indices (m,) of the rays that meet it, and what those meet.
    """
    radius = scale * solids.radii[shape]
    height = radius * solids.heights[shape]
    origin = origin - np.array([0.0, scale * solids.lift, 0.0])
    reach = np.hypot(radius * (np.sqrt(2) if shape == 0 else 1), height / 2)
    near = np.flatnonzero(_passes(reach, height / 2, origin, rays))
    origin, rays = origin if origin.ndim == 1 else origin[near], rays[near]
    if shape == 0:
        hits = _box(radius, height, origin, rays)
    elif shape == 1:
        hits = _tube(radius, 0.0, height, origin, rays).nearer(_disc(radius, height, origin, rays))
    elif shape == 2:
        hits = _ball(radius, radius, origin, rays)
    else:
        hits = _tube(radius, radius, height - radius, origin, rays)
        hits = hits.nearer(_ball(radius, radius, origin, rays)).nearer(_ball(radius, height - radius, origin, rays))
    met = np.isfinite(hits.distance)
    return near[met], Hits(hits.distance[met], hits.normal[met])


def _passes(radius: float, height: float, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Whether the line of each ray passes through the ball that holds the object, bool (n,): a quick first test."""
    middle = np.array([0.0, height, 0.0]) - origin
    length = _dot(rays, rays)
    return _dot(middle, middle) * length - _dot(middle, rays) ** 2 <= radius**2 * length


def _box(half: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    low, high = np.array([-half, 0.0, -half]), np.array([half, height, half])
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - origin) / rays, (high - origin) / rays
    enter, leave = np.fmin(a, b), np.fmax(a, b)
    rows, axis = np.arange(len(rays)), enter.argmax(axis=1)
    distance = enter[rows, axis]
    hit = (distance < leave.min(axis=1)) & (distance > 0)
    normal = np.zeros(rays.shape)
    normal[rows, axis] = -np.sign(rays[rows, axis])
    return Hits(np.where(hit, distance, np.inf), normal)


def _tube(radius: float, low: float, high: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """The side of an upright cylinder between two heights."""
    flat = np.array([1.0, 0.0, 1.0])
    t, points = _round(radius, origin * flat, rays * flat)
    height = origin[..., 1] + np.where(np.isfinite(t), t, 0.0) * rays[:, 1]
    return Hits(np.where((height >= low) & (height <= high), t, np.inf), points / radius)


def _ball(radius: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    t, points = _round(radius, origin - np.array([0.0, height, 0.0]), rays)
    return Hits(t, points / radius)


def _disc(radius: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """The upper end of a cylinder."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (height - origin[..., 1]) / rays[:, 1]
        points = origin + t[:, None] * rays
        inside = (t > 0) & (points[:, 0] ** 2 + points[:, 2] ** 2 <= radius**2)
    return Hits(np.where(inside, t, np.inf), np.broadcast_to([0.0, 1.0, 0.0], rays.shape))


def _round(radius: float, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest t > 0 with |origin + t · ray| = radius, inf where there is none, and the points there."""
    a, b, c = _dot(rays, rays), _dot(origin, rays), _dot(origin, origin) - radius**2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (-b - np.sqrt(b * b - a * c)) / a
    t = np.where(t > 0, t, np.inf)
    return t, origin + np.where(np.isfinite(t), t, 0.0)[:, None] * rays


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i", a, b)


@dataclass(frozen=True)
class Light:
    """Brightness of each source on a white matt surface, in pixel values.

    The lamp on the camera shines along `forward`, in parallel rays. The spot light hangs at `position` in the room and
    shines straight down; it fades with the `exponent`-th power of the cosine between a ray and the vertical. Where it
    reaches the object it also adds `gloss`, white, the same from all sides.
    """

    ambient: float = 90.168
    head: float = 151.31
    spot: float = 248.9
    position: tuple[float, float, float] = (-4.6212, 22.96, 1.4899)
    exponent: float = 11.217
    gloss: float = 37.838

    def shade(self, points: np.ndarray, normal: np.ndarray, forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and their normals, (n, 3) → what a white surface gives back there without a shadow, in pixel values.

        Returns (matt, gloss), each float32 (n,): the first takes the surface's colour, the second stays white.
        """
        to_light = np.array(self.position) - points
        to_light /= np.sqrt((to_light * to_light).sum(axis=1, keepdims=True))
        facing = (normal * to_light).sum(axis=1)
        spot = np.maximum(to_light[:, 1], 0.0) ** self.exponent
        matt = self.ambient + self.head * np.maximum(-(normal @ forward), 0.0)
        matt += self.spot * spot * np.maximum(facing, 0.0)
        return matt.astype(np.float32), (self.gloss * spot * (facing > 0)).astype(np.float32)


# Columns and half rows of dots on a tile; a dot stands where column + half row is even.
_COLUMNS, _HALF_ROWS = 10, 16


@dataclass(frozen=True)
class Texture:
    """wall_side, floor_side: of a tile. contrast, darkening: shares of the light. dark_dots: column and half row of each.

    wall_offsets: where a tile begins along the left, back and right wall, each from left to right as seen from inside.
    floor_offset: (z, x) of a tile's corner; its columns follow z, its rows go against x.
    """

    wall_side: float = 5.8552
    wall_offsets: tuple[float, float, float] = (0.2153, -0.09566, -0.1791)
    floor_side: float = 5.7892
    floor_offset: tuple[float, float] = (4.6936, 2.1335)
    contrast: float = 0.01011
    darkening: float = 0.05394
    dot_radius: float = 0.3791
    dark_dots: tuple[tuple[int, int], ...] = ((0, 10), (0, 8), (1, 9), (1, 7), (2, 6))

    def on_walls(self, points: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Points and normals (n, 3) of the walls → share of the light they give back, float64 (n,), near 1."""
        along = points[:, 2] * normal[:, 0] - points[:, 0] * normal[:, 2]
        left, back, right = self.wall_offsets
        offset = np.where(normal[:, 2] < -0.5, back, np.where(normal[:, 0] > 0, left, right))
        return self._tile((along - offset) / self.wall_side, points[:, 1] / self.wall_side)

    def on_floor(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the floor → share of the light they give back, float64 (n,), near 1."""
        z, x = self.floor_offset
        return self._tile((points[:, 2] - z) / self.floor_side, (x - points[:, 0]) / self.floor_side)

    def _tile(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """u, v in tiles → brightness (n,)."""
        column, row = 2 * np.pi * _COLUMNS * u, np.pi * _HALF_ROWS * v
        dots = self.contrast * (2 * np.cos(column / 2) * np.cos(row) + np.cos(column))
        dark = np.zeros(u.shape, bool)
        for i, j in self.dark_dots:
            du, dv = u - i / _COLUMNS, v - j / _HALF_ROWS
            dark |= np.hypot(du - np.rint(du), dv - np.rint(dv)) * self.wall_side < self.dot_radius
        return 1 + dots - self.darkening * dark
