"""pictures.py: the content of a file chooses its reader, from a few; nothing large is decoded."""

import numpy as np
import pytest
from PIL import Image
from support.crafted import EPS, empty_png

from dlib_bvae.datasets.formats.pictures import opened_picture
from dlib_bvae.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.mark.parametrize("kind", ["bmp", "gif", "jpeg", "png", "ppm", "tiff", "webp"])
def test_formats_are_told_by_their_content(kind, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "x.png", kind)
    with opened_picture(tmp_path / "x.png") as picture:
        assert np.asarray(picture.convert("RGB")).shape == PIXELS.shape


def test_no_other_reader_is_reached(tmp_path):
    (tmp_path / "x.png").write_bytes(EPS)
    assert Image.open(tmp_path / "x.png").format == "EPS"
    with pytest.raises(UserError, match="x.png cannot be read as a picture: cannot identify image file"):
        opened_picture(tmp_path / "x.png").__enter__()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((9_000, 8_000), "x.png has 9000×8000 pixels; expected at most 67,108,864; make it smaller or take it out"),
        ((10_000, 10_000), "x.png has 10000×10000 pixels"),
        ((30_000, 30_000), "x.png cannot be read as a picture: Image size"),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_decoded(size, told, tmp_path):
    (tmp_path / "x.png").write_bytes(empty_png(*size))
    with pytest.raises(UserError, match=told) as refused:
        opened_picture(tmp_path / "x.png").__enter__()
    assert "\n" not in str(refused.value)


def test_damage_in_the_pixels_is_a_sentence_too(tmp_path):
    (tmp_path / "x.png").write_bytes(empty_png(6, 8))
    with (
        pytest.raises(UserError, match="the picture cannot be read as a picture"),
        opened_picture(tmp_path / "x.png", "the picture") as picture,
    ):
        picture.convert("RGB")
