"""The background of MPI3D-toy: a ring of coloured sections on a dark floor, one image a camera and colour."""

from __future__ import annotations

import functools

import numpy as np

from dlib_bvae.datasets.rendered.convex import Camera
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import Scene, camera

SIZE = 64
_FINE = 8


@functools.lru_cache(maxsize=4)
def backgrounds(scene: Scene) -> np.ndarray:
    """uint8 (3 camera heights, 3 background colours, 64, 64, 3)."""
    return np.stack([_seen(scene, height) for height in range(len(scene.cameras))])


def _seen(scene: Scene, height: int, fine: int = _FINE) -> np.ndarray:
    light, section = _ring(scene, height, fine)
    sections = [_mean((section == k) * light, fine) for k in range(2)]
    free = _mean((section < 0) * 1.0, fine)
    colors = np.array(scene.ring_colors)
    images = []
    for own in range(3):
        ring = sum(part[..., None] * colors[(own + k) % 3] for k, part in enumerate(sections))
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


def _mean(samples: np.ndarray, fine: int) -> np.ndarray:
    return samples.reshape(SIZE, fine, SIZE, fine).mean(axis=(1, 3))
