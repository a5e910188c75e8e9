"""interventions.py: means of codes by a factor's value, of all images and of those with one value of the followed factor."""

import numpy as np
import pytest

from dlib_bvae.visualize.interventions import effect, interventions, kept_values

GRID = np.stack(np.meshgrid(np.arange(3), np.arange(6), indexing="ij"), axis=-1).reshape(-1, 2).repeat(4, axis=0)


def test_means_and_deviations_are_by_value_and_few_images_have_none():
    values = np.array([0, 0, 1, 1, 1, 2, -1])
    found = effect(np.array([1.0, 3.0, 5.0, 5.0, 8.0, 9.0, 100.0]), values, 4)
    np.testing.assert_allclose(found.mean, [2, 6, np.nan, np.nan])
    np.testing.assert_allclose(found.deviation, [1, np.sqrt(2), np.nan, np.nan])


def test_at_most_five_values_are_kept():
    assert kept_values(3).tolist() == [0, 1, 2]
    assert kept_values(40).tolist() == [0, 10, 20, 29, 39]


def test_a_code_that_follows_one_factor_is_steep_there_and_flat_elsewhere():
    codes = np.stack([GRID[:, 1] * 2.0, GRID[:, 0] + 0.5 * (GRID[:, 1] % 2)], axis=1)
    figure = interventions(codes, np.array([7, 2]), GRID, [3, 6], ["$shape$", "row"])
    panels = np.array(figure.axes).reshape(2, 2)
    assert [axes.get_title() for axes in panels[0]] == ["$shape$", "row"]
    assert [axes.get_ylabel().split("\n")[:2] for axes in panels[:, 0]] == [["z7", "row"], ["z2", "$shape$"]]
    assert panels[0, 0].get_ylabel().endswith("IRS 1.00")
    (mean,) = panels[0, 1].lines
    assert mean.get_ydata().tolist() == [0, 2, 4, 6, 8, 10]
    kept = [line.get_ydata().tolist() for line in panels[0, 0].lines]  # five of six rows, the shape varies
    assert kept == [[2.0 * row] * 3 for row in kept_values(6)]
    assert [line.get_ydata().tolist() for line in panels[1, 1].lines] == [
        [shape + 0.5 * (row % 2) for row in range(6)] for shape in range(3)
    ]
    band = panels[1, 0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.0)
    assert band[:, 1].max() == pytest.approx(2.5)
