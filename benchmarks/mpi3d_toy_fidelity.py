"""mpi3d_toy_rendered against real MPI3D-toy frames at the same factors.

    python benchmarks/mpi3d_toy_fidelity.py path/to/mpi3d_toy_frames.npz

Keys `toy1`, `toy2`: uint8 (20, 7, 64, 64, 3), the official animations. They were made as disentanglement_lib makes them:
tile k walks factor k once up and down from a base image, so the base's seven values fix the factors of all frames.
The last fits saw no odd frame of the two axes' tiles (axes_held_out). They are not untouched, though: where the object is
in them helped to start those fits and to choose the laws of the angles, and they lie between frames of the fit. Colours
of objects and ring were read off the frames whose colours are compared here.

Writes results/mpi3d_toy_fidelity.json and the contact sheet results/mpi3d_toy_fidelity.png (real above, rendered below).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from dlib_bvae.datasets.rendered.mpi3d_toy import MPI3DToyRendered, backgrounds
from dlib_bvae.datasets.rendered.mpi3d_toy_scene import BACKGROUNDS, COLORS, SCENE
from dlib_bvae.visualize.pictures import labelled, png

BASES = {"toy1": (3, 4, 1, 1, 1, 22, 21), "toy2": (2, 2, 0, 0, 0, 39, 27)}
HORIZONTAL, VERTICAL = 5, 6
# A pixel belongs to arm or object when a channel differs by more than this from the image without them.
DIFFERENT = 20
SHEET = [
    *(("toy1", frame, 0) for frame in (0, 1, 2, 9, 11, 12)),
    *(("toy1", frame, 1) for frame in (0, 1, 6, 7, 9, 11)),
    *(("toy1", frame, tile) for frame, tile in ((8, 2), (1, 3), (11, 3), (1, 4), (11, 4), (4, 5))),
    *(("toy1", frame, HORIZONTAL) for frame in (1, 3, 11, 12, 13, 14)),
    *(("toy1", frame, VERTICAL) for frame in (1, 3, 11, 13, 15, 17)),
    *(("toy2", frame, tile) for frame, tile in ((0, 1), (3, 1), (9, 1), (10, 2), (2, 3), (5, 3))),
    *(("toy2", frame, HORIZONTAL) for frame in (1, 3, 5, 7, 9, 11)),
    *(("toy2", frame, VERTICAL) for frame in (1, 3, 7, 9, 11, 13)),
]


def walk(start: int, size: int, frames: int) -> np.ndarray:
    """Values of a factor that goes once up, down and back to where it began, int64 (frames,)."""
    values = np.ceil(start + 2 * size * np.arange(frames) / frames - 1e-9).astype(int) % (2 * size)
    return np.where(values < size, values, 2 * size - 1 - values)


def factors_of(name: str, tile: int, sizes: tuple[int, ...], frames: int) -> np.ndarray:
    """Factor values of one tile's frames, int64 (frames, 7)."""
    factors = np.tile(BASES[name], (frames, 1))
    factors[:, tile] = walk(BASES[name][tile], sizes[tile], frames)
    return factors


def hue(colors: np.ndarray) -> np.ndarray:
    """Hue in degrees of colours (n, 3)."""
    red, green, blue = np.moveaxis(np.asarray(colors, float), -1, 0)
    return np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))


def color_error(real: np.ndarray, drawn: np.ndarray) -> dict[str, object]:
    """Mean colours of matched pixels (n, 3) and how far they lie apart."""
    means = [np.mean(each, axis=0) for each in (real, drawn)]
    record: dict[str, object] = {
        "real": [round(float(value), 1) for value in means[0]],
        "drawn": [round(float(value), 1) for value in means[1]],
        "mean_absolute_error": round(float(np.abs(means[0] - means[1]).mean()), 2),
    }
    if np.ptp(means[0]) > 10:
        turn = hue(means[0]) - hue(means[1])
        record["hue_error_degrees"] = round(float(abs((turn + 180) % 360 - 180)), 1)
    return record


def saturated(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """How much each pixel shows the base object's colour, in [0, 1]: blue over red, or red over green."""
    pixels = images.astype(float)
    blue = (pixels[..., 2] - pixels[..., 0] - 30) / 60
    red = (pixels[..., 0] - pixels[..., 1] - 60) / 60
    return np.clip(np.where((factors[:, 0] == 3)[:, None, None], blue, red), 0, 1)


def middle(weights: np.ndarray) -> np.ndarray:
    """Centroids (x, y) in pixels of weights (n, 64, 64), float64 (n, 2)."""
    rows, columns = np.mgrid[:64, :64]
    total = weights.sum(axis=(1, 2))
    return np.stack([(weights * grid).sum(axis=(1, 2)) / total for grid in (columns, rows)], axis=1)


class Match:
    """Real and drawn images at the same factors, uint8 (280, 64, 64, 3) each, and what lies where in them."""

    def __init__(self, data: MPI3DToyRendered, frames: dict[str, np.ndarray]):
        self.keys = [(name, frame, tile) for name in BASES for tile in range(7) for frame in range(20)]
        self.real = np.stack([frames[name][frame, tile] for name, frame, tile in self.keys])
        walks = [factors_of(name, tile, data.factor_sizes, 20) for name in BASES for tile in range(7)]
        self.factors = np.concatenate(walks)
        self.drawn = data.render(self.factors)
        self.empty = backgrounds(SCENE)[self.factors[:, 3], self.factors[:, 4]]
        differ = [binary_erosion(mask) for mask in self._object_masks(data)]
        self.inner = np.array(differ)
        steep = [np.abs(np.gradient(image.astype(float), axis=(0, 1))).max(axis=(0, 3)) > 5 for image in self.empty]
        self.plain = ~np.array(steep)
        self.axes = np.array([tile in (HORIZONTAL, VERTICAL) for _, _, tile in self.keys])
        self.even = np.array([frame % 2 == 0 for _, frame, _ in self.keys])

    def _object_masks(self, data: MPI3DToyRendered) -> np.ndarray:
        other = self.factors.copy()
        other[:, 0] = (other[:, 0] + 3) % 6
        return (data.render(other) != self.drawn).any(axis=3)

    def silhouette(self, images: np.ndarray) -> np.ndarray:
        """Where arm or object is, bool (n, 64, 64); not asked at the ring's edges."""
        return (np.abs(images.astype(int) - self.empty).max(axis=3) > DIFFERENT) & self.plain

    def figures(self, chosen: np.ndarray) -> dict[str, object]:
        """Errors over the chosen images, bool (280,)."""
        errors = np.abs(self.real[chosen].astype(int) - self.drawn[chosen]).mean(axis=3)
        real, drawn = (self.silhouette(images)[chosen] for images in (self.real, self.drawn))
        either, both = real | drawn, real & drawn
        overlap = both.sum(axis=(1, 2)) / either.sum(axis=(1, 2))
        near = np.array([binary_dilation(mask) for mask in either])
        based = chosen & np.array([tile > 0 for _, _, tile in self.keys])
        tips = [middle(saturated(images[based], self.factors[based])) for images in (self.real, self.drawn)]
        distance = np.linalg.norm(tips[0] - tips[1], axis=1)
        return {
            "images": int(chosen.sum()),
            "mean_absolute_error": round(float(errors.mean()), 3),
            "mean_absolute_error_at_arm_and_object": round(float(errors[near].mean()), 2),
            "silhouette_iou": {"mean": round(float(overlap.mean()), 3), "min": round(float(overlap.min()), 3)},
            "object_centroid_error_pixels": {
                "mean": round(float(distance.mean()), 2),
                "max": round(float(distance.max()), 2),
            },
        }

    def colors(self) -> dict[str, object]:
        """Colours of the objects, the backgrounds and the table, real and drawn."""
        first = np.array([tile == 0 for _, _, tile in self.keys])
        bare = ~(self.silhouette(self.real) | self.silhouette(self.drawn)) & self.plain
        ring = bare & (np.ptp(self.empty, axis=3) > 10)
        table = bare & (np.ptp(self.empty, axis=3) == 0)
        record: dict[str, object] = {"table": color_error(self.real[table], self.drawn[table])}
        for k, name in enumerate(BACKGROUNDS):
            mask = ring & (self.factors[:, 4] == k)[:, None, None]
            record[f"background {name}"] = color_error(self.real[mask], self.drawn[mask])
        for k, name in enumerate(COLORS):
            mask = self.inner & (first & (self.factors[:, 0] == k))[:, None, None]
            record[f"object {name}"] = color_error(self.real[mask], self.drawn[mask])
        return record

    def sheet(self, path: Path, columns: int = 12, scale: int = 2) -> None:
        """Writes pairs of rows, real above rendered, each named at its left."""
        places = [self.keys.index(key) for key in SHEET]
        starts = range(0, len(places), columns)
        chosen = [part[places[first : first + columns]] / 255 for first in starts for part in (self.real, self.drawn)]
        rows = [images.repeat(scale, axis=1).repeat(scale, axis=2) for images in chosen]
        path.write_bytes(png(labelled(rows, ["real", "rendered"] * len(starts))))


def main() -> None:
    """Prints and writes the figures and the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    flags = parser.parse_args()
    data = MPI3DToyRendered()
    with np.load(flags.frames) as frames:
        match = Match(data, frames)
    record = {
        "all": match.figures(np.ones(len(match.keys), bool)),
        "axes_fitted": match.figures(match.axes & match.even),
        "axes_held_out": match.figures(match.axes & ~match.even),
        "colors": match.colors(),
        "fingerprint": data.fingerprint,
    }
    print(json.dumps(record, indent=1))
    results = Path(__file__).parent / "results"
    (results / "mpi3d_toy_fidelity.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    match.sheet(results / "mpi3d_toy_fidelity.png")


if __name__ == "__main__":
    main()
