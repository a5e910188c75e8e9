"""Correlations and held-out combinations of the literature, by name."""

from __future__ import annotations

Pairs = list[tuple[str, str]]

_DSPRITES = ("shape", "scale", "orientation", "position_x", "position_y")
_SHAPES3D = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")


def _confounded(factor: str, factors: tuple[str, ...]) -> Pairs:
    """`factor` with every other one."""
    return [(factor, other) for other in factors if other != factor]


# The pairs of Roth et al. 2023 (Disentanglement of correlated factors via Hausdorff factorized support), as their code
# lists them; theirs is the usual σ too: 0.1, and 0.2 where one factor confounds all others. dSprites has no triple there.
CORRELATIONS: dict[str, tuple[Pairs, float]] = {
    "dsprites_single_1": ([("shape", "scale")], 0.1),
    "dsprites_single_2": ([("position_x", "position_y")], 0.1),
    "dsprites_single_3": ([("shape", "position_y")], 0.1),
    "dsprites_double_1": ([("shape", "position_x"), ("scale", "position_y")], 0.1),
    "dsprites_double_2": ([("shape", "scale"), ("position_x", "position_y")], 0.1),
    "dsprites_confounded_1": (_confounded("shape", _DSPRITES), 0.2),
    "dsprites_confounded_2": (_confounded("position_x", _DSPRITES), 0.2),
    "shapes3d_single_1": ([("floor_hue", "wall_hue")], 0.1),
    "shapes3d_single_2": ([("shape", "scale")], 0.1),
    "shapes3d_single_3": ([("shape", "wall_hue")], 0.1),
    "shapes3d_single_4": ([("shape", "object_hue")], 0.1),
    "shapes3d_double_1": ([("scale", "floor_hue"), ("shape", "wall_hue")], 0.1),
    "shapes3d_double_2": ([("scale", "shape"), ("floor_hue", "wall_hue")], 0.1),
    "shapes3d_double_3": ([("shape", "object_hue"), ("shape", "scale")], 0.1),
    "shapes3d_triple_1": ([("scale", "orientation"), ("shape", "wall_hue"), ("object_hue", "floor_hue")], 0.1),
    "shapes3d_triple_2": ([("object_hue", "orientation"), ("shape", "scale"), ("floor_hue", "wall_hue")], 0.1),
    "shapes3d_confounded_1": (_confounded("shape", _SHAPES3D), 0.2),
    "shapes3d_confounded_2": (_confounded("wall_hue", _SHAPES3D), 0.2),
}

_RIGHT = list(range(16, 32))  # position_x > 0.5
_HUES = list(range(5, 10))  # hue >= 0.5

# Montero et al. 2021: recombination to element (few images), recombination to range, extrapolation. Values as in their
# code, which reads factor values; here they are places in the grid.
HELD_OUT: dict[str, list[dict[str, list[int]]]] = {
    "dsprites_to_element": [
        {
            "shape": [1],
            "scale": [2, 3, 4, 5],
            "orientation": list(range(14, 26)),
            "position_x": list(range(21, 32)),
            "position_y": list(range(21, 32)),
        }
    ],
    "dsprites_to_range": [{"shape": [0], "position_x": _RIGHT}],
    "dsprites_extrapolation": [{"position_x": _RIGHT}],
    "shapes3d_to_element": [
        {
            "floor_hue": [8, 9],
            "wall_hue": [8, 9],
            "object_hue": [8, 9],
            "scale": [5, 6, 7],
            "shape": [1],
            "orientation": [12, 13, 14],
        }
    ],
    "shapes3d_to_range_1": [{"object_hue": [8, 9], "wall_hue": [0, 1, 2]}],
    "shapes3d_to_range_2": [{"shape": [3], "object_hue": _HUES}],
    "shapes3d_to_range_3": [{"shape": [3], "floor_hue": _HUES}],
    "shapes3d_extrapolation": [{"floor_hue": _HUES}],
}
