"""One geometry of Shapes3D as colour-free layers: an image is the sum of four of them a channel.

A fully saturated hue in ten equal steps has channels that are fifths, so that one layer a material and fifth holds all
that a colour can do there: shading, clipping to white, edges and what the filter makes of them.
"""

from __future__ import annotations

import numpy as np

from dlib_bvae.datasets.rendered.shapes3d_light import Lamps, Light
from dlib_bvae.datasets.rendered.shapes3d_scene import (
    FLOOR,
    OBJECT,
    ORIENTATIONS,
    SCALES,
    SIZE,
    SKY,
    WALL,
    Room,
    Solids,
    camera_rays,
    meet_object,
    meet_room,
    turn,
)

SKY_COLOUR = (153, 226, 249)
LEVELS = 6
# Three layers of sky, one a channel; then LEVELS layers of each material.
FIRST_LAYER = {FLOOR: 3, WALL: 3 + LEVELS, OBJECT: 3 + 2 * LEVELS}
LAYERS = 3 + 3 * LEVELS
# Layers hold pixel values in 1 / 2**FRACTION_BITS.
FRACTION_BITS = 6
SAMPLES = 4


def hue_levels() -> np.ndarray:
    """Hue index 0 … 9 → red, green, blue of HSV (hue / 10, 1, 1) in fifths, int64 (10, 3)."""
    around = (3 * np.arange(10)[:, None] + np.array([0, 20, 10])) % 30
    return np.clip(np.abs(around - 15) - 5, 0, LEVELS - 1)


def filter_matrix(samples: int = SAMPLES) -> np.ndarray:
    """The cubic filter (Keys 1981, a = -1/2) from samples to pixels along one axis, float32 (64, 64 · samples)."""
    away = np.abs((np.arange(SIZE * samples) + 0.5) / samples - (np.arange(SIZE)[:, None] + 0.5))
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class Painter:
    """Draws geometries; what the room looks like without an object is kept for every orientation."""

    def __init__(self, room: Room | None = None, solids: Solids | None = None, light: Light | None = None):
        self._room, self._solids, self._light = room or Room(), solids or Solids(), light or Light()
        self._filter = filter_matrix()
        self._empty: dict[int, _Empty] = {}

    def draw(self, scale: int, shape: int, orientation: int) -> np.ndarray:
        """Factor indices → layers int16 (LAYERS, 64, 64), little-endian."""
        if orientation not in self._empty:
            self._empty[orientation] = _Empty(self._room, self._light, ORIENTATIONS[orientation])
        empty = self._empty[orientation]
        material, matt, white = empty.material.copy(), empty.matt.copy(), np.zeros(empty.matt.shape, np.float32)
        solid = (self._solids, shape, float(SCALES[scale]))
        shadow = empty.floor[np.isfinite(meet_object(*solid, empty.floor_points, empty.floor_to_light).distance)]
        matt[shadow] = self._light.ambient
        hits = meet_object(*solid, empty.camera, empty.rays)
        seen = np.flatnonzero(hits.distance < empty.distance)
        material[seen] = OBJECT
        normal = hits.normal[seen]
        points = empty.camera + hits.distance[seen, None] * empty.rays[seen]
        matt[seen], white[seen] = empty.lamps.shade(points, normal)
        return self._layers(material, matt, white)

    def _layers(self, material: np.ndarray, matt: np.ndarray, white: np.ndarray) -> np.ndarray:
        levels = np.arange(LEVELS, dtype=np.float32)[:, None] / (LEVELS - 1)
        side = self._filter.shape[1]
        samples = np.empty((LAYERS, side * side), np.float32)
        samples[:3] = (material == SKY) * np.array(SKY_COLOUR, np.float32)[:, None]
        bright = np.minimum(levels * matt + white, 255)
        for kind, first in FIRST_LAYER.items():
            samples[first : first + LEVELS] = bright * (material == kind)
        pixels = self._filter @ samples.reshape(LAYERS, side, side) @ self._filter.T
        return np.rint(pixels * 2**FRACTION_BITS).astype("<i2")


class _Empty:
    """The room without an object, seen at one orientation; arrays over the samples, in the room's frame."""

    def __init__(self, room: Room, light: Light, angle: float):
        self.rays = turn(camera_rays(room, SAMPLES), angle)
        self.camera = turn(np.array([0.0, room.camera_height, -room.camera_distance]), angle)
        self.lamps = Lamps(light, angle)
        self.material, hits = meet_room(room, self.camera, self.rays)
        self.distance = hits.distance
        points = self.camera + np.where(self.material == SKY, 0.0, hits.distance)[:, None] * self.rays
        self.matt, _ = self.lamps.shade(points, hits.normal)
        self.floor = np.flatnonzero(self.material == FLOOR)
        self.floor_points = points[self.floor]
        self.floor_to_light = self.lamps.position - self.floor_points
