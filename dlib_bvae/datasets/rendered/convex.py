"""Convex solids seen through a pinhole camera: which face is seen at each sample of an image window, and how near it is.

On a plane seen in perspective the inverse depth is an affine function of the place in the image. A convex solid is
therefore drawn without a division: the nearest entry is the least inverse depth over the faces turned to the camera.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

_FAR = np.float32(-1e9)


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
