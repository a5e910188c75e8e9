"""Pictures and charts over arrays."""

import io

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.re_beta_vae import charts


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_walks_show_what_there_is():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    full = opened(charts.walks({"1-VAE": [("scale", points)], "4-VAE": [("scale", points)]}))
    part = opened(charts.walks({"1-VAE": [("scale", points)], "4-VAE": "missing: <no> $model$"}))
    assert full.shape == part.shape
    half = full.shape[1] // 2
    assert (full[:, half:] != part[:, half:]).any()


def test_charts_are_the_same_twice_and_name_their_curves():
    panels = {"a & <b>": {"4-VAE": ([16, 64], [50.0, 60.0])}}
    first = charts.scores_by_pairs(panels)
    assert first == charts.scores_by_pairs(panels)
    assert first.lstrip().startswith(b"<?xml")
    assert charts.scores_by_pairs({"a & <b>": {"4-VAE": ([16, 64], [50.0, 61.0])}}) != first
    by_beta = {"a": ([0.1, 1.0, 4.0], [[1.0], [], [2.0, 3.0]], {"PCA": [50.0], "ICA": []})}
    assert b"<svg" in charts.scores_by_beta(by_beta)
    assert b"<svg" in charts.training_curves(
        {"a": {"4-VAE": ([100, 200], [5.0, 4.0]), "1-VAE (missing)": ([], [])}}, "nats"
    )


@pytest.fixture
def drawn(monkeypatch):
    """The figures of the charts, as matplotlib has them."""
    figures = []
    monkeypatch.setattr(charts, "_svg", lambda figure: figures.append(figure) or b"svg")
    monkeypatch.setattr(charts, "figure_png", lambda figure: figures.append(figure) or b"png")
    return figures


def lines_of(place):
    return {line.get_label(): [list(map(float, each)) for each in line.get_data()] for line in place.get_lines()}


def test_scores_by_beta_join_the_medians_and_show_every_seed(drawn):
    lines = {"PCA": [50.0, 60.0, 80.0], "ICA": []}
    charts.scores_by_beta(
        {"a": ([0.1, 1.0, 4.0], [[1.0, 5.0], [], [2.0, 3.0, 10.0]], lines), "b": ([0.1], [[7.0]], {})}
    )
    first, second = drawn[0].axes
    shown = lines_of(first)
    assert shown["β-VAE"] == [[0.1, 4.0], [3.0, 3.0]]
    assert shown["PCA"][1] == [60.0, 60.0]
    assert "ICA" not in shown
    seeds = [data for label, data in shown.items() if label.startswith("_")]
    assert seeds == [[[0.1, 0.1], [1.0, 5.0]], [[4.0, 4.0, 4.0], [2.0, 3.0, 10.0]]]
    assert (first.get_title(), first.get_xlabel(), first.get_ylabel(), first.get_xscale()) == (
        "a",
        "β",
        "score, %",
        "log",
    )
    assert [label.get_text() for label in first.get_xticklabels()] == ["0.1", "1", "4"]
    assert [each.get_text() for each in first.get_legend().get_texts()] == ["β-VAE", "PCA"]
    assert first.get_ylim()[0] < 0 < 100 < first.get_ylim()[1]
    styles = [
        (line.get_color(), line.get_linestyle()) for line in first.get_lines() if line.get_label() in ("β-VAE", "PCA")
    ]
    assert len(set(styles)) == 2
    assert lines_of(second)["β-VAE"] == [[0.1], [7.0]]


def test_scores_by_pairs_are_curves_that_look_different(drawn):
    models = ["0.1-VAE", "1-VAE", "4-VAE", "10-VAE", "PCA", "ICA"]
    curves = {name: ([16, 64], [float(k), k + 1.0]) for k, name in enumerate(models)}
    charts.scores_by_pairs({"a": curves, "b": {"PCA": ([128], [3.0])}})
    first, second = drawn[0].axes
    assert lines_of(first) == {name: [[16.0, 64.0], [float(k), k + 1.0]] for k, name in enumerate(models)}
    assert [label.get_text() for label in first.get_xticklabels()] == ["16", "64"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["128"]
    looks = {(line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in first.get_lines()}
    assert len(looks) == len({look[0] for look in looks}) == len({look[2] for look in looks}) == 6
    (legend,) = drawn[0].legends
    assert [each.get_text() for each in legend.get_texts()] == models


def test_training_curves_have_steps_values_and_their_unit(drawn):
    charts.training_curves({"a": {"4-VAE": ([100, 200], [5.0, 4.0]), "1-VAE (missing)": ([], [])}}, "nats")
    (place,) = drawn[0].axes
    assert lines_of(place) == {"4-VAE": [[100.0, 200.0], [5.0, 4.0]], "1-VAE (missing)": [[], []]}
    assert (place.get_xlabel(), place.get_ylabel()) == ("step", "nats")
    assert 2 <= len(place.get_xticks()) <= 6
    assert [each.get_text() for each in drawn[0].legends[0].get_texts()] == ["4-VAE", "1-VAE (missing)"]
    charts.training_curves({"a": {}}, "nats")
    assert drawn[1].legends == []


@pytest.mark.parametrize(
    ("panels", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (7, 3, 3)]
)
def test_panels_stand_in_rows_of_three_and_four_in_a_square(drawn, panels, rows, columns):
    charts.training_curves({str(k): {"a": ([1], [1.0])} for k in range(panels)}, "nats")
    (figure,) = drawn
    assert [place.get_title() for place in figure.axes] == [str(k) for k in range(panels)]
    assert figure.axes[0].get_gridspec().get_geometry() == (rows, columns)
    assert figure.get_size_inches().tolist() == pytest.approx([3.7 * columns, 3.0 * rows + 0.4])


def test_walks_have_equal_axes_one_colour_a_factor_and_say_what_is_missing(drawn):
    one = [("scale", np.array([[0.0, 1.0], [2.0, -3.0]])), ("row", np.array([[1.0, 1.0]]))]
    other = [("scale", np.array([[0.5, 0.5]])), ("row", np.array([[0.25, 0.0]]))]
    charts.walks({"1-VAE": one, "4-VAE": other, "10-VAE": "missing: not run"})
    places = drawn[0].axes
    assert [place.get_title() for place in places] == ["1-VAE", "4-VAE", "10-VAE"]
    assert places[0].get_gridspec().get_geometry() == (2, 2)
    for place in places:
        assert [*place.get_xlim(), *place.get_ylim()] == pytest.approx([-3.18, 3.18] * 2)
        assert place.get_aspect() == 1
    assert lines_of(places[0]) == {"scale": [[0.0, 2.0], [1.0, -3.0]], "row": [[1.0], [1.0]]}
    colours = [[line.get_color() for line in place.get_lines()] for place in places]
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 2
    assert (places[2].get_lines()[:], places[2].texts[0].get_text()) == ([], "missing: not run")
    assert [each.get_text() for each in drawn[0].legends[0].get_texts()] == ["scale", "row"]
    charts.walks({"1-VAE": "missing"})
    assert drawn[1].axes[0].get_xlim() == pytest.approx((-1.06, 1.06))
    assert (len(drawn[1].axes), drawn[1].legends) == (1, [])
