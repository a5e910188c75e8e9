"""Pictures and charts over arrays."""

import numpy as np
import pytest

from dlib_bvae.re_beta_vae import charts
from dlib_bvae.re_beta_vae.charts import ByBeta, ByPairs, Tiles, Walk
from dlib_bvae.visualize.diagrams import plane_of
from dlib_bvae.visualize.figures import figure_files


def lines_of(place):
    return {line.get_label(): [list(map(float, each)) for each in line.get_data()] for line in place.get_lines()}


def test_charts_are_the_same_twice_and_their_text_is_text():
    draw = lambda last: charts.scores_by_pairs(
        {"a & <b> $x$": ByPairs({"4-VAE": {16: [50.0], 64: [60.0, last]}}, 20.0)}
    )
    first, again, other = (figure_files("chart", draw(last)) for last in (61.0, 61.0, 62.0))
    assert list(first) == ["chart.svg", "chart.pdf", "chart.png"]
    assert first == again
    assert first["chart.svg"] != other["chart.svg"]
    assert "a &amp; &lt;b&gt; $x$" in first["chart.svg"].decode()
    assert ">chance<" in first["chart.svg"].decode()


def test_scores_by_beta_join_the_medians_and_show_every_seed_and_chance():
    lines = {"PCA": [50.0, 60.0, 80.0], "ICA": []}
    values = [[1.0, 5.0], [], [2.0, 3.0, 10.0]]
    figure = charts.scores_by_beta(
        {"a": ByBeta([0.1, 1.0, 4.0], values, lines, 20.0), "b": ByBeta([0.1], [[7.0]], {}, None)}
    )
    first, second = figure.axes
    shown = lines_of(first)
    assert shown["β-VAE"] == [[0.1, 4.0], [3.0, 3.0]]
    assert shown["PCA"][1] == [60.0, 60.0]
    assert shown["chance"][1] == [20.0, 20.0]
    assert "ICA" not in shown
    seeds = [data for label, data in shown.items() if label.startswith("_")]
    assert seeds == [[[0.1, 0.1], [1.0, 5.0]], [[4.0, 4.0, 4.0], [2.0, 3.0, 10.0]]]
    (band,) = first.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == (50.0, 80.0)
    assert (first.get_title(), first.get_xlabel(), first.get_ylabel(), first.get_xscale()) == (
        "a",
        "β",
        "score, %",
        "log",
    )
    assert [label.get_text() for label in first.get_xticklabels()] == ["0.1", "1", "4"]
    assert [each.get_text() for each in figure.legends[0].get_texts()] == ["β-VAE", "PCA", "chance"]
    assert first.get_ylim()[0] < 0 < 100 < first.get_ylim()[1]
    styles = {(line.get_color(), str(line.get_linestyle())) for line in first.get_lines() if line.get_label()[0] != "_"}
    assert len(styles) == 3
    assert lines_of(second) == {"β-VAE": [[0.1], [7.0]], "_child1": [[0.1], [7.0]]}


def test_scores_by_pairs_are_curves_that_look_different_with_their_spread():
    models = ["0.1-VAE", "1-VAE", "4-VAE", "10-VAE", "PCA", "ICA"]
    curves = {name: {16: [k, k + 4.0, k + 1.0], 64: [k + 9.0]} for k, name in enumerate(models)}
    figure = charts.scores_by_pairs({"a": ByPairs(curves, 20.0), "b": ByPairs({"PCA": {128: [3.0]}}, None)})
    first, second = figure.axes
    bars = dict(zip(models, first.containers, strict=True))
    for k, name in enumerate(models):
        line, _, (spread,) = bars[name].lines
        assert line.get_ydata().tolist() == [k + 1.0, k + 9.0]  # medians
        assert line.get_xdata() == pytest.approx([16, 64], rel=0.08)  # apart, so that no bar hides another
        assert [segment[:, 1].tolist() for segment in spread.get_segments()] == [[k, k + 4.0], [k + 9.0, k + 9.0]]
    assert len({bars[name].lines[0].get_xdata()[0] for name in models}) == 6
    assert lines_of(first)["chance"][1] == [20.0, 20.0]
    assert "chance" not in lines_of(second)
    assert [label.get_text() for label in first.get_xticklabels()] == ["16", "64"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["128"]
    assert (first.get_xlabel(), first.get_ylabel()) == ("L, pairs per point", "score, %")
    looks = [bars[name].lines[0] for name in models]
    assert len({line.get_color() for line in looks}) == len({line.get_marker() for line in looks}) == 6
    assert {each.get_text() for each in figure.legends[0].get_texts()} == {*models, "chance"}


def test_training_curves_are_medians_on_a_band_over_seeds_after_the_share_that_is_left_out():
    seeds = [
        ([100, 200, 400], [9.0, 5.0, 4.0]),
        ([100, 200, 400], [8.0, 7.0, 2.0]),
        ([100, 200, 300, 400], [1.0, 6.0, 1.0, 0.0]),
    ]
    panels = {"a": {"4-VAE": seeds, "1-VAE": seeds[:1], "10-VAE (1 seed missing)": []}}
    figure = charts.training_curves(panels, "nats", since=0.5)
    (place,) = figure.axes
    assert lines_of(place) == {
        "4-VAE": [[200.0, 400.0], [6.0, 2.0]],  # at the steps that all seeds have
        "1-VAE": [[200.0, 400.0], [5.0, 4.0]],
        "10-VAE (1 seed missing)": [[], []],
    }
    (band,) = place.collections  # one seed has none
    edges = band.get_paths()[0].vertices
    assert {(200.0, 5.0), (200.0, 7.0), (400.0, 0.0), (400.0, 4.0)} <= set(map(tuple, edges))
    assert (place.get_xlabel(), place.get_ylabel()) == ("training step", "nats")
    assert 2 <= len(place.get_xticks()) <= 6
    assert [each.get_text() for each in figure.legends[0].get_texts()] == [*panels["a"]]
    assert lines_of(charts.training_curves(panels, "nats").axes[0])["4-VAE"][0] == [100.0, 200.0, 400.0]
    assert charts.training_curves({"a": {}}, "nats").legends == []


@pytest.mark.parametrize(
    ("panels", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (7, 3, 3)]
)
def test_panels_stand_in_rows_of_three_and_four_in_a_square(panels, rows, columns):
    figure = charts.training_curves({str(k): {"a": [([1], [1.0])]} for k in range(panels)}, "nats")
    assert [place.get_title() for place in figure.axes] == [str(k) for k in range(panels)]
    assert figure.axes[0].get_gridspec().get_geometry() == (rows, columns)
    assert figure.get_size_inches().tolist() == pytest.approx([3.7 * columns, 3.0 * rows + 0.4])


def walk_of(scale: float) -> Walk:
    """A cloud along the first latent, a little along the second; two factors."""
    cloud = scale * np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    paths = [
        ("scale", scale * np.array([[0.0, 1.0, 0.0], [2.0, -1.0, 0.0]]), 0),
        ("row", np.array([[1.0, 1.0, 5.0]]), 0),
    ]
    return Walk(plane_of(cloud), cloud, paths)


def test_walks_have_equal_axes_one_look_a_factor_and_say_what_is_missing():
    figure = charts.walks({"1-VAE": walk_of(1.0), "4-VAE": walk_of(0.5), "10-VAE": "missing: <no> $model$"})
    places = figure.axes
    assert [place.get_title() for place in places] == [
        "1-VAE (100% of the variance)",
        "4-VAE (100% of the variance)",
        "10-VAE",
    ]
    assert places[0].get_gridspec().get_geometry() == (2, 2)
    for place in places:
        assert [*place.get_xlim(), *place.get_ylim()] == pytest.approx([-3.18, 3.18] * 2)
        assert place.get_aspect() == 1
    _, scale, row, star = places[0].get_lines()
    assert np.abs(scale.get_xydata()) == pytest.approx(np.abs([[0.0, 1.0], [2.0, -1.0]]))
    assert star.get_xydata() == pytest.approx(scale.get_xydata()[:1])  # where the paths start
    assert len(places[0].collections[0].get_offsets()) == 4  # the other images
    looks = [[(line.get_color(), line.get_marker()) for line in place.get_lines()] for place in places]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 4
    assert (places[2].get_lines()[:], places[2].texts[0].get_text()) == ([], "missing: <no> $model$")
    assert [each.get_text() for each in figure.legends[0].get_texts()] == ["other images", "scale", "row", "start"]
    alone = charts.walks({"1-VAE": "missing"})
    assert alone.axes[0].get_xlim() == pytest.approx((-1.06, 1.06))
    assert (len(alone.axes), alone.legends) == (1, [])


def test_tiles_have_their_labels_in_the_middle_of_their_rows_and_frames_around_what_is_marked():
    rows = [np.zeros((2, 4, 4, 1)), np.ones((3, 4, 4, 1))]
    figure = charts.tiles(Tiles(rows, ["image, reconstruction", "z1, 2.00 nats\n−1.0 … 1.0"], [None, 2]))
    (place,) = figure.axes
    picture = place.images[0].get_array()
    assert picture.shape == (2 + 2 * 66, 2 + 3 * 66, 3)  # 4 pixels become 64, with 2 between
    assert [label.get_text() for label in place.get_yticklabels()] == [
        "image, reconstruction",
        "z1, 2.00 nats\n−1.0 … 1.0",
    ]
    assert place.get_yticks().tolist() == [2 + 32, 2 + 66 + 32]
    (frame,) = place.patches
    x, y = frame.get_xy()
    assert (
        picture[int(y) + 3 : int(y + frame.get_height()) - 2, int(x) + 3 : int(x + frame.get_width()) - 2] == 255
    ).all()
    assert (x, y) == (2 * 66 + 0.5, 66 + 0.5)
    assert charts.tiles(Tiles(rows)).axes[0].patches[:] == []
