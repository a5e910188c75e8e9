"""animation.py: panels of moving latents, and a GIF that holds every frame and loops."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dlib_bvae.visualize.animation import gif, panels, there_and_back


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
