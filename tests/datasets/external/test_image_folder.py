"""image_folder: sorted, decoded once, noticed when it changes; every kind of picture as it looks."""

import numpy as np
import pytest
from PIL import Image
from support.crafted import EPS, deep_png, empty_png

from dlib_bvae.datasets.cache import listing_of
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.external.image_folder import ImageFolder
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 8, 3), np.uint8)
NAMES = ("a/2.png", "a/10.png", "b.png", "c.PNG")  # in the order of their paths: a/10 before a/2


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "a").mkdir(parents=True)
    for name, pixels in zip(NAMES, PIXELS, strict=True):
        Image.fromarray(pixels).save(pictures / name, "PNG")
    (pictures / "notes.txt").write_text("not a picture")
    return pictures


def test_pictures_come_sorted_by_path(folder):
    data = ImageFolder(str(folder))
    assert not isinstance(data, GroundTruthData)
    assert data.observation_shape == (6, 8, 3)
    assert np.array_equal(data.images_at(np.arange(4)), PIXELS[[1, 0, 2, 3]])
    assert data.name == "image_folder(pictures)"
    assert data.images_at([]).shape == (0, 6, 8, 3)


def test_sizes_channels_and_filter_are_pillows(folder):
    data = ImageFolder(str(folder), 3, 5, channels=1, filter="lanczos")
    expected = Image.fromarray(PIXELS[2]).convert("L").resize((5, 3), Image.Resampling.LANCZOS)
    assert np.array_equal(data.images_at([2])[0, ..., 0], np.asarray(expected))


def test_it_is_decoded_once_and_anew_after_a_change(folder, monkeypatch):
    first = ImageFolder(str(folder))
    first.images_at([0])
    assert first.cache_path.exists()
    with monkeypatch.context() as patch:
        patch.setattr(ImageFolder, "_blocks", lambda self: pytest.fail("decoded again"))
        assert np.array_equal(ImageFolder(str(folder)).images_at([2])[0], PIXELS[2])
    Image.fromarray(255 - PIXELS[2]).save(folder / "b.png")
    changed = ImageFolder(str(folder))
    assert np.array_equal(changed.images_at([2])[0], 255 - PIXELS[2])
    assert changed.fingerprint != first.fingerprint


def test_the_fingerprint_is_of_content_and_parameters(folder, tmp_path):
    before = ImageFolder(str(folder)).fingerprint
    renamed = folder.rename(tmp_path / "elsewhere")
    assert ImageFolder(str(renamed)).fingerprint == before
    parameters = [
        {"channels": 1},
        {"height": 3, "width": 5},
        {"height": 3, "width": 5, "filter": "box"},
        {"background": 9},
    ]
    assert len({before, *(ImageFolder(str(renamed), **each).fingerprint for each in parameters)}) == 5
    (renamed / "b.png").rename(renamed / "d.png")
    assert ImageFolder(str(renamed)).fingerprint != before


def test_a_damaged_cache_is_noticed(folder):
    data = ImageFolder(str(folder))
    data.images_at([0])
    raw = bytearray(data.cache_path.read_bytes())
    raw[-1] ^= 255
    data.cache_path.write_bytes(raw)
    with pytest.raises(UserError, match="damaged"):
        ImageFolder(str(folder)).images_at([0])


def test_bad_folders_and_parameters_are_one_sentence(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for parameters, message in (
        ({"path": str(tmp_path / "missing")}, "no folder"),
        ({"path": str(tmp_path / "empty")}, "has no picture"),
        ({"path": str(folder), "channels": 2}, "1 or 3; got 2"),
        ({"path": str(folder), "height": 3}, "both height and width"),
        ({"path": str(folder), "height": 0, "width": 3}, "height must be an integer >= 1"),
        ({"path": str(folder), "filter": "linear"}, "did you mean bilinear"),
        (
            {"path": str(folder), "background": "white"},
            "each number of image_folder.background must be an integer >= 0",
        ),
        ({"path": str(folder), "background": 256}, "each number of image_folder.background must be an integer <= 255"),
        ({"path": str(folder), "background": [0, 0]}, r"one gray or \(red, green, blue\); got \[0, 0\]"),
    ):
        with pytest.raises(UserError, match=message):
            ImageFolder(**parameters)
    Image.fromarray(PIXELS[0][:5]).save(folder / "d.png")
    with pytest.raises(UserError, match="d.png has 5×8 pixels, the first picture 6×8"):
        ImageFolder(str(folder)).images_at([0])
    (folder / "d.png").write_bytes((folder / "b.png").read_bytes()[:60])
    with pytest.raises(UserError, match="d.png cannot be read as a picture"):
        ImageFolder(str(folder)).images_at([0])


@pytest.mark.parametrize("side", [5_000, 30_000])
def test_a_first_picture_that_is_too_large_is_one_sentence(side, folder):
    (folder / "a" / "1.png").write_bytes(empty_png(side, side))
    with pytest.raises(UserError, match=r"at most 16,777,216 numbers .* got 5000 × 5000 × 3|1.png cannot be read"):
        ImageFolder(str(folder))
    ImageFolder(str(folder), 6, 8)


def test_an_eps_file_that_is_called_png_is_no_picture(folder):
    (folder / "a" / "1.png").write_bytes(EPS)
    with pytest.raises(UserError, match="1.png cannot be read as a picture"):
        ImageFolder(str(folder))


def test_sizes_have_a_bound(folder):
    with pytest.raises(UserError, match=r"at most 16,777,216 numbers .* got 1000000000 × 3 × 3"):
        ImageFolder(str(folder), 10**9, 3)


def test_hidden_files_and_folders_are_left_out(folder):
    (folder / "._b.png").write_bytes(b"Mac OS X")
    (folder / ".thumbnails").mkdir()
    Image.fromarray(PIXELS[0]).save(folder / ".thumbnails" / "b.png")
    assert ImageFolder(str(folder)).num_images == 4
    dotted = folder.rename(folder.with_name(".pictures"))  # what is hidden above the folder does not matter
    assert ImageFolder(str(dotted)).num_images == 4


def test_every_kind_of_picture_is_decoded_as_it_looks(tmp_path):
    gray = np.arange(6, dtype=np.uint16).reshape(2, 3) * 13107
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(PIXELS[0][:2, :3])).save(tmp_path / "0.png", exif=exif)  # 3 × 2 pixels on its side
    (tmp_path / "1.png").write_bytes(deep_png(gray[..., None]))
    Image.fromarray((gray / 65535).astype(np.float32)).save(tmp_path / "2.tiff")
    Image.new("RGBA", (3, 2), (0, 0, 0, 0)).save(tmp_path / "3.png")
    data = ImageFolder(str(tmp_path), background=[1, 2, 3])
    assert data.observation_shape == (2, 3, 3)
    shades = np.repeat((gray // 257)[..., None], 3, axis=2)
    expected = [PIXELS[0][:2, :3], shades, shades, np.full((2, 3, 3), [1, 2, 3])]
    assert np.array_equal(data.images_at(np.arange(4)), expected)
    assert (ImageFolder(str(tmp_path), channels=1).images_at([3]) == 255).all()
    assert (ImageFolder(str(tmp_path), 1, 1, background=7).images_at([3]) == 7).all()


def test_a_cache_of_an_earlier_decoding_is_not_read(folder):
    data = ImageFolder(str(folder))
    files = [folder / name for name in sorted(NAMES)]
    earlier = data.cache_path.with_name(f"image_folder-{combined(listing_of(files), '(6, 8, 3) None')}.npy")
    earlier.parent.mkdir(parents=True, exist_ok=True)
    np.save(earlier, np.full((4, 6 * 8 * 3), 255, np.uint8))
    assert np.array_equal(data.images_at([2])[0], PIXELS[2])
