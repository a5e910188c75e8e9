"""celeba_and_chairs.py: pictures in archives and folders, by the order of their names."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets.formats import archives
from dlib_bvae.errors import UserError


def refused(data, folder, words):
    with pytest.raises(UserError, match=words) as caught:
        data.images_at([0])
    assert "\n" not in str(caught.value)
    assert {path.suffix for path in (folder / "cache").iterdir()} == {".lock"}


@pytest.mark.parametrize("extracted", [True, False])
@pytest.mark.parametrize("write", [writers.tiny_celeba, writers.tiny_chairs])
def test_pictures_come_in_the_order_of_their_names_from_any_row(write, extracted, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_PICTURES", 2)
    data, images = write(tmp_path, extracted)
    np.testing.assert_array_equal(data.images_at(np.arange(len(images))), images)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    np.testing.assert_array_equal(np.concatenate(list(data.read(data.found(), 3))), images[3:])


def test_the_sizes_are_the_official_ones():
    celeba, chairs = datasets.load("celeba"), datasets.load("chairs")
    assert (celeba.num_images, celeba.observation_shape) == (202_599, (64, 64, 3))
    assert (chairs.num_images, chairs.observation_shape) == (86_366, (64, 64, 1))


def test_a_face_is_cut_from_the_middle(tmp_path):
    content = np.zeros((218, 178, 3), np.uint8)
    content[20:198] = 255
    file = io.BytesIO()
    Image.fromarray(content).save(file, "PNG")
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", file.getvalue())
    data = writers.tiny(type(datasets.load("celeba")), tmp_path, num_images=1)
    assert (data.images_at([0]) == 255).all()


def test_another_number_of_pictures_is_refused(tmp_path):
    data, _ = writers.tiny_celeba(tmp_path, extracted=True)
    (tmp_path / "img_align_celeba" / "000003.jpg").unlink()
    refused(data, tmp_path, "it has 5 pictures instead of 6")


def test_another_size_or_format_is_refused(tmp_path):
    data, _ = writers.tiny_celeba(tmp_path, size=(217, 178))
    refused(data, tmp_path, r"a picture has \(178, 217\) pixels instead of \(178, 218\)")
    data, _ = writers.tiny_chairs(tmp_path, side=599)
    refused(data, tmp_path, r"a picture has \(599, 599\) pixels instead of \(600, 600\)")
    data, _ = writers.tiny_celeba(tmp_path, extracted=True)
    (tmp_path / "img_align_celeba.zip").unlink()
    Image.new("RGB", (178, 218)).save(tmp_path / "img_align_celeba" / "000001.jpg", "BMP")
    refused(data, tmp_path, "cannot be read as a folder of pictures")


def test_a_cut_picture_is_refused(tmp_path):
    data, _ = writers.tiny_chairs(tmp_path, extracted=True)
    path = tmp_path / "rendered_chairs" / "a0" / "renders" / "image_001_p020_t011_r096.png"
    assert not path.exists()
    path = next((tmp_path / "rendered_chairs").rglob("*.png"))
    path.write_bytes(path.read_bytes()[:-30])
    refused(data, tmp_path, "cannot be read as a folder of pictures")
