"""dsprites.py: outlines, the laws of scale, orientation and position, scan conversion."""

import numpy as np
import pytest

from dlib_bvae.datasets.rendered import dsprites

FIGURES = [(0, 5, 0), (0, 3, 7), (1, 0, 39), (1, 5, 11), (2, 5, 0), (2, 2, 25)]


def pixels(rows):
    """uint64 (64,) → bool (64, 64), y down and x to the right."""
    return np.array([[int(row) >> (63 - x) & 1 for x in range(64)] for row in rows], bool)


def rendered_slowly(figure, x, y):
    """The figure pixel by pixel: the even-odd rule at each pixel's centre."""
    corners = np.round(256 * (dsprites.place(*figure) + (16 + 32 * x / 31, 16 + 32 * y / 31))) / 256
    image = np.zeros((64, 64), bool)
    for row in range(64):
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if (y0 < row + 0.5) != (y1 < row + 0.5):
                crossing = x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0)
                image[row] ^= np.arange(64) + 0.5 >= crossing
    return image


def test_the_axes_have_the_official_values():
    assert dsprites.SHAPES == ("square", "ellipse", "heart")
    assert dsprites.SCALES.tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert len(dsprites.ORIENTATIONS) == 40
    assert (dsprites.ORIENTATIONS[0], dsprites.ORIENTATIONS[-1]) == (0, 2 * np.pi)
    assert len(dsprites.POSITIONS) == 32
    assert (dsprites.POSITIONS[0], dsprites.POSITIONS[-1]) == (16, 48)


@pytest.mark.parametrize("figure", FIGURES)
def test_rendering_agrees_with_a_pixel_by_pixel_one(figure):
    rows = dsprites.render_rows(*figure)
    assert rows.shape == (32, 32, 64)
    assert rows.dtype == np.uint64
    for x, y in [(0, 0), (31, 31), (0, 31), (13, 6), (20, 29)]:
        assert np.array_equal(pixels(rows[x, y]), rendered_slowly(figure, x, y)), (x, y)


@pytest.mark.parametrize("orientation", [0, 39])
def test_a_real_square_whose_upper_edge_lies_on_pixel_centres_leaves_that_row_out(orientation):
    real = np.zeros((64, 64), bool)  # an image of the official data set that its animation does not show
    real[19:30, 28:39] = True
    assert dsprites.snap(dsprites.POSITIONS[8] + dsprites.place(0, 1, orientation)[:, 1]).min() == 18.5
    assert np.array_equal(pixels(dsprites.render_rows(0, 1, orientation)[17, 8]), real)


REAL_ELLIPSE = [
    ".##.......",
    "######....",
    "#######...",
    "########..",
    "#########.",
    "#########.",
    ".#########",
    "..########",
    "...#######",
    ".....#####",
]


def test_a_real_ellipse_whose_right_edge_lies_on_a_pixel_s_centre_leaves_that_pixel_out():
    drawn = pixels(dsprites.render_rows(1, 0, 15)[26, 11])
    assert drawn.sum() == drawn[22:32, 38:48].sum()
    assert np.array_equal(drawn[22:32, 38:48], [[sign == "#" for sign in line] for line in REAL_ELLIPSE])


def test_the_largest_unrotated_square_has_400_pixels():
    image = pixels(dsprites.render_rows(0, 5, 0)[0, 0])
    assert image.sum() == 400
    assert image[6:26, 6:26].all()


@pytest.mark.parametrize("figure", FIGURES)
def test_positions_of_equal_phase_differ_by_a_shift_alone(figure):
    rows = dsprites.render_rows(*figure)
    # Positions 0 and 31 are 32 pixels apart; all others differ in their fraction of a pixel.
    assert np.array_equal(rows[31], rows[0] >> np.uint64(32))
    assert np.array_equal(rows[0], rows[31] << np.uint64(32))
    assert np.array_equal(rows[:, 31, 32:], rows[:, 0, :32])
    assert not rows[:, 31, :32].any()


def test_ellipse_and_heart_have_the_square_s_measure():
    ellipse, heart = dsprites.outline(1), dsprites.outline(2)
    assert np.ptp(ellipse[:, 0]) / 2 * np.ptp(ellipse[:, 1]) / 2 == pytest.approx(9.6**2)
    assert np.ptp(heart[:, 0]) == pytest.approx(19.2, abs=0.02)
    assert np.ptp(heart[:, 1]) == pytest.approx(19.2, abs=0.1)


@pytest.mark.parametrize("shape", range(3))
def test_scale_multiplies_the_outline(shape):
    for scale in range(6):
        assert dsprites.place(shape, scale, 0) == pytest.approx(dsprites.SCALES[scale] * dsprites.outline(shape))


@pytest.mark.parametrize("shape", range(3))
def test_turning_keeps_every_corner_s_distance(shape):
    distances = np.linalg.norm(dsprites.outline(shape), axis=1)
    for orientation in range(40):
        assert np.linalg.norm(dsprites.place(shape, 5, orientation), axis=1) == pytest.approx(distances)


def test_orientation_turns_by_a_39th_of_a_full_turn():
    (x0, y0), (x1, y1) = dsprites.place(1, 5, 0)[0], dsprites.place(1, 5, 1)[0]
    turned = (np.arctan2(y1, x1) - np.arctan2(y0, x0) + np.pi) % (2 * np.pi) - np.pi
    assert abs(turned) == pytest.approx(2 * np.pi / 39)


def test_the_heart_is_its_own_mirror_image():
    heart = {tuple(corner) for corner in dsprites.outline(2).round(9) + 0.0}
    assert heart == {tuple(corner) for corner in (dsprites.outline(2) * (-1, 1)).round(9) + 0.0}


def test_every_figure_stays_inside_the_image():
    for figure in np.ndindex(3, 6, 40):
        assert abs(dsprites.place(*figure)).max() < 16, figure
