"""The light of Shapes3D: ambient light, a lamp on the camera, and a spot light overhead that throws the object's shadow.

Found from the frames of the official animation, as the geometry was (shapes3d_scene.py has the frame and the unit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
