"""How much each latent carries, as bars."""

from __future__ import annotations

import numpy as np

from dlib_bvae.visualize.curves import COLOURS
from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.tiles import figure_png

_MOST_NUMBERS = 24  # bars with their number above: beyond, they become too narrow


def bars(latents: Latents) -> bytes:
    """A PNG: one bar a latent, in the order of `latents`: KL in nats, or the variance of codes where none has a KL.

    Of a mixed model the latents without a KL have no bar.
    """
    from matplotlib.figure import Figure

    order = latents.order()
    if latents.with_variance.any():
        order = order[latents.with_variance[order]]
        heights, what = latents.kl[order], "KL (nats)"
    else:
        heights, what = latents.variance[order], "variance of the code"
    figure = Figure(figsize=(min(12.0, max(4.5, 1.2 + 0.5 * len(order))), 3.4), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.bar(np.arange(len(order)), heights, color=COLOURS[0])
    if len(order) <= _MOST_NUMBERS:
        axes.bar_label(drawn, [f"{height:.2f}" for height in heights], fontsize=8, padding=2)
    axes.margins(y=0.12)
    step = -(-len(order) // _MOST_NUMBERS)
    axes.set_xticks(range(0, len(order), step), [f"z{latent}" for latent in order[::step]], fontsize=8)
    axes.set(xlabel="latent, largest first", ylabel=what)
    axes.spines[["top", "right"]].set_visible(False)
    return figure_png(figure)
