"""pictures.py: where every pixel of tiles and panels lies and what is written at them; a GIF with every frame."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dlib_bvae.visualize.pictures import (
    as_pixels,
    gif,
    labelled,
    panels,
    png,
    save_reconstructions,
    text_width,
    there_and_back,
    tile,
    zoom_of,
)


def test_a_tile_s_pixels_are_enlarged_squares_between_grey_gaps():
    rng = np.random.default_rng(0)
    rows = [rng.integers(256, size=(count, 5, 4, 3), dtype=np.uint8) for count in (3, 1)]
    picture = tile(rows, zoom=3)
    assert picture.shape == (2 + 2 * 17, 2 + 3 * 14, 3)
    expected = np.full_like(picture, 255)
    expected[:19] = 128
    expected[17:, :16] = 128
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            for y, x in np.ndindex(5, 4):
                top, left = 2 + 17 * row + 3 * y, 2 + 14 * column + 3 * x
                expected[top : top + 3, left : left + 3] = image[y, x]
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(("height", "zoom"), [(1, 64), (8, 8), (16, 4), (28, 3), (64, 1), (200, 1)])
def test_small_images_are_enlarged_by_an_integer_factor(height, zoom):
    assert zoom_of(height) == zoom


def test_grey_images_get_three_equal_channels_and_values_outside_are_clipped():
    images = np.array([-0.5, 0.0, 0.5, 1.0, 7.0]).reshape(1, 1, 5, 1)
    np.testing.assert_array_equal(as_pixels(images)[0, 0], np.array([0, 0, 128, 255, 255])[:, None].repeat(3, axis=1))


def test_colours_stay_and_other_numbers_of_channels_stand_side_by_side():
    images = np.random.default_rng(0).integers(256, size=(2, 3, 5, 3)) / 255
    np.testing.assert_array_equal(as_pixels(images), np.rint(images * 255))
    four = np.concatenate([images, images[..., :1]], axis=3)
    pixels = as_pixels(four)
    assert pixels.shape == (2, 3, 20, 3)
    for channel in range(4):
        np.testing.assert_array_equal(pixels[:, :, 5 * channel : 5 * channel + 5, 1], np.rint(four[..., channel] * 255))


def test_labels_stand_beside_and_above_and_leave_the_tiles_whole():
    rows = [np.random.default_rng(k).uniform(size=(4, 16, 16, 1)) for k in range(2)]
    bare = labelled(rows)
    np.testing.assert_array_equal(bare, tile([as_pixels(row) for row in rows], 4))
    named = labelled(rows, ["z0\nlonger than the other", "z1"], ["−1", "", "", "1"])
    np.testing.assert_array_equal(named[-bare.shape[0] :, -bare.shape[1] :], bare)
    margin = named[:, : -bare.shape[1]]
    assert margin.shape[1] >= text_width("longer than the other") + 2
    assert (margin[:, [0, -1]] == 255).all(), "a label is clipped or runs into the tiles"
    for band in (margin[-bare.shape[0] : -66], margin[-66:]):
        assert (band < 128).any(), "a row has no label"
    above = named[: -bare.shape[0], -bare.shape[1] :]
    columns = [(above[:, 2 + 66 * k : 66 + 66 * k] < 128).any() for k in range(4)]
    assert columns == [True, False, False, True]


def test_a_frame_marks_a_tile_and_leaves_it_whole():
    rows = [np.random.default_rng(k).uniform(size=(4, 16, 16, 1)) for k in range(3)]
    bare, framed = labelled(rows), labelled(rows, marked=[2, None, 0])
    changed = (bare != framed).any(axis=2)
    assert (framed[changed] == (213, 94, 0)).all()
    for row, column in ((0, 2), (2, 0)):
        part = changed[66 * row : 66 * row + 68, 66 * column : 66 * column + 68]
        assert part[:2].all()
        assert part[:, -2:].all()
        assert not part[2:-2, 2:-2].any()
    assert changed.sum() == 2 * (68**2 - 64**2)


def test_texts_above_narrow_tiles_do_not_run_into_each_other():
    rows = [np.zeros((12, 64, 20, 1))]
    picture = labelled(rows, column_labels=["−1.234"] * 12)
    dark = np.concatenate([[False], (picture[:20] < 200).any(axis=(0, 2)), [False]])
    gaps = np.diff(np.flatnonzero(~dark)) - 1  # widths of what is dark between two white columns
    assert gaps.max() < text_width("−1.234")
    assert picture[:20, :160].min() < 128
    assert picture[:20, -160:].min() < 128


def test_a_png_holds_the_picture():
    picture = np.random.default_rng(0).integers(256, size=(7, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


@pytest.mark.parametrize(("num", "order"), [(2, [0, 1]), (3, [0, 1, 2, 1]), (5, [0, 1, 2, 3, 4, 3, 2, 1])])
def test_frames_go_there_and_back_without_showing_an_end_twice(num, order):
    assert there_and_back(num).tolist() == order


def moving(latents, frames, channels=1):
    """Images (latents, frames, 16, 16, channels): of latent k, frame t a bright column at t and a row at k."""
    images = np.zeros((latents, frames, 16, 16, channels))
    for latent, frame in np.ndindex(latents, frames):
        images[latent, frame, :, frame] = 1.0
        images[latent, frame, latent] = 0.5
    return images


def test_a_gif_has_every_frame_and_loops_for_ever():
    frames = panels(moving(3, 6), ["z0", "z1", "z2"])
    opened = Image.open(io.BytesIO(gif(frames, 80)))
    assert opened.n_frames == 6
    assert opened.info["loop"] == 0
    assert opened.info["duration"] == 80
    for shown, frame in zip(ImageSequence.Iterator(opened), frames, strict=True):
        assert np.abs(np.asarray(shown.convert("RGB")).astype(int) - frame).max() <= 8  # 256 colours of all frames


def test_few_colours_are_kept_exactly():
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    for place, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (213, 94, 0)]):
        frames[place, place] = colour
    opened = Image.open(io.BytesIO(gif(frames, 50)))
    shown = [np.asarray(each.convert("RGB")) for each in ImageSequence.Iterator(opened)]
    np.testing.assert_array_equal(shown, frames)


def test_each_latent_has_its_own_panel_at_most_five_beside_each_other():
    images = moving(7, 3)
    frames = panels(images, [f"z{k}" for k in range(7)])
    zoom = 8
    height, width = frames.shape[1:3]
    assert height == 2 * (22 + 16 * zoom + 12)
    assert width == 12 + 5 * (16 * zoom + 12)
    for latent, frame in np.ndindex(7, 3):
        top = latent // 5 * (22 + 16 * zoom + 12) + 22
        left = 12 + latent % 5 * (16 * zoom + 12)
        tile = frames[frame, top : top + 16 * zoom, left : left + 16 * zoom]
        expected = np.rint(images[latent, frame] * 255).repeat(zoom, axis=0).repeat(zoom, axis=1)
        np.testing.assert_array_equal(tile, np.broadcast_to(expected, tile.shape))
        caption = frames[frame, top - 22 : top - 1, left : left + 16 * zoom]
        assert (caption < 128).any(), "a panel has no caption"


def test_long_captions_widen_the_panels_instead_of_overlapping():
    frames = panels(moving(2, 2), ["z0  a factor with a long name", "z1  a factor with a long name"])
    band = (frames[0, :21] < 128).any(axis=(0, 2))
    assert not band[0]
    assert not band[-1]
    assert not band[frames.shape[2] // 2 - 3 : frames.shape[2] // 2 + 3].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_lie_below_what_was_observed_and_both_rows_are_named(channels, tmp_path):
    images = np.random.default_rng(0).uniform(-0.1, 1.1, (2, 3, 32, 40, channels))
    save_reconstructions(tmp_path / "x.png", *images)
    picture = np.asarray(Image.open(tmp_path / "x.png"))
    tiles = picture[2:, -3 * 82 :].reshape(2, 66, 3, 82, 3)[:, :64:2, :, :80:2].transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(tiles, np.broadcast_to(np.rint(np.clip(images, 0, 1) * 255), tiles.shape))
    labels = picture[:, : -3 * 82 - 2]
    assert all((labels[top : top + 66] < 128).any() for top in (0, 66))
