"""One geometry of Shapes3D as colour-free layers: an image is the sum of four of them a channel.

A fully saturated hue in ten equal steps has channels that are fifths, so that one layer a material and fifth holds all
that a colour can do there: shading, clipping to white, edges and what the filter makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dlib_bvae.datasets.rendered.shapes3d_light import Light
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
from dlib_bvae.datasets.rendered.shapes3d_texture import Texture

SKY_COLOUR = (153, 226, 249)
LEVELS = 6
# Three layers of sky, one a channel; then LEVELS layers of each material.
FIRST_LAYER = {FLOOR: 3, WALL: 3 + LEVELS, OBJECT: 3 + 2 * LEVELS}
LAYERS = 3 + 3 * LEVELS
# Layers hold pixel values in 1 / 2**FRACTION_BITS.
FRACTION_BITS = 6
SAMPLES = 6


def hue_levels() -> np.ndarray:
    """Hue index 0 … 9 → red, green, blue of HSV (hue / 10, 1, 1) in fifths, int64 (10, 3)."""
    around = (3 * np.arange(10)[:, None] + np.array([0, 20, 10])) % 30
    return np.clip(np.abs(around - 15) - 5, 0, LEVELS - 1)


def filter_matrix(samples: int = SAMPLES) -> np.ndarray:
    """Lanczos' filter of three lobes from samples to pixels along one axis, float32 (64, 64 · samples).

    The frames show its faint rings along every edge.
    """
    away = np.abs((np.arange(SIZE * samples) + 0.5) / samples - (np.arange(SIZE)[:, None] + 0.5))
    weights = np.where(away < 3, np.sinc(away) * np.sinc(away / 3), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Scene:
    """All parameters of the drawing."""

    room: Room = field(default_factory=Room)
    solids: Solids = field(default_factory=Solids)
    light: Light = field(default_factory=Light)
    texture: Texture = field(default_factory=Texture)


class Painter:
    """Draws geometries, from samples × samples rays a pixel; the empty room is kept for every orientation."""

    def __init__(self, scene: Scene | None = None, samples: int = SAMPLES):
        self._scene = scene or Scene()
        self._filter = filter_matrix(samples)
        self._empty: dict[int, _Empty] = {}

    def draw(self, scale: int, shape: int, orientation: int) -> np.ndarray:
        """Factor indices → layers int16 (LAYERS, 64, 64), little-endian."""
        if orientation not in self._empty:
            self._empty[orientation] = _Empty(self._scene, float(ORIENTATIONS[orientation]), self._filter)
        empty, solid = self._empty[orientation], (self._scene.solids, shape, float(SCALES[scale]))
        material, matt, gloss = empty.material.copy(), empty.matt.copy(), np.zeros(empty.matt.shape, np.float32)
        dark, _ = meet_object(*solid, empty.floor_points, empty.floor_to_light)
        dark = empty.floor[dark]
        matt[dark] = self._scene.light.ambient * empty.texture[dark]
        seen, hits = meet_object(*solid, empty.camera, empty.rays)
        points = empty.camera + hits.distance[:, None] * empty.rays[seen]
        material[seen] = OBJECT
        matt[seen], gloss[seen] = self._scene.light.shade(points, hits.normal, empty.forward)
        # Nothing but the object and its shadow differs from the empty room: only their rows and columns are filtered.
        side = self._filter.shape[1]
        rows, columns = (slice(at.min(), at.max() + 1) for at in np.divmod(np.concatenate([seen, dark]), side))
        now, before = (
            layer_samples(*(each.reshape(side, side)[rows, columns] for each in surface))
            for surface in ((material, matt, gloss), (empty.material, empty.matt, np.zeros_like(gloss)))
        )
        pixels = empty.layers + self._filter[:, rows] @ (now - before) @ self._filter[:, columns].T
        return np.rint(pixels * 2**FRACTION_BITS).astype("<i2")


def layer_samples(material: np.ndarray, matt: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    """Samples (h, w) of a picture → their layers float32 (LAYERS, h, w), pixel values."""
    samples = np.empty((LAYERS, *material.shape), np.float32)
    samples[:3] = (material == SKY) * np.array(SKY_COLOUR, np.float32)[:, None, None]
    levels = np.arange(LEVELS, dtype=np.float32)[:, None, None] / (LEVELS - 1)
    bright = np.minimum(levels * matt + gloss, 255)
    for kind, first in FIRST_LAYER.items():
        np.multiply(bright, material == kind, out=samples[first : first + LEVELS])
    return samples


class _Empty:
    """The room without an object, seen at one orientation: arrays over the samples, in the room's frame."""

    def __init__(self, scene: Scene, angle: float, weights: np.ndarray):
        room, light, side = scene.room, scene.light, weights.shape[1]
        self.rays = turn(camera_rays(room, side // SIZE), angle)
        self.camera = turn(np.array([0.0, room.camera_height, -room.camera_distance]), angle)
        self.forward = turn(np.array([0.0, 0.0, 1.0]), angle)
        self.material, hits = meet_room(room, self.camera, self.rays)
        points = self.camera + np.where(self.material == SKY, 0.0, hits.distance)[:, None] * self.rays
        self.floor, wall = np.flatnonzero(self.material == FLOOR), np.flatnonzero(self.material == WALL)
        self.texture = np.ones(len(points), np.float32)
        self.texture[self.floor] = scene.texture.on_floor(points[self.floor])
        self.texture[wall] = scene.texture.on_walls(points[wall], hits.normal[wall])
        self.matt = self.texture * light.shade(points, hits.normal, self.forward)[0]
        self.floor_points = points[self.floor]
        self.floor_to_light = np.array(light.position) - self.floor_points
        picture = (each.reshape(side, side) for each in (self.material, self.matt, np.zeros_like(self.matt)))
        self.layers = weights @ layer_samples(*picture) @ weights.T
