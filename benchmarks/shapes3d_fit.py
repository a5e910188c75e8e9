"""Least squares of the drawing's parameters against real Shapes3D images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from dlib_bvae.datasets.rendered.shapes3d import SAMPLES, Painter, Scene, compose

# scipy's first stride is as long as the vector it starts from: so many steps a parameter.
FREE = 5.0
# Its place among the numbers of Room.
CAMERA_HEIGHT = 3
# How far each parameter is moved to see what it changes: large enough to move edges by some samples.
STEPS = {"room": 0.01, "solids": 0.005, "light": 0.05, "texture": 0.005}


def to_vector(scene: Scene, parts: tuple[str, ...]) -> np.ndarray:
    """The float parameters of some parts of a scene, one after another, float64 (parameters,); counts are no such."""
    return np.array([each for part in parts for each in floats(tuple(asdict(getattr(scene, part)).values()))])


def floats(value: Any) -> Iterator[float]:
    """The floats in nested tuples."""
    if isinstance(value, tuple):
        for each in value:
            yield from floats(each)
    elif isinstance(value, float):
        yield value


def from_vector(scene: Scene, parts: tuple[str, ...], vector: np.ndarray) -> Scene:
    """`scene` with other float parameters in some of its parts."""
    values = iter(vector.tolist())

    def take(like: Any) -> Any:
        if isinstance(like, tuple):
            return tuple(take(each) for each in like)
        return next(values) if isinstance(like, float) else like

    changed = {}
    for part in parts:
        old = getattr(scene, part)
        changed[part] = replace(old, **{name: take(value) for name, value in asdict(old).items()})
    return replace(scene, **changed)


def draw(scene: Scene, factors: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Factors (n, 6) → images float64 (n, 64, 64, 3) drawn with other parameters than the data set's."""
    painter, drawn, images = Painter(scene, samples), {}, []
    for row in factors:
        geometry = tuple(map(int, row[3:]))
        if geometry not in drawn:
            drawn[geometry] = painter.render(*geometry)
        layers = drawn[geometry].reshape(1, len(drawn[geometry]), -1)
        images.append(compose(layers, np.zeros(1, np.int64), row[None, :3])[0])
    return np.array(images, float)


def inner(images: np.ndarray) -> np.ndarray:
    """Without the outermost pixels, which the animation's border touches."""
    return images[:, 1:-1, 1:-1]


def fit(scene: Scene, parts: tuple[str, ...], factors: np.ndarray, real: np.ndarray, rounds: int) -> Scene:
    """Improves the parameters of some parts of `scene` on real images (n, 64, 64, 3), in at most `rounds` steps.

    Draws with fewer rays than the data set, for speed.
    """
    sizes = [to_vector(scene, (part,)).size for part in parts]
    steps = np.repeat([STEPS[part] for part in parts], sizes) * np.maximum(1, np.abs(to_vector(scene, parts)) / 5)
    if "room" in parts:  # A larger scene farther away looks the same: the camera's height is the unit.
        steps[sum(sizes[: parts.index("room")]) + CAMERA_HEIGHT] = 0.0

    def errors(moves: np.ndarray) -> np.ndarray:
        drawn = draw(from_vector(scene, parts, start + (moves - FREE) * steps), factors, samples=3)
        return (inner(drawn) - inner(real)).ravel()

    def slopes(moves: np.ndarray) -> np.ndarray:
        here = errors(moves)
        ahead = [errors(moves + unit) if step else here for unit, step in zip(np.eye(len(steps)), steps, strict=True)]
        return np.stack(ahead, axis=1) - here[:, None]

    start = to_vector(scene, parts)
    found = least_squares(errors, np.full(len(steps), FREE), jac=slopes, loss="soft_l1", f_scale=15.0, max_nfev=rounds)
    return from_vector(scene, parts, start + (found.x - FREE) * steps)
