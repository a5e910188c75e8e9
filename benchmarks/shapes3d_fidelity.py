"""shapes3d_rendered against the frames of the official animation, at the factors that each frame shows.

    python benchmarks/shapes3d_fidelity.py path/to/shapes3d_frames.npz      # key `frames`, uint8 (53, 227, 226, 3)

Writes results/shapes3d_fidelity.json and .png (pairs of rows: real frames above, rendered images below). --hold_out also
fits room, solids and light anew, from values that are 2 % off, on some even frames and compares on the odd ones; it
takes some minutes. The outermost pixels, which the animation's border touches, are left out of every figure.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from shapes3d_fit import CAMERA_HEIGHT, draw, fit, from_vector, inner, to_vector
from shapes3d_frames import frame_factors, read_frames

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered.shapes3d import SKY_COLOUR, Scene, hue_levels
from dlib_bvae.visualize.pictures import labelled, png

RESULTS = Path(__file__).parent / "results"
MATERIALS = ("sky", "floor", "wall", "object")
SHOWN = (0, 4, 7, 10, 14, 15, 16, 17, 20, 24, 25, 27, 29, 32, 36, 38, 40, 41, 43, 47, 49, 50, 51, 52)


def segment(image: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Image float (h, w, 3) → material of each pixel (h, w): the one whose colour, at any brightness, is nearest."""
    colours = np.stack([np.array(SKY_COLOUR), *hue_levels(factors[:3])]).astype(float)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    along = image @ colours.T
    return (np.sum(image**2, axis=-1, keepdims=True) - along**2).argmin(axis=-1)


def hue_of(colour: np.ndarray) -> float:
    """Red, green, blue → hue in degrees."""
    red, green, blue = colour
    return float(np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)))


def compare(drawn: np.ndarray, real: np.ndarray, factors: np.ndarray) -> dict[str, object]:
    """Images (n, 64, 64, 3) → pixel error; overlap and colours for the frames whose three hues tell materials apart."""
    drawn, real = inner(drawn), inner(real)
    overlaps, hues, levels = [], {name: [] for name in MATERIALS[1:]}, {name: [] for name in MATERIALS}
    for ours, theirs, row in zip(drawn, real, factors, strict=True):
        if len(set(row[:3])) < 3:
            continue
        a, b = segment(ours, row), segment(theirs, row)
        overlaps.append(((a == 3) & (b == 3)).sum() / ((a == 3) | (b == 3)).sum())
        for k, name in enumerate(MATERIALS):
            both = (a == k) & (b == k)
            colours = ours[both].mean(axis=0), theirs[both].mean(axis=0)
            levels[name].append(np.abs(colours[0] - colours[1]).max())
            if k:
                hues[name].append(abs((hue_of(colours[0]) - hue_of(colours[1]) + 180) % 360 - 180))
    return {
        "images": len(real),
        "mean_absolute_pixel_error": round(float(np.abs(drawn - real).mean()), 3),
        "root_mean_square_pixel_error": round(float(np.sqrt(((drawn - real) ** 2).mean())), 3),
        "images_with_three_hues": len(overlaps),
        "mean_object_iou": round(float(np.mean(overlaps)), 4),
        "min_object_iou": round(float(np.min(overlaps)), 4),
        "hue_error_degrees": {name: spread(values) for name, values in hues.items()},
        "mean_colour_error_levels": {name: spread(values) for name, values in levels.items()},
    }


def spread(values: list[float]) -> dict[str, float]:
    """Mean and largest of some figures."""
    return {"mean": round(float(np.mean(values)), 3), "max": round(float(np.max(values)), 3)}


def hold_out(factors: np.ndarray, real: np.ndarray) -> dict[str, object]:
    """Fits room, solids and light on some even frames, from a start that is 2 % off, and compares on the odd ones.

    The texture stays as it is.
    """
    parts = ("room", "solids", "light")
    right = to_vector(Scene(), parts)
    off = 1 + 0.02 * np.random.default_rng(0).choice([-1.0, 1.0], size=right.size)
    off[CAMERA_HEIGHT] = 1.0  # The unit of length is not fitted.
    scene = from_vector(Scene(), parts, right * off)
    before = compare(draw(scene, factors[1::2]), real[1::2], factors[1::2])
    few = [0, 4, 8, 12, 14, 16, 18, 24, 38, 42]
    scene = fit(scene, parts, factors[few], real[few], rounds=10)
    return {
        "fitted_on_frames": few,
        "fitted": compare(draw(scene, factors[0::2]), real[0::2], factors[0::2]),
        "others": compare(draw(scene, factors[1::2]), real[1::2], factors[1::2]),
        "others_before_the_fit": before,
    }


def contact_sheet(drawn: np.ndarray, real: np.ndarray, columns: int = 8) -> bytes:
    """A PNG of pairs of rows, real above rendered, each named at its left."""
    starts = range(0, len(real), columns)
    rows = [part[first : first + columns] / 255 for first in starts for part in (real, drawn)]
    return png(labelled(rows, ["real", "rendered"] * len(starts)))


def main() -> None:
    """Prints and writes the figures and the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--hold_out", action="store_true")
    flags = parser.parse_args()
    real, factors = read_frames(flags.frames), frame_factors()
    data = datasets.load("shapes3d_rendered")
    drawn = data.images_at(data.index_of(factors)).astype(float)
    record = compare(drawn, real, factors) | {"fingerprint": data.fingerprint}
    output = RESULTS / "shapes3d_fidelity.json"
    if flags.hold_out:
        record["hold_out"] = hold_out(factors, real) | {"fingerprint": data.fingerprint}
    elif output.exists() and (old := json.loads(output.read_text(encoding="utf-8")).get("hold_out")):
        record["hold_out"] = old
    print(json.dumps(record, indent=1))
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    shown = list(SHOWN)
    (RESULTS / "shapes3d_fidelity.png").write_bytes(contact_sheet(drawn[shown], real[shown]))


if __name__ == "__main__":
    main()
