"""image_folder: sorted, decoded once, noticed when it changes."""

import numpy as np
import pytest
from PIL import Image
from support.crafted import EPS, empty_png

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
    parameters = [{"channels": 1}, {"height": 3, "width": 5}, {"height": 3, "width": 5, "filter": "box"}]
    assert len({before, *(ImageFolder(str(renamed), **each).fingerprint for each in parameters)}) == 4
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
