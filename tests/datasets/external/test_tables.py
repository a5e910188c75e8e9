"""tables.py: columns of labels from CSV, Parquet and arrays; what does not fit is one sentence, and nothing is unpickled."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest

from dlib_bvae import metrics
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.external.image_folder import ImageFolder, image_folder
from dlib_bvae.datasets.external.labels import of_arrays
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError

FRAME = pd.DataFrame(
    {
        "hue": ["red", "blue", None, "red", "blue", "red"],
        "size": [1.5, np.nan, 2.5, 1.5, 2.5, 2.5],
        "glasses": [True, False, True, True, False, None],
        "x": np.linspace(0, 1, 6),
    }
)
RANKS = [[1, 0, 1], [0, -1, 0], [-1, 1, 1], [1, 0, 1], [0, 1, 0], [1, 1, -1]]


@pytest.fixture
def images(tmp_path):
    np.save(tmp_path / "images.npy", np.arange(6 * 12, dtype=np.uint8).reshape(6, 3, 4) * 3)
    return str(tmp_path / "images.npy")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_a_table_are_factors_of_the_images_that_have_them(suffix, images, tmp_path):
    path = tmp_path / f"labels.{suffix}"
    FRAME.to_csv(path, index=False) if suffix == "csv" else FRAME.to_parquet(path)
    data = from_file(images, labels=str(path), label_columns=["hue", "size", "glasses"], full_grid=False)
    assert data.factor_names == ("hue", "size", "glasses")
    assert data.factors_at(np.arange(6)).tolist() == RANKS
    assert data.factor_kinds == ("categorical", None, None)
    assert [known.tolist() for known in data.factor_values] == [["blue", "red"], [1.5, 2.5], [0, 1]]
    whole = from_file(images, labels=str(path), factor_kinds={"x": "continuous"}, full_grid=False)
    assert whole.factor_sizes == (2, 2, 2, 6)
    assert whole.fingerprint != data.fingerprint
    assert set(metrics.score("mig", whole, whole.factors_at(np.arange(6)), 0)["mig_per_factor"]) == set(FRAME)
    with pytest.raises(UserError, match="lack the value of 'size' in row 1"):
        from_file(images, labels=str(path))


def test_columns_of_arrays_by_their_keys(images, tmp_path):
    grid = np.array(list(np.ndindex(2, 3)))[::-1]
    path = tmp_path / "labels.npz"
    np.savez(path, row=grid[:, 0], column=grid[:, 1] / 3, other=np.zeros(5), matrix=np.zeros((6, 2)))
    data = from_file(images, labels=str(path), label_columns=["column", "row"])
    assert isinstance(data, GroundTruthData)
    assert (data.factor_names, data.factor_sizes) == (("column", "row"), (3, 2))
    assert data.factors_at([0, 1]).tolist() == [[2, 1], [1, 1]]
    for columns, message in (
        (["rows"], "did you mean row"),
        (["other"], r"numbers \(6,\), one row per image; got shape \(5,\)"),
    ):
        with pytest.raises(UserError, match=message):
            from_file(images, labels=str(path), label_columns=columns)


def test_a_frame_gives_names_and_texts_to_arrays_alone():
    data = of_arrays(FRAME[["hue", "size", "glasses"]])
    assert data.factor_names == ("hue", "size", "glasses")
    assert data.factors_at(np.arange(6)).tolist() == RANKS


def test_tables_that_do_not_fit_are_one_sentence(images, tmp_path):
    FRAME.to_csv(tmp_path / "labels.csv", index=False)
    FRAME[:5].to_csv(tmp_path / "short.csv", index=False)
    FRAME[:5].to_parquet(tmp_path / "short.parquet")
    FRAME.assign(day=pd.Timestamp(0)).to_parquet(tmp_path / "dates.parquet")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "binary.csv").write_bytes(b"x\n" + b"\xff\n" * 6)
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "short.parquet").read_bytes()[:90])
    cases = [
        ("labels.csv", ["hues"], "no column in labels.csv is called 'hues'; did you mean hue"),
        ("labels.csv", "hue", "label_columns must list different names of columns; got 'hue'"),
        ("labels.csv", ["x", "x"], "must list different names"),
        ("missing.csv", None, "there is no file"),
        ("short.csv", None, "has 5 rows; expected 6"),
        ("short.parquet", None, "5 rows .* expected 6"),
        ("dates.parquet", ["day"], "'day' holds datetime64.*expected numbers or texts"),
        ("empty.csv", None, "cannot be read"),
        ("binary.csv", None, "cannot be read"),
        ("torn.parquet", None, "cannot be read"),
    ]
    for name, columns, message in cases:
        with pytest.raises(UserError, match=message):
            from_file(images, labels=str(tmp_path / name), label_columns=columns, full_grid=False)
    with pytest.raises(UserError, match="label_columns names columns of a file, and from_file.labels = 'key' is a key"):
        from_file(images, labels="key", label_columns=["x"])
    with pytest.raises(UserError, match="label_columns needs from_file.factor_sizes or from_file.labels"):
        from_file(images, label_columns=["x"])


def test_a_pickle_in_a_table_is_text_or_refused(images, tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "unpickled"),))

    (tmp_path / "trap.csv").write_bytes(pickle.dumps(Trap()))
    pd.DataFrame({"x": [pickle.dumps(Trap())] * 6}).to_parquet(tmp_path / "trap.parquet")
    for name in ("trap.csv", "trap.parquet"):
        with pytest.raises(UserError, match="cannot be read|expected numbers or texts|rows; expected 6|no column"):
            from_file(images, labels=str(tmp_path / name), full_grid=False)
    assert not (tmp_path / "unpickled").exists()


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    (tmp_path / "pictures/a").mkdir(parents=True)
    for k, name in enumerate(("b.png", "a/2.png", "a/10.png")):
        Image.fromarray(np.full((2, 3), 10 * k, np.uint8)).save(tmp_path / "pictures" / name)
    return tmp_path / "pictures"


def test_pictures_are_labelled_by_their_names_in_any_order(folder, tmp_path):
    FRAME[:3].assign(name=["b.png", "a/2.png", "a/10.png"])[["name", "size", "hue"]].to_csv(
        tmp_path / "l.csv", index=False
    )
    data = image_folder(str(folder), channels=1, labels=str(tmp_path / "l.csv"), full_grid=False)
    assert data.files == ["a/10.png", "a/2.png", "b.png"]
    assert data.images_at([0, 1, 2])[:, 0, 0, 0].tolist() == [20, 10, 0]
    assert data.factor_names == ("size", "hue")
    assert data.factors_at([0, 1, 2]).tolist() == [[1, -1], [-1, 0], [0, 1]]
    plain = image_folder(str(folder), channels=1)
    assert type(plain) is ImageFolder
    assert plain.fingerprint != data.fingerprint
    one = image_folder(str(folder), labels=str(tmp_path / "l.csv"), label_columns=["hue"], full_grid=False)
    assert one.factor_names == ("hue",)


def test_pictures_with_every_combination_once_are_a_grid(folder, tmp_path):
    (tmp_path / "l.csv").write_text("name,x\nb.png,0\na/2.png,1\na/10.png,0.5\n")
    data = image_folder(str(folder), channels=1, labels=str(tmp_path / "l.csv"))
    assert isinstance(data, GroundTruthData)
    assert data.images_at(data.index_of([[0], [1], [2]]))[:, 0, 0, 0].tolist() == [0, 20, 10]


def test_pictures_and_rows_are_one_to_one(folder, tmp_path):
    for text, message in (
        ("name,x\nb.png,0\na/2.png,1\n", "no row for the picture 'a/10.png'"),
        ("name,x\nb.png,0\na/2.png,1\na/10.png,2\nc.png,3\n", "name the picture 'c.png', which the folder has not"),
        ("name,x\nb.png,0\nb.png,1\na/10.png,2\n", "name the picture 'b.png' twice"),
        ("name\nb.png\n", "has no column of labels"),
    ):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(UserError, match=message):
            image_folder(str(folder), labels=str(tmp_path / "l.csv"), full_grid=False)
    with pytest.raises(UserError, match=r"image_folder.labels must be a .csv, .parquet file; got 'l.npy'"):
        image_folder(str(folder), labels="l.npy")
    with pytest.raises(UserError, match="image_folder.factor_kinds needs image_folder.labels"):
        image_folder(str(folder), factor_kinds=["ordinal"])
