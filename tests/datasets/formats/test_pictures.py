"""pictures.py: the content of a file chooses its reader, from a few; nothing large is decoded; all are read as 8-bit RGB."""

import io

import numpy as np
import pytest
from PIL import Image
from support.crafted import EPS, deep_png, empty_png, gray_tiff

from dlib_bvae.datasets.formats.pictures import opened_picture, rgb_picture
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
    with pytest.raises(UserError, match="x.png cannot be read as a picture: it is none of BMP, GIF"):
        opened_picture(tmp_path / "x.png").__enter__()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("size", "printed"),
    [
        ((9_000, 8_000), "x.png has 9000×8000 pixels; expected at most 67,108,864; make it smaller or take it out"),
        ((10_000, 10_000), "x.png has 10000×10000 pixels"),
        ((30_000, 30_000), "x.png cannot be read as a picture: Image size"),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_decoded(size, printed, tmp_path):
    (tmp_path / "x.png").write_bytes(empty_png(*size))
    with pytest.raises(UserError, match=printed) as refused:
        opened_picture(tmp_path / "x.png").__enter__()
    assert "\n" not in str(refused.value)


def test_damage_in_the_pixels_is_a_sentence_too(tmp_path):
    (tmp_path / "x.png").write_bytes(empty_png(6, 8))
    with (
        pytest.raises(UserError, match="the picture cannot be read as a picture"),
        opened_picture(tmp_path / "x.png", "the picture") as picture,
    ):
        picture.convert("RGB")


DEEP = np.array([[0, 128, 129, 257], [32896, 46000, 65406, 65535]], np.uint16)
GRAY = np.rint(DEEP / 257)
FLOATS = np.array([[0, 0.25, 0.501], [0.002, 0.9999, 1]], np.float32)
SMALL = PIXELS[:2, :3]
HALF = np.array([[0, 64, 128], [192, 254, 255]], np.uint8)
BACKGROUND = (10, 200, 90)


def saved(pixels, kind, **options):
    """The bytes of a picture in a format of Pillow."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(content, tmp_path, *background):
    """uint8 (height, width, 3) of a file with that content."""
    (tmp_path / "x.png").write_bytes(content)
    with opened_picture(tmp_path / "x.png") as opened:
        picture = rgb_picture(opened, *background)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def gray(values):
    return np.repeat(np.asarray(values)[..., None], 3, axis=2)


def blended(colour, alpha):
    """What is seen of (height, width, 3) with alpha 0 … 255 over BACKGROUND."""
    share = np.asarray(alpha)[..., None] / 255
    return share * colour + (1 - share) * np.array(BACKGROUND)


@pytest.mark.parametrize(
    ("content", "expected"),
    {
        "PNG, 16 bits": (deep_png(DEEP[..., None]), GRAY),
        "TIFF, 16 bits": (saved(DEEP, "TIFF"), GRAY),
        "TIFF, 16 bits, big-endian": (
            saved(Image.frombytes("I;16B", (4, 2), DEEP.astype(">u2").tobytes()), "TIFF"),
            GRAY,
        ),
        "TIFF, 16 bits, white is zero": (gray_tiff((2, 4), DEEP.astype("<u2").tobytes(), photometric=0), 255 - GRAY),
        "TIFF, 12 bits": (gray_tiff((1, 2), bytes([0xFF, 0xF8, 0x00]), bits=12), [[255, 128]]),
        "PGM, 16 bits": (b"P5 4 2 65535 " + DEEP.astype(">u2").tobytes(), GRAY),
        "PGM, 12 bits": (b"P5 2 1 4095 " + np.array([4095, 2048], ">u2").tobytes(), [[255, 128]]),
        "TIFF, floating point": (saved(FLOATS, "TIFF"), np.rint(FLOATS * 255)),
        "one bit": (saved(DEEP > 300, "PNG"), 255 * (DEEP > 300)),
        "TIFF, one bit, white is zero": (
            gray_tiff((1, 8), b"\xa0", bits=1, photometric=0),
            [[0, 255, 0, 255, 255, 255, 255, 255]],
        ),
    }.values(),
)
def test_gray_of_any_depth_keeps_its_brightness(content, expected, tmp_path):
    assert np.array_equal(read(content, tmp_path), gray(expected))


@pytest.mark.parametrize(
    ("content", "said"),
    {
        "above 1": (saved(FLOATS * 255, "TIFF"), "its floating-point values are from 0 to 255, expected 0 to 1"),
        "below 0": (saved(FLOATS - 0.5, "TIFF"), "its floating-point values are from -0.5 to 0.5, expected 0 to 1"),
        "NaN": (saved(FLOATS * np.float32(np.nan), "TIFF"), "its floating-point values are from nan to nan"),
        "32 bits": (saved(DEEP.astype(np.int32), "TIFF"), "it has signed or 32-bit integers, expected 8 or 16 bits or"),
        "signed": (gray_tiff((2, 4), DEEP.tobytes(), sample_format=2), "it has signed or 32-bit integers"),
        "signed 8": (gray_tiff((1, 2), b"\x80\x7f", bits=8, sample_format=2), "it has signed or 32-bit integers"),
    }.values(),
)
def test_values_whose_white_is_unknown_are_refused_in_a_sentence(content, said, tmp_path):
    with pytest.raises(UserError, match=f"x.png cannot be read as a picture: {said}") as refused:
        read(content, tmp_path)
    assert "\n" not in str(refused.value)


PALETTE = Image.fromarray(HALF // 64, "P")
PALETTE.putpalette(SMALL.reshape(-1).tolist())
OF_PALETTE = SMALL.reshape(-1, 3)[HALF // 64]
EDGE = np.where(HALF // 64 == 2, 0, 255)


@pytest.mark.parametrize(
    ("content", "colour", "alpha"),
    {
        "RGBA": (saved(np.dstack([SMALL, HALF]), "PNG"), SMALL, HALF),
        "RGBA, WebP": (saved(np.dstack([SMALL, HALF]), "WEBP", lossless=True, exact=True), SMALL, HALF),
        "LA": (saved(np.dstack([SMALL[..., 0], HALF]), "PNG"), gray(SMALL[..., 0]), HALF),
        "RGBA, 16 bits": (deep_png(np.dstack([SMALL, HALF]).astype(np.uint16) * 257), SMALL, HALF),
        "LA, 16 bits": (deep_png(np.dstack([SMALL[..., 0], HALF]).astype(np.uint16) * 257), gray(SMALL[..., 0]), HALF),
        "palette": (saved(PALETTE, "PNG"), OF_PALETTE, 255 + 0 * HALF),
        "palette with a transparent colour": (saved(PALETTE, "PNG", transparency=2), OF_PALETTE, EDGE),
        "palette with an alpha": (
            saved(PALETTE, "PNG", transparency=bytes([255, 9, 7, 3])),
            OF_PALETTE,
            np.array([255, 9, 7, 3])[HALF // 64],
        ),
        "GIF with a transparent colour": (saved(PALETTE, "GIF", transparency=2), OF_PALETTE, EDGE),
        "gray with a transparent value": (
            saved(HALF, "PNG", transparency=128),
            gray(HALF),
            np.where(HALF == 128, 0, 255),
        ),
        "RGB with a transparent colour": (
            saved(SMALL, "PNG", transparency=tuple(SMALL[1, 2].tolist())),
            SMALL,
            [[255] * 3, [255, 255, 0]],
        ),
        "16 bits with a transparent value": (
            deep_png(DEEP[..., None], [46000]),
            gray(GRAY),
            np.where(DEEP == 46000, 0, 255),
        ),
        "16-bit RGB with a transparent colour": (
            deep_png(SMALL.astype(np.uint16) * 257, SMALL[0, 1].astype(int) * 257),
            SMALL,
            [[255, 0, 255], [255] * 3],
        ),
    }.values(),
)
def test_what_is_transparent_shows_the_background(content, colour, alpha, tmp_path):
    assert abs(read(content, tmp_path, BACKGROUND) - blended(colour, alpha)).max() <= 1


def test_the_background_is_white_where_none_is_given(tmp_path):
    assert read(saved(np.zeros((1, 1, 4), np.uint8), "PNG"), tmp_path).tolist() == [[[255, 255, 255]]]


def test_colour_of_16_bits_is_right_within_a_level(tmp_path):
    values = np.random.default_rng(1).integers(0, 65536, (5, 4, 3)).astype(np.uint16)
    assert abs(read(deep_png(values), tmp_path) - values / 257).max() < 1


INKS = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255]]], np.uint8)
OF_INKS = [[[255, 255, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]]]
FLAT = np.full((16, 16, 3), (200, 60, 120), np.uint8)


def test_cmyk_and_ycbcr_come_as_the_colours_that_they_stand_for(tmp_path):
    inks = Image.fromarray(INKS, "CMYK")
    assert read(saved(inks, "TIFF"), tmp_path).tolist() == OF_INKS
    flat = Image.fromarray(np.full((16, 16, 4), (0, 255, 0, 0), np.uint8), "CMYK")
    assert abs(read(saved(flat, "JPEG"), tmp_path).astype(int) - (255, 0, 255)).max() <= 3
    for options in ({"subsampling": 2}, {"progressive": True}, {"subsampling": 0, "optimize": True}):
        assert abs(read(saved(FLAT, "JPEG", **options), tmp_path).astype(int) - FLAT).max() <= 3
    assert (
        abs(
            read(saved(Image.fromarray(FLAT).convert("YCbCr"), "TIFF", compression="jpeg"), tmp_path).astype(int) - FLAT
        ).max()
        <= 3
    )


@pytest.mark.parametrize("kind", ["GIF", "MPO", "PNG", "TIFF", "WEBP"])
def test_of_several_frames_the_first_is_taken(kind, tmp_path):
    frames = [Image.fromarray(np.full((3, 4, 3), level, np.uint8)) for level in (255, 0)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(content)).n_frames == 2
    assert (read(content, tmp_path) >= 254).all()


TURNED = [  # by the EXIF orientation 1 … 8
    lambda a: a,
    lambda a: a[:, ::-1],
    lambda a: a[::-1, ::-1],
    lambda a: a[::-1],
    lambda a: a.transpose(1, 0, 2),
    lambda a: np.rot90(a, -1),
    lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    lambda a: np.rot90(a),
]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_pictures_are_upright_by_their_exif_orientation(kind, tmp_path):
    options = {"lossless": True} if kind == "WEBP" else {}
    blocks = np.kron(PIXELS[:2, :3], np.ones((16, 16, 1), np.uint8))  # which JPEG keeps
    for orientation, turn in enumerate(TURNED, start=1):
        exif = Image.Exif()
        exif[274] = orientation
        shown = read(saved(blocks, kind, exif=exif, **options), tmp_path)
        assert shown.shape == turn(blocks).shape
        assert abs(shown.astype(int) - turn(blocks))[8::16, 8::16].max() <= (12 if kind == "JPEG" else 0), orientation


def test_deep_gray_is_upright_too(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    for kind, options in (("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})):
        assert np.array_equal(read(saved(DEEP, kind, exif=exif, **options), tmp_path), np.rot90(gray(GRAY), -1))
