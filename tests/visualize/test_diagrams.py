"""diagrams.py: scalars of TensorBoard events, the plane of most variance, paths through the image with median factors."""

import io

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.decomposition import PCA

from dlib_bvae import datasets
from dlib_bvae.visualize import diagrams
from dlib_bvae.visualize.diagrams import (
    Axes,
    bars,
    draw_curves,
    draw_paths,
    grid_of_curves,
    median_paths,
    plane_of,
    scalars,
)
from dlib_bvae.visualize.figures import COLOURS, figure_png
from dlib_bvae.visualize.latents import Latents


def write(folder, values, image=False):
    """One event file with {(name, step): value}."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for (name, step), value in values.items():
            tf.summary.scalar(name, value, step=step)
        if image:
            tf.summary.image("reconstructions", np.zeros((1, 4, 4, 1), np.float32), step=0)
    writer.close()
    return sorted(folder.glob("events*"))


def test_scalars_are_read_back_in_the_order_of_steps_and_images_are_left(tmp_path):
    values = {("loss", 20): 3.0, ("loss", 10): 5.0, ("kl", 10): 0.5, ("validation/loss", 10): 6.0}
    write(tmp_path, values, image=True)
    found = scalars(tmp_path)
    assert found == {"loss": {10: 5.0, 20: 3.0}, "kl": {10: 0.5}, "validation/loss": {10: 6.0}}
    assert list(found["loss"]) == [10, 20]


def test_a_continued_training_replaces_what_it_logged_again(tmp_path, monkeypatch):
    (first,) = write(tmp_path, {("loss", 10): 5.0, ("loss", 20): 4.0})
    first.rename(tmp_path / "events.out.tfevents.1000000000.a.1.0.v2")
    write(tmp_path, {("loss", 20): 3.0, ("loss", 30): 2.0})
    assert scalars(tmp_path) == {"loss": {10: 5.0, 20: 3.0, 30: 2.0}}


def test_a_file_that_ends_in_the_middle_of_a_record_is_read_so_far(tmp_path):
    (path,) = write(tmp_path, {("loss", step): float(step) for step in range(1, 6)})
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert scalars(tmp_path) == {"loss": {step: float(step) for step in range(1, 5)}}


def test_no_losses_give_no_picture(tmp_path):
    assert scalars(tmp_path) == {}
    assert draw_curves({}) is None
    assert draw_curves({"learning_rate": {1: 0.1}}) is None


@pytest.mark.parametrize("names", [["loss"], ["loss", "reconstruction", "kl"]])
def test_there_is_a_panel_for_each_loss_that_was_logged(names):
    curves = {name: {step: 100.0 / step for step in range(1, 50)} for name in names}
    curves["validation/loss"] = {step: 120.0 / step for step in range(10, 50, 10)}
    picture = np.asarray(Image.open(io.BytesIO(figure_png(draw_curves(curves)))).convert("RGB"))
    assert picture.shape[1] == pytest.approx(3.4 * 130 * len(names), abs=2)
    for k in range(len(names)):
        panel = picture[:, picture.shape[1] * k // len(names) : picture.shape[1] * (k + 1) // len(names)]
        assert (panel == (0, 114, 178)).all(axis=2).sum() > 50
        assert ((panel == (213, 94, 0)).all(axis=2).sum() > 20) == (names[k] == "loss")


def test_the_plane_is_that_of_scikit_learn_s_pca():
    codes = np.random.default_rng(0).normal(size=(300, 5)) * [0.1, 3.0, 1.0, 2.0, 0.5] + 7
    plane, known = plane_of(codes), PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(plane.axes), np.abs(known.components_), atol=1e-6)
    np.testing.assert_allclose(plane.shares, known.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(plane.project(codes)), np.abs(known.transform(codes)), atol=1e-6)
    for axis in plane.axes:
        assert axis[np.abs(axis).argmax()] > 0


def test_one_latent_and_constant_codes_have_a_plane_too():
    plane = plane_of(np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(plane.project(np.array([[3.0]])), [[1.0, 0.0]])
    np.testing.assert_allclose(plane.shares, [1.0, 0.0])
    assert plane_of(np.ones((4, 3))).shares.tolist() == [0.0, 0.0]


def test_paths_go_through_the_image_with_median_factors():
    data = datasets.load("dummy_data")
    paths = median_paths(data)
    assert [name for name, _, _ in paths] == list(data.factor_names)
    middle = [1, 2, 4, 4]
    for factor, (_, rows, start) in enumerate(paths):
        factors = data.factors_at(rows)
        assert factors[:, factor].tolist() == list(range(data.factor_sizes[factor]))
        assert (np.delete(factors, factor, axis=1) == np.delete(middle, factor)).all()
        assert factors[start].tolist() == middle


def test_each_factor_is_drawn_in_its_own_colour_and_the_start_is_marked():
    cloud = np.random.default_rng(0).normal(size=(50, 2))
    line = np.linspace(0, 3, 4)[:, None]
    paths = [("_across", line * [1, 0], 0), ("$up$", line * [0, 1], 0)]
    picture = np.asarray(Image.open(io.BytesIO(figure_png(draw_paths(plane_of(cloud), cloud, paths)))).convert("RGB"))
    height, width = picture.shape[:2]
    inside = picture[: int(0.9 * height), : int(0.75 * width)]
    for colour in ((0, 114, 178), (213, 94, 0), (204, 204, 204)):
        assert (inside == colour).all(axis=2).sum() > 50, colour
    beside = picture[:, int(0.84 * width) :]
    dark = (beside < 100).all(axis=2).any(axis=1)
    assert np.count_nonzero(np.diff(dark.astype(int)) == 1) >= 4, "a name is missing in the legend"


@pytest.fixture
def figures(monkeypatch):
    """The figures that would be written as PNG files."""
    seen = []
    monkeypatch.setattr(diagrams, "figure_png", lambda figure: seen.append(figure) or b"PNG")
    return seen


AXES = Axes("metric", "data", "beta", "method", "score")


def rows_of(*rows):
    return pd.DataFrame(rows, columns=["metric", "data", "beta", "method", "score"])


def test_a_curve_is_the_mean_on_a_band_from_the_least_to_the_largest(figures):
    frame = rows_of(
        ("mig", "a", 4, "vae", 0.5),
        ("mig", "a", 1, "vae", 0.2),
        ("mig", "a", 1, "vae", 0.6),
        ("mig", "a", 1, "tc", 0.9),
        ("mig", "b", 2, "vae", 0.1),
    )
    assert grid_of_curves(frame, AXES, {"a": "β of a", "b": "β of b"}) == b"PNG"
    first, second = figures[0].axes
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in first.lines] == [
        ([1, 4], [0.4, 0.5]),
        ([1], [0.9]),
    ]
    band = first.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band.round(6).tolist()} == {(1, 0.2), (4, 0.5), (1, 0.6)}
    assert [line.get_color() for line in first.lines] == list(COLOURS[:2])
    assert second.lines[0].get_ydata().tolist() == [0.1]
    assert (first.get_title(), first.get_xlabel(), first.get_ylabel()) == ("a", "β of a", "mig")
    assert second.get_ylabel() == ""
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["vae", "tc"]
    assert first.get_legend() is None


def test_panels_of_a_row_go_from_0_to_1_or_as_far_as_their_values(figures):
    frame = rows_of(("in", "a", 1, "vae", 0.5), ("out", "a", 1, "vae", -1.0), ("out", "a", 2, "vae", 3.0))
    grid_of_curves(frame, AXES, {"a": "β"})
    inside, outside = figures[0].axes
    assert inside.get_ylim() == pytest.approx((-0.04, 1.04))
    assert outside.get_ylim() == pytest.approx((-1.16, 3.16))
    assert inside.get_title() == "a"
    assert outside.get_title() == ""
    assert outside.get_xlabel() == "β"
    assert outside.get_legend() is None  # its curves are named above


def test_doubling_is_a_logarithmic_axis_with_its_values_as_ticks(figures):
    frame = rows_of(("mig", "a", 0.25, "vae", 0.5), ("mig", "a", 4, "vae", 0.4), ("mig", "a", 1, "vae", 0.3))
    grid_of_curves(frame, AXES, {"a": "β"}, doubling=True)
    (panel,) = figures[0].axes
    assert panel.get_xscale() == "log"
    assert [text.get_text() for text in panel.get_xticklabels()] == ["0.25", "1", "4"]
    grid_of_curves(frame, AXES, {"a": "β"})
    assert figures[1].axes[0].get_xscale() == "linear"


def test_more_curves_than_colours_begin_again(figures):
    frame = rows_of(*[("mig", "a", x, f"m{k}", k / 10) for k in range(9) for x in (1, 2)])
    grid_of_curves(frame, AXES, {"a": "β"})
    lines = figures[0].axes[0].lines[:9]
    assert [line.get_color() for line in lines] == [*COLOURS, *COLOURS[:2]]
    assert lines[7].get_marker() != lines[0].get_marker()
    assert len({line.get_linestyle() + line.get_marker() for line in lines[:7]}) == 7


def latents(kl, explained, information=None):
    kl, explained = np.array(kl, float), np.array(explained, float)
    return Latents(kl, explained, explained, information, ["$shape$", "row"], np.ones(2), 0, "", 10)


def lengths(axes):
    return [bar.get_width() for bar in axes.patches]


def test_bars_are_the_kl_in_its_order_or_what_is_explained_where_there_is_none():
    (axes,) = bars(
        latents([0.5, np.nan, 3.0, 0.01], [0.1, 0.5, 0.2, 0], np.array([[0, 0.2], [1, 0], [0, 0], [0.3, 0]]))
    ).axes
    assert lengths(axes) == [3.0, 0.5, 0.01]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["z2", "z0", "z3"]
    assert axes.get_xlabel() == "KL per latent (nats)"
    texts = ["3.00  no factor ≥ 0.1 nats", "0.50  row 0.20 nats", "0.01  inactive"]
    assert [text.get_text() for text in axes.texts] == texts
    assert len({bar.get_facecolor() for bar in axes.patches[:2]}) == 1
    assert axes.patches[2].get_facecolor()[:3] == pytest.approx((0.8, 0.8, 0.8))
    (axes,) = bars(latents([np.nan] * 3, [0.1, 0.5, 0.2])).axes
    assert lengths(axes) == pytest.approx([50, 20, 10])
    assert axes.get_xlabel() == "share of the images' variance explained alone (%)"


def test_many_bars_have_no_numbers_and_some_ticks():
    for number, texts, ticks in ((24, 24, 24), (25, 0, 13), (49, 0, 17)):
        (axes,) = bars(latents(np.arange(number), np.ones(number))).axes
        assert len(axes.texts) == texts
        assert len(axes.get_yticks()) == ticks


def test_losses_are_drawn_at_their_steps():
    loss, kl = draw_curves(
        {"loss": {10: 5.0, 20: 3.0}, "validation/loss": {20: 4.0}, "kl": {10: 0.5}, "other": {1: 1.0}}
    ).axes
    assert loss.get_ylabel() == "nats per image"
    points = [(list(line.get_xdata()), list(line.get_ydata())) for line in loss.lines]
    assert points == [([10, 20], [5, 3]), ([20], [4])]
    assert (loss.get_title(), kl.get_title()) == ("loss", "KL")
    assert kl.get_legend() is None


def test_tiles_have_the_colour_of_their_word():
    grid = pd.DataFrame([["a", "b"], ["b", "c"]], index=["row", "other"], columns=["x", "y"])
    pixels = np.asarray(Image.open(io.BytesIO(diagrams.tiles(grid, ("a", "b", "c")))).convert("RGB")).reshape(-1, 3)
    areas = [
        int((pixels == colour).all(axis=1).sum()) for colour in ([0, 0x9E, 0x73], [0xF0, 0xE4, 0x42], [0xD5, 0x5E, 0])
    ]
    assert min(areas) > 500
    assert areas[1] > 1.5 * areas[0]  # two of the four tiles
