"""How factors are found in the codes and joined by them: a matrix of mutual information in, a dendrogram and curves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae.metrics.unified_scores import merge_thresholds, num_groups
from dlib_bvae.visualize.figures import COLOURS, light, look
from dlib_bvae.visualize.latents import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.34  # inches a factor


class Merge(NamedTuple):
    """Two groups of factors become one: at which threshold in nats, by which latent, and their places from top to bottom."""

    threshold: float
    latent: int
    ends: tuple[tuple[float, float], tuple[float, float]]  # of both groups: threshold where each began, and its place
    place: float


def merges(information: np.ndarray) -> tuple[list[int], list[Merge]]:
    """Information ≥ 0 (latents, factors) → the factors in the order of the leaves, and their merges, the largest threshold first.

    Factor and latent are joined where their entry is ≥ a threshold, as in disentanglement_lib's dendrogram; as it falls, a factor
    is found at its largest entry, and two groups merge at the largest threshold at which a latent joins both: single linkage.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    joined = merge_thresholds(information)
    if len(joined) < 2:
        return [0], []
    top = float(joined.max())
    distances = top - joined
    np.fill_diagonal(distances, 0.0)
    linked = hierarchy.linkage(squareform(distances, checks=False), "single")
    order = [int(leaf) for leaf in hierarchy.leaves_list(linked)]
    groups = {factor: [factor] for factor in order}
    ends = {factor: (float(joined[factor, factor]), float(place)) for place, factor in enumerate(order)}
    found = []
    for number, (left, right, distance, _) in enumerate(linked, start=len(joined)):
        a, b = int(left), int(right)
        both = np.minimum(information[:, groups[a]].max(axis=1), information[:, groups[b]].max(axis=1))
        place = (ends[a][1] + ends[b][1]) / 2
        found.append(Merge(top - float(distance), int(both.argmax()), (ends[a], ends[b]), place))
        groups[number], ends[number] = groups[a] + groups[b], (found[-1].threshold, place)
    return order, found


def dendrogram(information: np.ndarray, names: list[str]) -> Figure:
    """The dendrogram of factors: where each is found, by which latent, and where a latent joins two groups of them.

    information: ≥ 0, (latents, factors). names: of the factors.
    """
    from matplotlib.figure import Figure

    order, joined = merges(information)
    figure = Figure(figsize=(6.2, 1.0 + _ROW * len(order)), layout="constrained")
    axes = figure.add_subplot()
    found = information.max(axis=0)
    for merge in joined:
        for start, place in merge.ends:
            axes.plot([start, merge.threshold], [place, place], color=COLOURS[0], linewidth=1.4)
        places = [place for _, place in merge.ends]
        axes.plot([merge.threshold] * 2, places, color=COLOURS[0], linewidth=1.4)
        if merge.threshold > 0:
            _note(axes, merge.threshold, merge.place, f"z{merge.latent}", (3, 6))
    for place, factor in enumerate(order):
        axes.plot(found[factor], place, "o", color=COLOURS[1], markersize=5, zorder=3)
        _note(axes, found[factor], place, f"z{information[:, factor].argmax()}", (-4, 0))
    axes.set_yticks(range(len(order)), [short(names[factor]) for factor in order], fontsize=8, parse_math=False)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(1.08 * max(float(found.max()), 1e-9), 0.0)
    axes.set_xlabel("threshold of mutual information (nats)", fontsize=9)
    light(axes, 8)
    return figure


def _note(axes: Any, x: float, y: float, text: str, shift: tuple[float, float]) -> None:
    """A small text next to a point, `shift` points away, to its right where the first is positive."""
    side = "left" if shift[0] > 0 else "right"
    axes.annotate(text, (x, y), shift, textcoords="offset points", fontsize=7, ha=side, va="center", color="0.25")


def shares(information: np.ndarray, entropies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each factor, by the latent that informs of it most: that latent, recall and precision, (factors,) each.

    recall: the share of the factor's entropy that the latent has. precision: the share of what the latent informs of all factors
    that is about this one. information: nats, (latents, factors). entropies: of the factors, in nats.
    """
    best = information.argmax(axis=0)
    of_factor = information[best, np.arange(len(best))]
    of_latent = information[best].sum(axis=1)
    recall = np.divide(of_factor, entropies, out=np.zeros(len(best)), where=entropies > 0)
    return best, np.minimum(recall, 1.0), np.divide(of_factor, of_latent, out=np.zeros(len(best)), where=of_latent > 0)


def found_and_apart(information: np.ndarray, entropies: np.ndarray, names: list[str]) -> Figure:
    """Left, against the threshold: how many factors are found, and in how many groups. Right: recall and precision of each.

    information, entropies: see shares. names: of the factors.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, max(3.0, 1.1 + 0.4 * len(names))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
    thresholds = np.unique(np.append(information, 0.0))[::-1]
    found = [int((information.max(axis=0) >= max(each, 1e-12)).sum()) for each in thresholds]
    groups = [num_groups(information, each) for each in thresholds]
    for k, (name, counts) in enumerate(
        {"factors found (recall)": found, "separate groups (precision)": groups}.items()
    ):
        left.step(thresholds, counts, where="post", **{**look(k), "marker": ""}, label=name)
    left.set_xlim(float(thresholds[0]) or 1.0, 0.0)
    left.set_ylim(0, len(names) + 0.3)
    left.yaxis.get_major_locator().set_params(integer=True)
    left.set_xlabel("threshold of mutual information (nats)", fontsize=9)
    left.set_ylabel("number of factors or groups", fontsize=9)
    best, recall, precision = shares(information, entropies)
    places = np.arange(len(names))
    right.barh(places - 0.19, recall, 0.36, color=COLOURS[0], label="recall")
    right.barh(places + 0.19, precision, 0.36, color=COLOURS[1], label="precision", hatch="//", edgecolor="white")
    labels = [f"{short(name)}  z{latent}" for name, latent in zip(names, best, strict=True)]
    right.set_yticks(places, labels, fontsize=8, parse_math=False)
    right.set_ylim(len(names) - 0.4, -0.6)
    right.set_xlim(0, 1)
    right.set_xlabel("share", fontsize=9)
    for axes in (left, right):
        light(axes, 8)
        axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
