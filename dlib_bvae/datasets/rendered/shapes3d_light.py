"""The light of Shapes3D: ambient light, a lamp at the camera, and a spot light overhead that throws the object's shadow.

Found from the frames of the official animation, as the geometry was (shapes3d_scene.py has the frame and the unit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlib_bvae.datasets.rendered.shapes3d_scene import turn


@dataclass(frozen=True)
class Light:
    """Brightness of each source on a white matt surface, in pixel values; position and target in the camera's frame.

    The spot light fades with the `exponent`-th power of the cosine between a ray and its axis. Where it reaches the
    object it also adds `gloss`, white, the same from all sides.
    """

    ambient: float = 89.9
    head: float = 151.3
    spot: float = 259.7
    position: tuple[float, float, float] = (-3.92, 25.8, 3.45)
    target: tuple[float, float, float] = (-3.97, 0.0, 3.67)
    exponent: float = 13.2
    gloss: float = 35.5


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors (…, 3) at length 1."""
    return vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))


class Lamps:
    """The light in the frame of a room that is turned by `angle`."""

    def __init__(self, light: Light, angle: float):
        self._light = light
        self.position = turn(np.array(light.position), angle)
        self._axis = unit(self.position - turn(np.array(light.target), angle))
        self._forward = turn(np.array([0.0, 0.0, 1.0]), angle)

    def shade(self, points: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and their normals, (n, 3) → what a white surface gives back there without a shadow, in pixel values.

        Returns (matt, gloss), each float32 (n,): the first takes the surface's colour, the second stays white.
        """
        to_light = unit(self.position - points)
        facing = (normal * to_light).sum(axis=1)
        spot = np.maximum(to_light @ self._axis, 0.0) ** self._light.exponent
        head = np.maximum(-(normal @ self._forward), 0.0)
        matt = self._light.ambient + self._light.head * head + self._light.spot * spot * np.maximum(facing, 0.0)
        return matt.astype(np.float32), (self._light.gloss * spot * (facing > 0)).astype(np.float32)
