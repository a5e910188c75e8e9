"""The geometry of Shapes3D: a camera in a square room, one of four solids in the middle, and what each ray meets.

Found from the 53 frames of the official animation (3D Shapes: Burgess & Kim 2018). The unit of length is half the
cube's side at scale 1; x points right, y up, z away from the camera; the object stands on the origin.
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

    focal: float = 68.88
    centre: tuple[float, float] = (32.03, 31.77)
    camera_height: float = 2.21
    camera_distance: float = 7.21
    back: float = 10.9
    side: float = 10.75
    height: float = 6.02


@dataclass(frozen=True)
class Solids:
    """Sizes at scale 1: radii and heights."""

    cylinder: tuple[float, float] = (1.0, 2.0)
    sphere: float = 1.0
    capsule: tuple[float, float] = (0.8, 3.5)


@dataclass(frozen=True)
class Hits:
    """What rays meet: distance along the ray (n,), inf for nothing; normal (n, 3) of length 1."""

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
    """Camera's frame → the frame of the room, which is turned by `angle` around the vertical; float64 (…, 3)."""
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


def meet_object(solids: Solids, shape: int, scale: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """The object alone. origin: (3,) or (n, 3); only surfaces in front of it count."""
    if shape == 0:
        return _box(scale, 2 * scale, origin, rays)
    if shape == 1:
        radius, height = np.multiply(solids.cylinder, scale)
        return _tube(radius, 0.0, height, origin, rays).nearer(_disc(radius, height, origin, rays))
    if shape == 2:
        return _ball(solids.sphere * scale, solids.sphere * scale, origin, rays)
    radius, height = np.multiply(solids.capsule, scale)
    tube = _tube(radius, radius, height - radius, origin, rays)
    return tube.nearer(_ball(radius, radius, origin, rays)).nearer(_ball(radius, height - radius, origin, rays))


def _box(half: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    low, high = np.array([-half, 0.0, -half]), np.array([half, height, half])
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - origin) / rays, (high - origin) / rays
    enter, leave = np.fmin(a, b), np.fmax(a, b)
    axis = enter.argmax(axis=1)
    distance = enter.max(axis=1)
    hit = (distance < leave.min(axis=1)) & (distance > 0)
    normal = np.zeros(rays.shape)
    rows = np.arange(len(rays))
    normal[rows, axis] = -np.sign(rays[rows, axis])
    return Hits(np.where(hit, distance, np.inf), normal)


def _tube(radius: float, low: float, high: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """The side of an upright cylinder."""
    flat = np.array([1.0, 0.0, 1.0])
    t = _quadratic(origin * flat, rays * flat, radius)
    with np.errstate(invalid="ignore"):
        points = origin + np.where(np.isfinite(t), t, 0)[:, None] * rays
    inside = (points[:, 1] >= low) & (points[:, 1] <= high)
    return Hits(np.where(inside, t, np.inf), points * flat / radius)


def _ball(radius: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    centre = np.array([0.0, height, 0.0])
    t = _quadratic(origin - centre, rays, radius)
    points = origin - centre + np.where(np.isfinite(t), t, 0)[:, None] * rays
    return Hits(t, points / radius)


def _disc(radius: float, height: float, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """The upper end of a cylinder."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (height - origin[..., 1]) / rays[:, 1]
        points = origin + t[:, None] * rays
        inside = (t > 0) & (points[:, 0] ** 2 + points[:, 2] ** 2 <= radius**2)
    return Hits(np.where(inside, t, np.inf), np.broadcast_to([0.0, 1.0, 0.0], rays.shape))


def _quadratic(origin: np.ndarray, rays: np.ndarray, radius: float) -> np.ndarray:
    """The nearest t > 0 with |origin + t · ray| = radius, inf where there is none."""
    a = (rays * rays).sum(axis=-1)
    b = (origin * rays).sum(axis=-1)
    c = (origin * origin).sum(axis=-1) - radius**2
    root = b * b - a * c
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (-b - np.sqrt(root)) / a
    return np.where((root >= 0) & (t > 1e-9), t, np.inf)
