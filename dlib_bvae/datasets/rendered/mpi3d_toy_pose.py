"""One pose of MPI3D-toy drawn to bytes: the arm as weights and greys, the twelve tip objects as weights and shades.

Colours are not in it: `compose` looks them up, so that one pose serves 12 objects × 18 colours.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dlib_bvae.datasets.rendered.convex import Camera, Solid, nearest
from dlib_bvae.datasets.rendered.mpi3d_toy_background import SIZE, backgrounds
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import (
    SHAPES,
    SIZES,
    Scene,
    camera,
    moving_parts,
    still_parts,
    tip_object,
)

# Every pixel is the mean of 4 × 4 samples; weights are counts of samples.
_FINE = 4
_FULL = _FINE * _FINE
# The twelve objects of a pose lie in one square of so many pixels.
WINDOW = 26
# A shade of 1 is stored as this byte.
_SHADE = 200
_SAMPLES = (np.arange(SIZE * _FINE) + 0.5) / _FINE - SIZE / 2
_EMPTY = np.float32(-1e9)
_OBJECTS = [(shape, size) for shape in range(len(SHAPES)) for size in range(len(SIZES))]
_PLATE, _PATCH = 2 * SIZE * SIZE, 2 * WINDOW * WINDOW
ROW = 2 + _PLATE + len(_OBJECTS) * _PATCH
# What the bytes of a row mean and how solids become samples; a new law gets a new number here.
LAYOUT = f"mpi3d_toy pose 1, {_FINE} × {_FINE} samples, window {WINDOW}, shade {_SHADE}"


@dataclasses.dataclass
class Layer:
    """Samples of the image: inverse depth of what is nearest, and its brightness, float32 (256, 256) each."""

    near: np.ndarray
    value: np.ndarray

    def paint(self, solid: Solid, brightness: np.ndarray, view: Camera) -> None:
        """Draws a solid, with one brightness a face, where it is nearer than what is there."""
        rows, columns = _window(solid, view)
        if rows.start < rows.stop and columns.start < columns.stop:
            face, depth = nearest(solid, view, _SAMPLES[columns], _SAMPLES[rows])
            seen = depth > self.near[rows, columns]
            self.near[rows, columns][seen] = depth[seen]
            self.value[rows, columns][seen] = brightness[face[seen]]


def still_layer(scene: Scene, view: int, vertical: int) -> Layer:
    """What the horizontal axis does not move."""
    size = (SIZE * _FINE, SIZE * _FINE)
    layer = Layer(np.full(size, _EMPTY, np.float32), np.zeros(size, np.float32))
    for solid, brightness in still_parts(scene, vertical):
        layer.paint(solid, brightness, camera(scene, view))
    return layer


def draw_pose(scene: Scene, view: int, horizontal: int, vertical: int, still: Layer | None = None) -> np.ndarray:
    """Camera height, horizontal and vertical axis → the pose, uint8 (ROW,). still: its still_layer, if at hand."""
    still = still or still_layer(scene, view, vertical)
    arm = Layer(still.near.copy(), still.value.copy())
    for solid, brightness in moving_parts(scene, horizontal, vertical):
        arm.paint(solid, brightness, camera(scene, view))
    free = _mean(arm.near == _EMPTY) * _FULL
    solids = [tip_object(scene, *each, horizontal, vertical) for each in _OBJECTS]
    places = [_window(solid, camera(scene, view)) for solid, _ in solids]
    top, left = (_corner([place[axis] for place in places]) for axis in range(2))
    rows, columns = (slice(first * _FINE, (first + WINDOW) * _FINE) for first in (top, left))
    patches = [_patch(arm, (rows, columns), *each, camera(scene, view)) for each in solids]
    plate = [_bytes(free), _bytes(_mean(arm.value))]
    return np.concatenate([np.array([top, left], np.uint8), *plate, *patches])


def _patch(arm: Layer, part: tuple[slice, slice], solid: Solid, brightness: np.ndarray, view: Camera) -> np.ndarray:
    """The samples where the object is nearer than the arm, uint8 (2 × WINDOW × WINDOW,): how many, and their shade."""
    layer = Layer(arm.near.copy(), np.zeros_like(arm.value))
    layer.paint(solid, brightness * _SHADE, view)
    return np.concatenate([_bytes(_mean(layer.near[part] > arm.near[part]) * _FULL), _bytes(_mean(layer.value[part]))])


def compose(
    scene: Scene, rows: np.ndarray, objects: np.ndarray, views: np.ndarray, rings: np.ndarray, colors: np.ndarray
) -> np.ndarray:
    """Poses uint8 (n, ROW) and int (n,) each of object (shape × 2 + size), camera height, background and object colour →
    images uint8 (n, 64, 64, 3)."""
    images = backgrounds(scene)[views, rings]
    pixels = images.reshape(-1, 3)
    plates = rows[:, 2 : 2 + _PLATE].reshape(-1, 2, SIZE * SIZE)
    free, grey = (np.ascontiguousarray(plates[:, k]).ravel() for k in range(2))
    covered = np.flatnonzero(free != _FULL)
    under = pixels[covered].astype(np.float32) * (free[covered, None] / np.float32(_FULL))
    pixels[covered] = np.rint(under + grey[covered, None])
    patches = rows[:, 2 + _PLATE :].reshape(-1, len(_OBJECTS), 2, WINDOW * WINDOW)[np.arange(len(rows)), objects]
    image, place = np.nonzero(patches[:, 0])
    count, shade = (patches[image, k, place].astype(np.float32) for k in range(2))
    at = (image * SIZE + rows[image, 0] + place // WINDOW) * SIZE + rows[image, 1] + place % WINDOW
    color = np.array(scene.object_colors, np.float32)[colors[image]] * (shade / np.float32(_SHADE))[:, None]
    mixed = pixels[at] * (1 - count / np.float32(_FULL))[:, None] + color
    pixels[at] = np.rint(np.minimum(mixed, 255))
    return images


def _window(solid: Solid, view: Camera) -> tuple[slice, slice]:
    """Rows and columns of the samples that a solid can cover."""
    places = (view.project(solid.corners) + SIZE / 2) * _FINE
    low = np.clip(np.floor(places.min(axis=0)), 0, SIZE * _FINE).astype(int)
    high = np.clip(np.ceil(places.max(axis=0)) + 1, 0, SIZE * _FINE).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _corner(ranges: list[slice]) -> int:
    """The first pixel of a window that holds all the ranges of samples. Raises ValueError when they are too wide."""
    held = [each for each in ranges if each.start < each.stop] or [slice(0, 0)]
    first = min(min(each.start for each in held) // _FINE, SIZE - WINDOW)
    if max(each.stop for each in held) > (first + WINDOW) * _FINE:
        raise ValueError(f"the tip objects of a pose do not fit into {WINDOW} × {WINDOW} pixels")
    return first


def _mean(samples: np.ndarray) -> np.ndarray:
    """Means of 4 × 4 samples, float32."""
    rows = samples.reshape(-1, _FINE, samples.shape[1]).sum(axis=1, dtype=np.float32)
    return sum(rows[:, k::_FINE] for k in range(_FINE)) / np.float32(_FULL)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.minimum(np.rint(values), 255).astype(np.uint8).ravel()
