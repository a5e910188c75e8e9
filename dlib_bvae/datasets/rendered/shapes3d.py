"""shapes3d_rendered: factor values of 3D Shapes (Burgess & Kim 2018) → images, rendered here on the official grid.

A geometry (scale, shape, orientation) is rendered once, as layers without colour: an image is the sum of four of them a
channel. A fully saturated hue in ten equal steps has channels that are fifths, so that one layer a material and fifth holds
all that a colour can do there: shading, clipping to white, edges and what the filter makes of them.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir, open_or_write
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import RENDERED
from dlib_bvae.datasets.official.shapes3d import Shapes3D
from dlib_bvae.datasets.rendered.shapes3d_scene import (
    FLOOR,
    OBJECT,
    ORIENTATIONS,
    SCALES,
    SHAPES,
    SIZE,
    SKY,
    WALL,
    Light,
    Room,
    Solids,
    Texture,
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
SAMPLES = 6


def hue_levels(tenths: np.ndarray) -> np.ndarray:
    """Hues in tenths of the circle (n,) → red, green, blue of HSV (hue, 1, 1) in fifths, (n, 3); integers where tenths are."""
    around = (3 * tenths[:, None] + np.array([0, 20, 10])) % 30
    return np.clip(np.abs(around - 15) - 5, 0, LEVELS - 1)


_GEOMETRIES = (len(SCALES), len(SHAPES), len(ORIENTATIONS))
_HUES = hue_levels(np.arange(10))
Surface = tuple[np.ndarray, np.ndarray, np.ndarray]


class Shapes3DRendered(GroundTruthData):
    """480,000 images of 64×64×3 pixels, 0 … 255: floor_hue (10: 0 … 0.9), wall_hue (10), object_hue (10), scale (8:
    0.75 … 1.25), shape (4: cube, cylinder, sphere, capsule), orientation (15: -30° … 30°).

    The official grid and index order. The 480 geometries are rendered once, without colours, into `cache_dir` (default:
    dlib_bvae.datasets.cache.cache_dir()), 79 MiB; an image is put together from them when it is asked for.
    """

    name = "shapes3d_rendered"
    origin = RENDERED
    factor_names = Shapes3D.factor_names
    factor_sizes = (len(_HUES), len(_HUES), len(_HUES), *_GEOMETRIES)
    observation_shape = (SIZE, SIZE, 3)

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid, the method and every parameter of geometry, light and colour."""
        return _fingerprint()

    @property
    def cache_path(self) -> Path:
        """Where the rendered geometries lie; the name carries the fingerprint: another rendering has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    @functools.cached_property
    def _layers(self) -> np.ndarray:
        """int16 (480, LAYERS, 4096), memory-mapped."""
        shape = (int(np.prod(_GEOMETRIES)), LAYERS * SIZE * SIZE * 2)
        rows = open_or_write(self.cache_path, shape, _blocks)
        return np.asarray(rows).view("<i2").reshape(shape[0], LAYERS, SIZE * SIZE)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 3), values 0 … 255. Raises ValueError for indices off the grid.

        The first call writes or opens the cache file; raises UserError when that is damaged or cannot be written.
        """
        rows = self.check_indices(indices)
        geometry = rows % self._layers.shape[0]
        hues = np.stack(np.unravel_index(rows // self._layers.shape[0], self.factor_sizes[:3]), axis=1)
        return compose(self._layers, geometry, hues)


def compose(layers: np.ndarray, geometry: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Adds layers up to images.

    layers: int16 (geometries, LAYERS, 4096). geometry: int64 (n,). hues: int64 (n, 3), hue indices of floor, wall and
    object. Returns uint8 (n, 64, 64, 3).
    """
    flat = layers.reshape(-1, SIZE * SIZE)
    base = (geometry * LAYERS)[:, None]
    total = flat[base + np.arange(3)]
    for material, first in enumerate(FIRST_LAYER.values()):
        total += flat[base + first + _HUES[hues[:, material]]]
    total += 1 << (FRACTION_BITS - 1)
    total >>= FRACTION_BITS
    pixels = np.clip(total, 0, 255, out=total).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 2, 1)).reshape(-1, SIZE, SIZE, 3)


def _blocks() -> Iterator[np.ndarray]:
    """The geometries in order, one a block: uint8 (1, LAYERS · 4096 · 2)."""
    painter = Painter()
    for geometry in np.ndindex(*_GEOMETRIES):
        yield painter.render(*geometry).reshape(1, -1).view(np.uint8)


@functools.cache
def _fingerprint() -> str:
    axes = (SCALES.round(9).tolist(), ORIENTATIONS.round(9).tolist(), _HUES.tolist(), SHAPES)
    drawing = ("lanczos3, layers clipped to 255", SAMPLES, FRACTION_BITS, SKY_COLOUR)
    parameters = asdict(Scene())
    text = json.dumps([Shapes3DRendered.name, axes, drawing, parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Scene:
    """All parameters of the rendering."""

    room: Room = field(default_factory=Room)
    solids: Solids = field(default_factory=Solids)
    light: Light = field(default_factory=Light)
    texture: Texture = field(default_factory=Texture)


class Painter:
    """Renders geometries, from samples × samples rays a pixel; the empty room is kept for every orientation."""

    def __init__(self, scene: Scene | None = None, samples: int = SAMPLES):
        self._scene = scene or Scene()
        self._filter = filter_matrix(samples)
        self._empty: dict[int, tuple[EmptyRoom, np.ndarray]] = {}

    def render(self, scale: int, shape: int, orientation: int) -> np.ndarray:
        """Factor indices → layers int16 (LAYERS, 64, 64), little-endian."""
        if orientation not in self._empty:
            room = EmptyRoom(self._scene, float(ORIENTATIONS[orientation]), self._filter.shape[1])
            samples = layer_samples(*(room.picture(each) for each in room.surface))
            self._empty[orientation] = room, self._filter @ samples @ self._filter.T
        room, empty_layers = self._empty[orientation]
        surface, changed = room.with_object(shape, float(SCALES[scale]))
        # Nothing but the object and its shadow differs from the empty room: only their rows and columns are filtered.
        rows, columns = (slice(at.min(), at.max() + 1) for at in np.divmod(changed, self._filter.shape[1]))
        now, before = (
            layer_samples(*(room.picture(each)[rows, columns] for each in seen)) for seen in (surface, room.surface)
        )
        pixels = empty_layers + self._filter[:, rows] @ (now - before) @ self._filter[:, columns].T
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


class EmptyRoom:
    """The room without an object, seen at one orientation, by side × side rays: arrays over the samples, in the room's frame.

    surface: of the samples, (n,) each: their material; what a white surface gives back there, in pixel values, and of that what
    stays white (gloss).
    """

    def __init__(self, scene: Scene, angle: float, side: int):
        room, light = scene.room, scene.light
        self._scene, self._side = scene, side
        self.rays = turn(camera_rays(room, side // SIZE), angle)
        self.camera = turn(np.array([0.0, room.camera_height, -room.camera_distance]), angle)
        self.forward = turn(np.array([0.0, 0.0, 1.0]), angle)
        material, hits = meet_room(room, self.camera, self.rays)
        points = self.camera + np.where(material == SKY, 0.0, hits.distance)[:, None] * self.rays
        self.floor, wall = np.flatnonzero(material == FLOOR), np.flatnonzero(material == WALL)
        self.texture = np.ones(len(points), np.float32)
        self.texture[self.floor] = scene.texture.on_floor(points[self.floor])
        self.texture[wall] = scene.texture.on_walls(points[wall], hits.normal[wall])
        matt = self.texture * light.shade(points, hits.normal, self.forward)[0]
        self.surface: Surface = (material, matt, np.zeros_like(matt))
        self.floor_points = points[self.floor]
        self.floor_to_light = np.array(light.position) - self.floor_points

    def with_object(self, shape: int, scale: float) -> tuple[Surface, np.ndarray]:
        """The surface with an object in the room; and the indices of the samples that it or its shadow may change."""
        material, matt, gloss = (each.copy() for each in self.surface)
        solid = (self._scene.solids, shape, scale)
        dark, _ = meet_object(*solid, self.floor_points, self.floor_to_light)
        dark = self.floor[dark]
        matt[dark] = self._scene.light.ambient * self.texture[dark]
        seen, hits = meet_object(*solid, self.camera, self.rays)
        points = self.camera + hits.distance[:, None] * self.rays[seen]
        material[seen] = OBJECT
        matt[seen], gloss[seen] = self._scene.light.shade(points, hits.normal, self.forward)
        return (material, matt, gloss), np.concatenate([seen, dark])

    def picture(self, samples: np.ndarray) -> np.ndarray:
        """Samples (n,) as a picture (side, side)."""
        return samples.reshape(self._side, self._side)


def filter_matrix(samples: int = SAMPLES) -> np.ndarray:
    """Lanczos' filter of three lobes from samples to pixels along one axis, float32 (64, 64 · samples).

    The frames show its faint rings along every edge.
    """
    away = np.abs((np.arange(SIZE * samples) + 0.5) / samples - (np.arange(SIZE)[:, None] + 0.5))
    weights = np.where(away < 3, np.sinc(away) * np.sinc(away / 3), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
