"""What codes do when one factor is set and another is kept: codes and factors in, a grid of curves out (Suter et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.metrics.irs import interventional_matrix
from dlib_bvae.visualize.figures import COLOURS, light
from dlib_bvae.visualize.latents import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTILE = 0.99  # of a deviation, as irs has it
_KEPT = 5  # values at which the followed factor is kept, at most
_LEAST = 2  # images that a mean is of
_PANEL = (1.25, 1.0)  # inches


class Effect(NamedTuple):
    """The codes of one latent for each value of a factor: means and standard deviations, (values,), NaN where there are none."""

    mean: np.ndarray
    deviation: np.ndarray


def effect(code: np.ndarray, values: np.ndarray, size: int) -> Effect:
    """A code (n,) for each of `size` values, int (n,), −1 where an image has none; values with fewer than two images are NaN."""
    known = values >= 0
    counts = np.bincount(values[known], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(values[known], code[known], size) / counts
        spread = np.bincount(values[known], (code[known] - mean[values[known]]) ** 2, size) / counts
    few = counts < _LEAST
    return Effect(np.where(few, np.nan, mean), np.where(few, np.nan, np.sqrt(spread)))


def kept_values(size: int) -> np.ndarray:
    """At most five evenly spaced values of 0 … size − 1."""
    return np.unique(np.linspace(0, size - 1, min(size, _KEPT)).round().astype(int))


def interventions(
    codes: np.ndarray, latents: np.ndarray, factors: np.ndarray, sizes: list[int], names: list[str]
) -> Figure:
    """A row a latent, a column a factor: the mean code against the factor's value.

    In the column of the factor that the latent follows, the one of its largest robustness score, the mean and a band of ± one
    standard deviation; in the others a curve for each of up to five values of the followed factor, which is kept. codes: (n, k),
    of the latents `latents`, none constant. factors: int (n, factors), each in 0 … size − 1, or −1 where missing.
    """
    from matplotlib.figure import Figure

    scores = interventional_matrix(codes, factors, _QUANTILE)
    rows, columns = scores.shape
    figure = Figure(figsize=(1.6 + _PANEL[0] * columns, 0.8 + _PANEL[1] * rows))
    left, below = 1.45 / figure.get_figwidth(), 0.45 / figure.get_figheight()
    figure.subplots_adjust(left, below, 0.99, 1 - 0.3 / figure.get_figheight(), wspace=0.08, hspace=0.12)
    panels = figure.subplots(rows, columns, sharex="col", sharey="row", squeeze=False)
    for row, line in enumerate(panels):
        parent = int(scores[row].argmax())
        for column, axes in enumerate(line):
            _draw(axes, codes[:, row], factors, sizes, parent, column)
            light(axes, 6)
        text = f"z{latents[row]}\n{short(names[parent])}\nIRS {scores[row, parent]:.2f}"
        line[0].set_ylabel(text, fontsize=8, rotation=0, ha="right", va="center", parse_math=False)
    for column, name in enumerate(names):
        panels[0, column].set_title(short(name), fontsize=8, parse_math=False)
        panels[-1, column].set_xlabel("value", fontsize=7)
    return figure


def _draw(axes: Any, code: np.ndarray, factors: np.ndarray, sizes: list[int], parent: int, factor: int) -> None:
    """One panel."""
    values, x = factors[:, factor], np.arange(sizes[factor])
    if factor == parent:
        found = effect(code, values, sizes[factor])
        axes.fill_between(
            x, found.mean - found.deviation, found.mean + found.deviation, color=COLOURS[5], alpha=0.35, lw=0
        )
        axes.plot(x, found.mean, color=COLOURS[1], linewidth=1.6, marker="o" if len(x) < 4 else "")
        return
    from matplotlib import colormaps

    kept = kept_values(sizes[parent])
    for value, shade in zip(kept, np.linspace(0.1, 0.85, len(kept)), strict=True):
        among = factors[:, parent] == value
        found = effect(code[among], values[among], sizes[factor])
        marker = "o" if len(x) < 4 else ""
        axes.plot(x, found.mean, color=colormaps["cividis"](shade), linewidth=1.0, marker=marker, markersize=2.5)
