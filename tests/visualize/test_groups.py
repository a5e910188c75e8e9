"""groups.py: where factors are found and merge, worked out by hand; recall and precision of each."""

import numpy as np
import pytest

from dlib_bvae.visualize.groups import dendrogram, found_and_apart, merges, shares

# Latent 0 has shape and a little of scale; 1 has scale; 2 has x and y.
INFORMATION = np.array([[1.0, 0.3, 0.0, 0.0], [0.0, 0.9, 0.1, 0.0], [0.0, 0.0, 0.8, 0.6]])
NAMES = ["shape", "scale", "$x$", "y"]


def test_factors_merge_where_one_latent_has_both():
    order, found = merges(INFORMATION)
    assert [(round(each.threshold, 9), each.latent) for each in found] == [(0.6, 2), (0.3, 0), (0.1, 1)]
    places = {factor: order.index(factor) for factor in range(4)}
    assert abs(places[2] - places[3]) == abs(places[0] - places[1]) == 1
    assert sorted(end[0] for end in found[0].ends) == [pytest.approx(0.6), pytest.approx(0.8)]
    assert sorted(end[0] for end in found[2].ends) == [pytest.approx(0.3), pytest.approx(0.6)]


def test_one_factor_and_factors_that_share_nothing_have_a_tree_too():
    assert merges(np.array([[0.5], [0.1]])) == ([0], [])
    _, found = merges(np.eye(3))
    assert [each.threshold for each in found] == [0, 0]


def test_the_dendrogram_names_factors_and_the_latents_that_find_and_join_them():
    (axes,) = dendrogram(INFORMATION, NAMES).axes
    order, _ = merges(INFORMATION)
    assert [text.get_text() for text in axes.get_yticklabels()] == [NAMES[factor] for factor in order]
    joins, finds = [text.get_text() for text in axes.texts[:3]], [text.get_text() for text in axes.texts[3:]]
    assert joins == ["z2", "z0", "z1"]
    assert finds == [f"z{[0, 1, 2, 2][factor]}" for factor in order]
    assert axes.get_xlim()[0] > axes.get_xlim()[1] == 0  # the threshold falls from left to right
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[1.0, 0.9, 0.8, 0.6][factor] for factor in order]


def test_recall_and_precision_are_of_the_latent_that_has_most_of_a_factor():
    best, recall, precision = shares(INFORMATION, np.array([2.0, 1.0, 1.6, 0.0]))
    assert best.tolist() == [0, 1, 2, 2]
    assert recall == pytest.approx([0.5, 0.9, 0.5, 0])
    assert precision == pytest.approx([1 / 1.3, 0.9, 0.8 / 1.4, 0.6 / 1.4])


def test_curves_count_factors_found_and_groups_apart():
    left, right = found_and_apart(INFORMATION, np.ones(4), NAMES).axes
    found, groups = left.lines
    at = lambda line, threshold: line.get_ydata()[np.flatnonzero(np.isclose(line.get_xdata(), threshold))[0]]
    assert [at(found, each) for each in (1.0, 0.9, 0.8, 0.6, 0.3, 0.0)] == [1, 2, 3, 4, 4, 4]
    assert [at(groups, each) for each in (1.0, 0.9, 0.8, 0.6, 0.3, 0.1)] == [1, 2, 3, 3, 2, 1]
    assert [text.get_text() for text in right.get_yticklabels()] == ["shape  z0", "scale  z1", "$x$  z2", "y  z2"]
    assert [bar.get_width() for bar in right.patches[:4]] == pytest.approx([1.0, 0.9, 0.8, 0.6])
