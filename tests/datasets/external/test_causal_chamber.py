"""causal_chamber.py: photographs and tables in the layout of the authors' zip files; the client that fetches them."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.external.causal_chamber import causal_chamber
from dlib_bvae.datasets.ground_truth import LabelledImages
from dlib_bvae.errors import UserError

EXPERIMENT = "uniform_ap_1.8_iso_500.0_ss_0.005"
ACTUATORS = ["red", "green", "blue", "pol_1", "pol_2"]


def written(root, dataset="lt_camera_v1", experiment=EXPERIMENT, images=12, size=10):
    """An experiment as it is unpacked: the light's colour and the polarisers' angles in a table, a photograph of each row."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "timestamp": 1.7e9 + np.arange(images),
            "counter": np.arange(images),
            "flag": 0,
            "intervention": 1,
            **{name: rng.integers(0, 255, images) for name in ACTUATORS[:3]},
            **{name: rng.integers(-1800, 1800, images) / 10 for name in ACTUATORS[3:]},
            "current": rng.random(images),
            "iso": 500.0,
            "note": "fine",
            "image_file": [f"image_{k}.png" for k in range(images)],  # image_10 comes before image_2
        }
    )
    place = root / dataset / experiment
    (place / f"images_{size}").mkdir(parents=True)
    table.to_csv(place / f"{experiment}.csv", index=False)
    for row in table.itertuples():
        pixels = np.full((size, size, 3), (row.red, row.green, row.blue), np.uint8)
        Image.fromarray(pixels).save(place / f"images_{size}" / row.image_file)
    return table


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "data"


def test_photographs_have_the_factors_of_their_rows(folder):
    table = written(folder)
    data = causal_chamber(size="10")
    assert isinstance(data, LabelledImages)
    assert data.observation_shape == (64, 64, 3)
    assert data.factor_names == tuple(ACTUATORS)
    assert data.factor_kinds == ("continuous",) * 3 + ("cyclic",) * 2
    assert (data.name, data.origin) == (f"causal_chamber(lt_camera_v1, {EXPERIMENT})", "external")
    rows = np.arange(12)
    values = np.stack([known[k] for known, k in zip(data.factor_values, data.factors_at(rows).T, strict=True)], axis=1)
    by_name = table.set_index("image_file").loc[data.files]
    np.testing.assert_allclose(values, by_name[ACTUATORS])
    np.testing.assert_array_equal(data.images_at(rows)[:, 30, 40], by_name[ACTUATORS[:3]])


def test_other_columns_sizes_and_folders(folder, tmp_path):
    written(tmp_path / "elsewhere", "lt_crl_benchmark_v1", "citris_1", size=16)
    given = {
        "dataset": "lt_crl_benchmark_v1",
        "experiment": "citris_1",
        "size": "16",
        "folder": str(tmp_path / "elsewhere"),
    }
    data = causal_chamber(factors=["red", "current"], height=16, width=16, **given)
    assert data.factor_names == ("red", "current")
    assert data.observation_shape == (16, 16, 3)
    assert data.fingerprint != causal_chamber(height=16, width=16, **given).fingerprint
    assert data.fingerprint == causal_chamber(factors=["red", "current"], height=16, width=16, **given).fingerprint


def test_gin_chooses_it(folder):
    written(folder)
    with configuration([], ["dataset.name = @causal_chamber()", "causal_chamber.size = '10'"], [DATASETS]):
        assert datasets.load().num_images == 12


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dataset": "lt_walks_v1"}, "there is no lt_walks_v1/.* unpack the authors' zip file there"),
        ({"experiment": "citris"}, f"no experiment of lt_camera_v1 is called 'citris' .* has {EXPERIMENT}"),
        ({"size": "full"}, "no size of the pictures of .* is called 'full'; known: 10"),
        ({"factors": ["yellow"]}, "no column in .* is called 'yellow'"),
        ({"factors": ["iso"]}, "'iso' has one value only"),
        ({"factors": ["note"]}, "'note' of .* has texts"),
    ],
)
def test_what_is_not_there_is_one_sentence(folder, given, words):
    written(folder)
    with pytest.raises(UserError, match=words):
        causal_chamber(**{"size": "10", **given})


def test_a_photograph_without_a_row_is_refused(folder):
    written(folder)
    Image.new("RGB", (10, 10)).save(folder / "lt_camera_v1" / EXPERIMENT / "images_10" / "image_99.png")
    with pytest.raises(
        UserError, match=r"causal_chamber\.experiment: labels have no row for the picture 'image_99.png'"
    ):
        causal_chamber(size="10")


def client(monkeypatch, dataset):
    """The module causalchamber.datasets with another class Dataset."""
    module = ModuleType("causalchamber.datasets")
    module.Dataset = dataset
    monkeypatch.setitem(sys.modules, "causalchamber", ModuleType("causalchamber"))
    monkeypatch.setitem(sys.modules, "causalchamber.datasets", module)


def test_the_client_fetches_what_is_not_there_and_nothing_else(folder, monkeypatch):
    asked = []

    def fetch(name, root, download):
        asked.append((name, root, download))
        written(Path(root), name)

    client(monkeypatch, fetch)
    for _ in range(2):
        assert causal_chamber(size="10", download=True).num_images == 12
    assert asked == [("lt_camera_v1", str(folder), True)]


def test_a_client_that_is_missing_or_fails_is_one_sentence(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "causalchamber", None)
    with pytest.raises(
        UserError, match=r"needs the package causalchamber, .*; pip install 'dlib_bvae\[causal_chamber\]'"
    ):
        causal_chamber(download=True)

    def fail(name, root, download):
        raise ConnectionError("no network")

    client(monkeypatch, fail)
    with pytest.raises(UserError, match="causalchamber cannot fetch lt_camera_v1: no network; unpack"):
        causal_chamber(download=True)
