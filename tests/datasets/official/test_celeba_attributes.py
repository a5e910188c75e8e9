"""celeba_attributes.py: attributes of list_attr_celeba.txt alone are factors of the images in order; other files are refused."""

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets, metrics
from dlib_bvae.datasets import LabelledImages
from dlib_bvae.datasets.official import celeba_attributes
from dlib_bvae.datasets.official.celeba_attributes import ATTRIBUTES, CelebAAttributes
from dlib_bvae.datasets.official.files import OfficialFile
from dlib_bvae.errors import UnknownName, UserError

VALUES = np.random.default_rng(0).choice([-1, 1], size=(6, 40))


def write(path, names=ATTRIBUTES, values=VALUES, first=1):
    rows = [f"{k + first:06}.jpg " + " ".join(f"{value:2}" for value in row) for k, row in enumerate(values)]
    path.write_text("\n".join([str(len(values)), " ".join(names) + " ", *rows]) + "\n")


@pytest.fixture
def faces(tmp_path, monkeypatch):
    monkeypatch.setattr(celeba_attributes, "FILE", OfficialFile("list_attr_celeba.txt"))
    write(tmp_path / "list_attr_celeba.txt")
    return writers.tiny_celeba(tmp_path)


def test_attributes_are_factors_of_the_images_in_their_order(faces):
    celeba, images = faces
    data = CelebAAttributes(data=celeba)
    assert isinstance(data, LabelledImages)
    assert (len(data.factor_names), set(data.factor_sizes)) == (40, {2})
    assert np.array_equal(data.factors_at(np.arange(6)), VALUES > 0)
    assert np.array_equal(data.images_at([4, 0]), images[[4, 0]])
    some = CelebAAttributes(["Male", "Bald"], data=celeba)
    columns = [ATTRIBUTES.index("Male"), ATTRIBUTES.index("Bald")]
    assert np.array_equal(some.factors_at([5, 2]), VALUES[[5, 2]][:, columns] > 0)
    assert len({data.fingerprint, some.fingerprint, celeba.fingerprint}) == 3
    assert metrics.score("mig", some, some.factors_at(np.arange(6)), 0)["discrete_mig"] > 0.5


@pytest.mark.parametrize(
    "written",
    [{"values": VALUES[:5]}, {"names": ATTRIBUTES[::-1]}, {"first": 2}, {"values": np.where(VALUES > 0, 2, VALUES)}],
)
def test_another_table_is_refused(written, faces, tmp_path):
    write(tmp_path / "list_attr_celeba.txt", **written)
    with pytest.raises(UserError, match="must have ±1 for 40 attributes of each of 6 images"):
        CelebAAttributes(data=faces[0]).factors_at([0])


def test_a_missing_or_changed_file_and_names_that_are_none_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path))
    data = datasets.load("celeba_attributes")
    with pytest.raises(UserError, match="no list_attr_celeba.txt in .*, which celeba_attributes needs"):
        data.factors_at([0])
    write(tmp_path / "list_attr_celeba.txt")
    with pytest.raises(UserError, match="is not the official file: its md5"):
        data.factors_at([0])
    with pytest.raises(UnknownName, match="did you mean Male"):
        CelebAAttributes(["male"])
    with pytest.raises(UserError, match="must list different attributes; got 'Male'"):
        CelebAAttributes("Male")
