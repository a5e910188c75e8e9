"""Where the images of every registered data set come from: recorded by the class that made them, whatever they are called."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS, DERIVED, FromDuckType, as_dataset
from dlib_bvae.datasets.images import ORIGINS
from dlib_bvae.datasets.rendered.shapes3d import Shapes3DRendered

ORIGIN = {
    "cars3d": "official",
    "celeba": "official",
    "celeba_attributes": "official",
    "chairs": "external",  # of its file no checksum is published
    "cifar10": "official",
    "cifar100": "official",
    "cifar10_jpeg": "re-encoded",
    "color_dsprites": "official",
    "color_dsprites_rendered": "rendered",
    "dsprites_continuous": "rendered",
    "dsprites_full": "official",
    "dsprites_noshape": "official",
    "dsprites_noshape_rendered": "rendered",
    "dsprites_rendered": "rendered",
    "dummy_data": "rendered",
    "mpi3d_real": "official",
    "mpi3d_real_complex": "external",  # as chairs
    "mpi3d_realistic": "official",
    "mpi3d_toy": "official",
    "mpi3d_toy_rendered": "rendered",
    "noisy_dsprites": "official",
    "noisy_dsprites_rendered": "rendered",
    "scream_dsprites": "official",
    "scream_dsprites_rendered": "rendered",
    "shapes3d": "official",
    "shapes3d_continuous": "rendered",
    "shapes3d_rendered": "rendered",
    "smallnorb": "official",
    "xysquares": "rendered",
}
COLOURED = {"official": "'shapes3d'", "rendered": "'shapes3d_rendered'"}
BASES = {"official": "'dsprites_full'", "rendered": "'dummy_data'", "external": "@from_file()"}
OF_ANOTHER = {
    "causal": "causal.graph = [({0!r}, {1!r})]\ncausal.images = 3",
    "correlated": "correlated.pairs = [({0!r}, {1!r})]\ncorrelated.sigma = 0.5",
    "grayscale": "",
    "held_out": "held_out.combinations = [{{{0!r}: [0]}}]",
    "probe": "probe.images = 3",
    "redundant": "redundant.factor = {0!r}\nredundant.source = {1!r}\nredundant.images = 3",
    "resized": "resized.height = 8\nresized.width = 8",
    "sequences": "",
    "subset": "subset.values = {{{0!r}: [0]}}",
}
FACTORS = {"official": ("shape", "scale"), "rendered": ("row", "column"), "external": ("factor_0", "factor_1")}


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """A working directory with the user's files, and without official ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    np.save("shapes3d.npy", np.arange(6 * 16 * 16 * 3, dtype=np.uint8).reshape(6, 16, 16, 3))
    (tmp_path / "shapes3d").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "shapes3d" / "0.png")
    Image.new("RGB", (70, 70)).save(tmp_path / "scream.png")


USER = [
    "scream.picture = 'scream.png'",
    "from_file.path = 'shapes3d.npy'",
    "from_file.factor_sizes = [2, 3]",
    "image_folder.path = 'shapes3d'",
]


def opened(dataset, *bindings):
    with configuration([], [f"dataset.name = {dataset}", *USER, *bindings], [DATASETS]):
        return datasets.load()


def test_the_table_has_every_set_that_is_not_of_another():
    assert set(ORIGIN) == set(DATASETS.names()) - set(DERIVED)
    assert set(OF_ANOTHER) | {"causal_chamber", "from_file", "image_folder"} == set(DERIVED)


@pytest.mark.parametrize("name", ORIGIN)
def test_a_set_has_the_origin_of_the_table(name):
    assert opened(repr(name)).origin == ORIGIN[name]


@pytest.mark.parametrize("origin", BASES)
@pytest.mark.parametrize("name", OF_ANOTHER)
def test_a_derived_set_has_the_origin_of_the_one_below(name, origin):
    base = COLOURED.get(origin, BASES[origin]) if name == "grayscale" else BASES[origin]
    bindings = [line for line in OF_ANOTHER[name].format(*FACTORS[origin]).split("\n") if line]
    assert opened(f"@{name}()", f"{name}.data = {base}", *bindings).origin == origin


@pytest.mark.parametrize("name", ["grayscale", "resized"])
def test_what_is_derived_of_re_encoded_pictures_is_re_encoded(name):
    assert set(ORIGINS) - set(BASES) == {"re-encoded"}
    bindings = [line for line in OF_ANOTHER[name].split("\n") if line]
    assert opened(f"@{name}()", f"{name}.data = 'cifar10_jpeg'", *bindings).origin == "re-encoded"


@pytest.mark.parametrize("name", ["from_file", "image_folder"])
def test_files_of_the_user_are_external(name):
    data = opened(f"@{name}()")
    assert "shapes3d" in data.name
    assert data.origin == "external"
    data.name = "shapes3d"
    assert data.origin == "external"


class Duck:
    """Two images by disentanglement_lib's duck type."""

    name, factors_num_values, observation_shape = "shapes3d", [2], (2, 2, 1)

    def sample_observations_from_factors(self, factors, random_state):
        return np.ones((len(factors), 2, 2, 1)) * factors[:, :1, None, None]


def test_a_duck_is_external_whatever_its_name_unless_it_says_otherwise():
    assert as_dataset(Duck(), "dataset.name").origin == "external"
    assert FromDuckType(Duck(), name="dsprites_rendered").origin == "external"
    assert as_dataset(type("Drawn", (Duck,), {"origin": "rendered"})(), "dataset.name").origin == "rendered"


class Repainted(Shapes3DRendered):
    """Of another package, with the name of its base class."""

    def images_at(self, indices):
        return 255 - super().images_at(indices)


class Drawn(Repainted):
    """Says of itself where its images come from."""

    origin = "rendered"


@pytest.mark.parametrize(("cls", "origin"), [(Repainted, "external"), (Drawn, "rendered")])
def test_a_plug_in_is_external_unless_its_class_says_otherwise(cls, origin, monkeypatch):
    monkeypatch.setattr(DATASETS, "_plugins", {"repainted": SimpleNamespace(name="repainted", load=lambda: cls)})
    data = opened("'repainted'")
    assert (data.name, data.origin) == ("shapes3d_rendered", origin)
    assert opened("@probe()", "probe.data = 'repainted'", "probe.images = 3").origin == origin
