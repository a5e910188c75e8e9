"""Fingerprints and cache file names of all data sets, as they have always been: earlier results and caches hold them."""

import numpy as np
import pytest

from dlib_bvae.datasets import DATASETS, FromDuckType
from dlib_bvae.datasets.derived.dsprites_variants import on_picture
from dlib_bvae.datasets.derived.training_distribution import CORRELATIONS, HELD_OUT
from dlib_bvae.datasets.official.base import OfficialData

# of the checksums, where all are published
OFFICIAL = {
    "cars3d": "5f62077450d37a39",
    "celeba": "cb59548f9ad2ab98",
    "chairs": "unverified-b27c1d0eabd987fd",
    "cifar10": "bd9770c8196f5398",
    "cifar100": "d87a80e33ebe6e23",
    "dsprites_full": "470d095b34be54b2",
    "mpi3d_real": "e9e8c7ef38aec922",
    "mpi3d_real_complex": "unverified-f6372455266972bc",
    "mpi3d_realistic": "ecf27d7065b0297f",
    "mpi3d_toy": "cda4bee7d16c15cd",
    "shapes3d": "a82a28e366e21dab",
    "smallnorb": "8b6fa306cac43a20",
}
RENDERED = {
    "dsprites_rendered": "f364efe75944ac31",
    "mpi3d_toy_rendered": "2cd6c3902c2a854e",
    "shapes3d_rendered": "8f26a08f6a1bd6d3",
}
DERIVED = [
    ("dummy_data", {}, "e27b07a6ef11b5fd"),
    ("subset", {"data": "dummy_data", "values": {"row": [0, 3], "length": [2]}}, "9ec3748ec3ee48d5"),
    ("held_out", {"data": "dummy_data", "combinations": [{"row": [0], "column": [1, 2]}]}, "acc6676199f22302"),
    ("correlated", {"data": "dummy_data", "pairs": [("row", "column")], "sigma": 0.2}, "b380ab110418fe33"),
    ("probe", {"data": "dummy_data", "images": 50, "seed": 3}, "36329e54371d8f03"),
    ("probe", {"data": "dsprites_rendered"}, "99a06bbfae71d317"),
    ("resized", {"data": "dummy_data", "height": 8, "width": 8}, "15b941c680a5c760"),
    ("resized", {"data": "shapes3d_rendered", "height": 32, "width": 24, "filter": "box"}, "d20b1eafb16993c8"),
    ("grayscale", {"data": "shapes3d_rendered"}, "4b21f316cdf78625"),
    ("color_dsprites_rendered", {}, "b31143fa7afe42e0"),
    ("color_dsprites_rendered", {"seed": 3}, "2f474da86a058e81"),
    ("noisy_dsprites_rendered", {}, "e318baddd9f1f5e3"),
    ("dsprites_noshape_rendered", {}, "4aa500c8f0817967"),
    ("dsprites_continuous", {}, "08f6c944db7b1dba"),
    (
        "dsprites_continuous",
        {
            "images": 50,
            "distribution": "gaussian",
            "fixed": {"shape": 1},
            "correlation": [("position_x", "position_y", 0.5)],
        },
        "ba014a691a97bca6",
    ),
    ("shapes3d_continuous", {}, "17a0b0117b2a19b7"),
    ("xysquares", {}, "c96c4a1dfd6d885f"),
    ("xysquares", {"spacing": 5}, "a07317b23c457435"),
    (
        "redundant",
        {"data": "dummy_data", "factor": "row", "source": "column", "noise": 0.1, "images": 20},
        "da36269d3f52e77e",
    ),
    ("causal", {"data": "dummy_data", "graph": "chain", "sigma": 0.3, "images": 20}, "c537166857aec5a5"),
    ("sequences", {"data": "dummy_data", "reach": {"row": 2}, "cyclic": ["column"]}, "26f3a384649aa646"),
]

# (data set, preset), of the rendered set that the preset is named after
PRESETS = {
    ("correlated", "dsprites_single_1"): "da229ff02d4ec396",
    ("correlated", "dsprites_single_2"): "61a3f348a715527d",
    ("correlated", "dsprites_single_3"): "766c9e5a297478f5",
    ("correlated", "dsprites_double_1"): "ac50ea6e958ef0c5",
    ("correlated", "dsprites_double_2"): "561745928797c43e",
    ("correlated", "dsprites_confounded_1"): "0fb4a2688f377cc2",
    ("correlated", "dsprites_confounded_2"): "a040ac5984807b05",
    ("correlated", "shapes3d_single_1"): "61224bc5de570fae",
    ("correlated", "shapes3d_single_2"): "1e2ec213002baf48",
    ("correlated", "shapes3d_single_3"): "ced03f27fee2c6af",
    ("correlated", "shapes3d_single_4"): "0669e71c569fe398",
    ("correlated", "shapes3d_double_1"): "3242bc60b5ec6191",
    ("correlated", "shapes3d_double_2"): "8dd4c78877e413b3",
    ("correlated", "shapes3d_double_3"): "eb120c4d760b514b",
    ("correlated", "shapes3d_triple_1"): "381cc9341d3b8ab2",
    ("correlated", "shapes3d_triple_2"): "9475f06c2ab96dbc",
    ("correlated", "shapes3d_confounded_1"): "8855d4dd07b8f3bb",
    ("correlated", "shapes3d_confounded_2"): "8d33d2f9410f0a36",
    ("held_out", "dsprites_to_element"): "b9f5df628f0ad716",
    ("held_out", "dsprites_to_range"): "23412c6278e1a2f8",
    ("held_out", "dsprites_extrapolation"): "9ca0b6daeb760bc9",
    ("held_out", "shapes3d_to_element"): "033b3b81362917c0",
    ("held_out", "shapes3d_to_range_1"): "695b2090c4df896a",
    ("held_out", "shapes3d_to_range_2"): "2ca4a8d9aa51f553",
    ("held_out", "shapes3d_to_range_3"): "fcce0a83ea7892c2",
    ("held_out", "shapes3d_extrapolation"): "a73cb2de24cfbb56",
}


# The versions of the sets whose fingerprints these are; 1 of the others.
VERSIONS: dict[str, int] = {}
RAISE = (
    "its images or factors change: give it a new version with a dated line (VERSIONS of its module), or find the defect"
)


def test_versions_are_those_of_the_fingerprints():
    assert {name: found for name in DATASETS.names() if (found := DATASETS.version(name)) > 1} == VERSIONS


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_sets_keep_their_fingerprints_and_cache_files(name, tmp_path):
    data = DATASETS.get(name)(tmp_path, tmp_path)
    assert data.cache_path.name == f"{name}-{OFFICIAL[name]}.npy"
    assert not data.verified or data.fingerprint == OFFICIAL[name], RAISE


@pytest.mark.parametrize("name", RENDERED)
def test_rendered_sets_keep_their_fingerprints_and_cache_files(name, tmp_path):
    data = DATASETS.get(name)(tmp_path)
    assert data.fingerprint == RENDERED[name], RAISE
    assert data.cache_path == tmp_path / f"{name}-{RENDERED[name]}.npy"


@pytest.mark.parametrize(("name", "parameters", "fingerprint"), DERIVED)
def test_derived_sets_keep_their_fingerprints(name, parameters, fingerprint):
    assert DATASETS.get(name)(**parameters).fingerprint == fingerprint, RAISE


def test_presets_keep_their_fingerprints():
    found = {}
    for kind, presets in (("correlated", CORRELATIONS), ("held_out", HELD_OUT)):
        for name in presets:
            data = DATASETS.get(kind)(data=f"{name.split('_')[0]}_rendered", preset=name)
            found[kind, name] = data.fingerprint
    assert found == PRESETS, RAISE


def test_dsprites_on_a_picture_keep_their_fingerprint():
    picture = np.arange(100 * 120 * 3).reshape(100, 120, 3).astype(np.uint8)
    assert on_picture("dsprites_rendered", picture, seed=2).fingerprint == "638f845e6034dd9e"


def test_a_duck_keeps_its_fingerprint():
    class Duck:
        factors_num_values, observation_shape = [20, 30], [4, 4, 1]

        def sample_observations_from_factors(self, factors, random_state):
            return np.ones((len(factors), 4, 4, 1)) * (factors @ [1, 7] % 256 / 255)[:, None, None, None]

    assert FromDuckType(Duck()).fingerprint == "9324f9a68f3cb9b8"


def test_files_of_the_user_keep_their_fingerprints(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "a.npy").write_bytes(NPY)
    path = str(tmp_path / "a.npy")
    assert DATASETS.get("from_file")(path).fingerprint == "56b1b2e16663af6a"
    assert DATASETS.get("from_file")(path, factor_sizes=[2, 2]).fingerprint == "a81fd7e3efeb201d"
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "0.pgm").write_bytes(b"P5 2 2 255 abcd")
    (folder / "1.pgm").write_bytes(b"P5 2 2 255 efgh")
    assert DATASETS.get("image_folder")(str(folder), channels=1).fingerprint == "679eca9ff8a26183"


NPY = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2, 2), }".ljust(117)
    + b"\n"
    + bytes(range(16))
)


def test_every_registered_set_is_here():
    without_file = {name for name in DATASETS.names() if not isinstance(DATASETS.get(name), type)}
    official = {name for name in set(DATASETS.names()) - without_file if issubclass(DATASETS.get(name), OfficialData)}
    assert official == {*OFFICIAL, "cifar10_jpeg"}  # whose fingerprint is of the user's pictures
