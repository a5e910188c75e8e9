"""sheet.py: where images and frames lie on a run's sheet, and a thumbnail that is as small as it has to be."""

import io

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.visualize.sheet import THUMBNAIL_BYTES, Row, Sheet, draw_sheet, thumbnail, tiles

MARK = (213, 94, 0)
RNG = np.random.default_rng(0)


def row(images, name="z3", active=True, marked=4):
    return Row(name, "KL 2.10 nats", "pos_x 1.20 nats", "−2 … 2", 1.0, active, images, marked)


def sheet(count=2, title="β-VAE β = 4", side=64, channels=3):
    noise = lambda: RNG.uniform(size=(10, side, side, channels))
    return Sheet(title, "6 steps", noise(), noise(), [row(noise(), marked=k) for k in range(count)], "dlib_bvae")


def test_tiles_are_enlarged_by_an_integer_or_reduced_to_fit():
    small = RNG.integers(256, size=(2, 16, 16, 1)) / 255
    expected = np.rint(small * 255).repeat(8, axis=1).repeat(8, axis=2).repeat(3, axis=3)
    np.testing.assert_array_equal(tiles(small), expected)
    odd = tiles(np.ones((1, 28, 28, 3)))[0]
    assert (odd[8:120, 8:120] == 255).all()
    assert (odd[:8] == 128).all()
    assert (odd[:, 120:] == 128).all()
    wide = tiles(np.ones((1, 300, 300, 2)))[0]  # two channels side by side: 600 × 300
    assert (wide[32:96] == 255).all()
    assert (wide[:32] == 128).all()


def test_a_sheet_has_originals_reconstructions_and_a_row_a_latent():
    drawn = sheet(3)
    picture = draw_sheet(drawn)
    assert picture.shape == (96 + 260 + 58 + 3 * 130 + 40, 1602, 3)
    for top, images in ((96, drawn.originals), (226, drawn.reconstructions), (414, drawn.rows[0].images)):
        for column in range(1, 10):
            left = 300 + column * 130
            inside = picture[top + 8 : top + 120, left + 8 : left + 120]
            np.testing.assert_array_equal(inside, tiles(images)[column][8:120, 8:120])
    framed = [(96, 0), (414, 0), (544, 1), (674, 2)]
    for top, column in framed:
        left = 300 + column * 130
        assert (picture[top - 1, left : left + 128] == MARK).all()
        assert (picture[top : top + 128, left + 1] == MARK).all()
    assert (picture == MARK).all(axis=2).sum() == pytest.approx(4 * 4 * 5 * 125, rel=0.03)


def test_every_row_says_what_it_carries_and_an_inactive_one_is_grey():
    images = np.zeros((10, 16, 16, 1))
    drawn = sheet(0)._replace(rows=[row(images), row(images, active=False)])
    left = draw_sheet(drawn)[414:, :296]
    assert left[:130].min() < 60
    assert (left[:130] == (0, 114, 178)).all(axis=2).any()
    assert left[130:260].min() >= 140
    assert np.ptp(left[130:260], axis=2).max() == 0  # no colour


def test_long_names_are_cut_and_never_reach_the_images():
    images = np.zeros((10, 16, 16, 1))
    long = row(images)._replace(carried="a_factor_with_a_name_that_goes_on_and_on 1.20 nats", ends="9" * 90)
    picture = draw_sheet(sheet(0, title="β-VAE " * 60)._replace(rows=[long]))
    assert (picture[414:, 288:299] == 255).all()
    assert (picture[:90, 1590:] == 255).all()


@pytest.mark.parametrize(("side", "channels"), [(64, 3), (16, 1), (200, 3)])
def test_a_thumbnail_of_noise_is_small_too(side, channels):
    content = thumbnail(sheet(9, side=side, channels=channels))
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    assert image.size == (320, 7 * 32 + 4)
    assert len(content) <= THUMBNAIL_BYTES


def test_a_thumbnail_shows_the_first_rows():
    black, white = np.zeros((10, 64, 64, 1)), np.ones((10, 64, 64, 1))
    drawn = Sheet("", "", white, black, [row(white), row(black), row(white)], "")
    picture = np.asarray(Image.open(io.BytesIO(thumbnail(drawn))).convert("L"))
    middles = [int(picture[16 + 32 * k + (4 if k >= 2 else 0), 16]) for k in range(5)]
    assert middles == [255, 0, 255, 0, 255]
