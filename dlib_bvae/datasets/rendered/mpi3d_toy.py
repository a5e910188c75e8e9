"""mpi3d_toy_rendered: factor values of MPI3D-toy (Gondal et al. 2019) → images, rendered here on the official grid.

A pose (camera height, horizontal and vertical axis) is rendered once, to bytes: the arm as weights and greys, the twelve
tip objects as weights and shades. Colours are not in it: `compose` looks them up and puts the pose on its background, so
that one pose serves 12 objects × 18 colours. mpi3d_toy_scene.py has the numbers of the scene.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir, open_or_write
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import RENDERED
from dlib_bvae.datasets.official.mpi3d import MPI3DToy
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import (
    BACKGROUNDS,
    COLORS,
    HEIGHTS,
    SCENE,
    SHAPES,
    SIZES,
    STEPS,
    Camera,
    Scene,
    Solid,
    camera,
    fixed_parts,
    moving_parts,
    nearest,
    tip_object,
)

SIZE = 64
_FINE_BACKGROUND = 8  # the background: every pixel is the mean of 8 × 8 samples
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
# What the bytes of a row mean and how solids become samples; another way gets another number here.
LAYOUT = f"mpi3d_toy pose 1, {_FINE} × {_FINE} samples, window {WINDOW}, shade {_SHADE}"
# Where the factors of a pose stand.
_POSE = [3, 5, 6]
# A pose takes a few hundredths of a second.
_CHECKED_POSES = 4
# Another machine's last bit may move a few samples over an edge.
_TOLERANCE = 0.01


class MPI3DToyRendered(GroundTruthData):
    """1,036,800 images of 64×64×3 pixels: object_color (6: white, green, red, blue, brown, olive), object_shape (6: cone,
    cube, cylinder, hexagonal, pyramid, sphere), object_size (2), camera_height (3: top, center, bottom),
    background_color (3: purple, sea green, salmon), horizontal_axis (40), vertical_axis (40).

    The official grid and index order. The geometry is rendered once, one row for each of 4,800 poses (camera height,
    horizontal and vertical axis), into `cache_dir` (default: dlib_bvae.datasets.cache.cache_dir());
    colours are looked up for every batch.
    """

    name = "mpi3d_toy_rendered"
    origin = RENDERED
    factor_names = MPI3DToy.factor_names
    factor_sizes = (len(COLORS), len(SHAPES), len(SIZES), len(HEIGHTS), len(BACKGROUNDS), STEPS, STEPS)
    observation_shape = (SIZE, SIZE, 3)
    max_pixel = 255

    def __init__(self, cache_dir: str | Path | None = None):
        self._cache_dir = cache_dir

    @property
    def fingerprint(self) -> str:
        """Changes with the grid and with any number of the scene."""
        return fingerprint(SCENE)

    @property
    def cache_path(self) -> Path:
        """Where the rendered poses lie; the name carries the fingerprint, so that another rendering has another file."""
        return Path(self._cache_dir or cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        heights, horizontal, vertical = self._poses
        return open_or_write(
            self.cache_path,
            (heights * horizontal * vertical, ROW),
            self._blocks,
            self._row,
            checked=_CHECKED_POSES,
            tolerance=_TOLERANCE,
        )

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, 64, 64, 3). Raises ValueError for indices off the grid.

        Raises UserError when the cache file is damaged or cannot be written.
        """
        factors = self.factors_at(indices)
        return self._compose(self._rows[np.ravel_multi_index(tuple(factors[:, _POSE].T), self._poses)], factors)

    def render(self, factors: ArrayLike) -> np.ndarray:
        """Factor values (n, 7) → the same images uint8 (n, 64, 64, 3), rendered now, without the cache file.

        Raises ValueError for values off the grid.
        """
        factors = self.factors_at(self.index_of(factors))
        return self._compose(np.stack([render_pose(SCENE, *pose) for pose in factors[:, _POSE].tolist()]), factors)

    def _compose(self, rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
        color, shape, size, height, background = factors[:, :5].T
        return compose(SCENE, rows, shape * len(SIZES) + size, height, background, color)

    @property
    def _poses(self) -> tuple[int, int, int]:
        """How many camera heights and steps of the horizontal and the vertical axis there are."""
        return self.factor_sizes[3], self.factor_sizes[5], self.factor_sizes[6]

    def _blocks(self) -> Iterator[np.ndarray]:
        """The poses in order, one camera height and step of the horizontal axis a block: uint8 (40, ROW)."""
        heights, horizontal, vertical = map(range, self._poses)
        for height in heights:
            fixed = [fixed_layer(SCENE, height, v) for v in vertical]
            for h in horizontal:
                yield np.stack([render_pose(SCENE, height, h, v, fixed[v]) for v in vertical])

    def _row(self, index: int) -> np.ndarray:
        """One pose, uint8 (ROW,)."""
        height, horizontal, vertical = map(int, np.unravel_index(index, self._poses))
        return render_pose(SCENE, height, horizontal, vertical)


@functools.lru_cache(maxsize=16)
def fingerprint(scene: Scene) -> str:
    """A hex string of all numbers of the scene and of how they are rendered."""
    return hashlib.sha256(f"{LAYOUT}; {scene!r}".encode()).hexdigest()[:16]


@dataclasses.dataclass
class Layer:
    """Samples of the image: inverse depth of what is nearest, and its brightness, float32 (256, 256) each."""

    near: np.ndarray
    value: np.ndarray

    def paint(self, solid: Solid, brightness: np.ndarray, view: Camera) -> None:
        """Paints a solid, with one brightness a face, where it is nearer than what is there."""
        rows, columns = _window(solid, view)
        if rows.start < rows.stop and columns.start < columns.stop:
            face, depth = nearest(solid, view, _SAMPLES[columns], _SAMPLES[rows])
            seen = depth > self.near[rows, columns]
            self.near[rows, columns][seen] = depth[seen]
            self.value[rows, columns][seen] = brightness[face[seen]]


def fixed_layer(scene: Scene, view: int, vertical: int) -> Layer:
    """What the horizontal axis does not move."""
    size = (SIZE * _FINE, SIZE * _FINE)
    layer = Layer(np.full(size, _EMPTY, np.float32), np.zeros(size, np.float32))
    for solid, brightness in fixed_parts(scene, vertical):
        layer.paint(solid, brightness, camera(scene, view))
    return layer


def render_pose(scene: Scene, view: int, horizontal: int, vertical: int, fixed: Layer | None = None) -> np.ndarray:
    """Camera height, horizontal and vertical axis → the pose, uint8 (ROW,). fixed: its fixed_layer, if at hand."""
    fixed = fixed or fixed_layer(scene, view, vertical)
    arm = Layer(fixed.near.copy(), fixed.value.copy())
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


@functools.lru_cache(maxsize=4)
def backgrounds(scene: Scene) -> np.ndarray:
    """uint8 (3 camera heights, 3 background colours, 64, 64, 3)."""
    return np.stack([_seen(scene, height) for height in range(len(scene.cameras))])


def _seen(scene: Scene, height: int, fine: int = _FINE_BACKGROUND) -> np.ndarray:
    light, section = _ring(scene, height, fine)
    sections = [_pixel_means((section == k) * light, fine) for k in range(2)]
    free = _pixel_means((section < 0) * 1.0, fine)
    colors = np.array(scene.ring_colors)
    images = []
    for chosen in range(3):
        ring = sum(part[..., None] * colors[(chosen + k) % 3] for k, part in enumerate(sections))
        images.append(np.rint(np.clip(scene.floor * free[..., None] + ring, 0, 255)))
    return np.stack(images).astype(np.uint8)


def _ring(scene: Scene, height: int, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of the ring's plane, and which section a sample lies in (0 of the chosen colour, 1 of the next, -1
    off the ring), each (64 * fine, 64 * fine)."""
    view = camera(scene, height)
    samples = (np.arange(SIZE * fine) + 0.5) / fine - SIZE / 2
    right, down, forward = view.axes
    rays = samples[None, :, None] * right + samples[:, None, None] * down + view.focal * forward
    x, y = _meet(view, rays, 0.0)
    outer_x, outer_y, outer_z = scene.ring_outer
    far_x, far_y = _meet(view, rays, outer_z)
    inside = (np.hypot(x, y) >= scene.ring[0]) & (np.hypot(far_x - outer_x, far_y - outer_y) <= scene.ring[1])
    lamp_x, lamp_y, lamp_z, strength, ambient = scene.ring_lamp
    distance = np.sqrt((x - lamp_x) ** 2 + (y - lamp_y) ** 2 + lamp_z**2)
    light = ambient + strength * lamp_z / distance
    return light, np.where(inside, np.arctan2(x, y) < -scene.ring_begin, -1)


def _meet(view: Camera, rays: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Where rays meet a horizontal plane: x and y; rays to the horizon or above meet it very far away."""
    reach = (view.position[2] - height) / np.maximum(-rays[..., 2], 1e-6)
    return view.position[0] + reach * rays[..., 0], view.position[1] + reach * rays[..., 1]


def _pixel_means(samples: np.ndarray, fine: int) -> np.ndarray:
    return samples.reshape(SIZE, fine, SIZE, fine).mean(axis=(1, 3))
