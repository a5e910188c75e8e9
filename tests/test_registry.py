"""registry.py and errors.py: names, lazily imported entries, plug-ins."""

import subprocess
import sys
from importlib import metadata

import pytest

from dlib_bvae.errors import UnknownName, UserError, unknown
from dlib_bvae.registry import Registry

OWN = {"ordered": "collections:OrderedDict", "counter": "collections:Counter"}


@pytest.fixture
def plugged(monkeypatch):
    """plugged((name, value), …) → a registry with these plug-ins, as if their packages were installed."""

    def build(*points, own=OWN):
        def entry_points(*, group):
            return [metadata.EntryPoint(name, value, group) for name, value in points if group == "dlib_bvae.things"]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        return Registry("thing", "dlib_bvae.things", own)

    return build


def test_an_entry_is_what_its_address_says(plugged):
    from collections import OrderedDict

    assert plugged().get("ordered") is OrderedDict


def test_an_unknown_name_lists_the_near_ones():
    with pytest.raises(
        UnknownName, match=r"^no data set is called 'dsprite_rendered'; did you mean dsprites_rendered\?$"
    ):
        raise unknown("data set", "dsprite_rendered", ["dummy_data", "dsprites_rendered"])


def test_several_near_names_are_all_listed():
    assert str(unknown("metric", "mig_a", ["mig_b", "mig_c", "far"])).endswith("did you mean mig_c or mig_b?")


def test_an_unknown_name_without_a_near_one_lists_all_sorted(plugged):
    with pytest.raises(UnknownName, match="no thing is called 'xyz'; known: counter, ordered$"):
        plugged().get("xyz")


@pytest.mark.parametrize("name", [5, None])
def test_a_name_that_is_no_text_is_unknown_too(plugged, name):
    with pytest.raises(UnknownName, match=f"^no thing is called {name}; "):
        plugged().get(name)


def test_an_empty_registry_says_none(plugged):
    with pytest.raises(UnknownName, match="known: none$"):
        plugged(own={}).get("x")


def test_an_unknown_name_is_an_error_of_the_user():
    assert issubclass(UnknownName, UserError)


def test_names_are_sorted_and_have_the_plug_ins(plugged):
    registry = plugged(("dice", "random:choice"))
    assert registry.names() == ["counter", "dice", "ordered"]
    assert all(name in registry for name in registry.names())
    assert "coin" not in registry


def test_listing_imports_no_entry(plugged):
    registry = plugged(("broken", "no_such_package:thing"), own={"missing": "no_such_module:thing"})
    assert registry.names() == ["broken", "missing"]
    assert "missing" in registry


def test_a_plug_in_is_loaded(plugged):
    import random

    assert plugged(("dice", "random:choice")).get("dice") is random.choice


@pytest.mark.parametrize("value", ["no_such_package:thing", "random:no_such_function"])
def test_a_plug_in_that_cannot_be_imported_is_named(plugged, value):
    with pytest.raises(UserError, match=rf"the plug-in '{value}' \(thing 'broken'\) cannot be imported: .*; mend or"):
        plugged(("broken", value)).get("broken")


def test_a_plug_in_cannot_take_an_own_name(plugged):
    with pytest.raises(UserError, match="'random:choice' gives a thing the name 'counter', which is taken; rename it"):
        plugged(("counter", "random:choice")).names()


def test_two_plug_ins_cannot_share_a_name(plugged):
    with pytest.raises(UserError, match="'random:shuffle' gives a thing the name 'dice', which is taken"):
        plugged(("dice", "random:choice"), ("dice", "random:shuffle")).get("dice")


def test_one_package_found_twice_is_one_plug_in(plugged):
    assert plugged(("dice", "random:choice"), ("dice", "random:choice")).names() == ["counter", "dice", "ordered"]


def test_import_all_imports_every_entry(plugged):
    with pytest.raises(UserError, match="no_such_package"):
        plugged(("broken", "no_such_package:thing")).import_all()
    plugged(("dice", "random:choice")).import_all()


def test_the_rooms_list_their_names_without_heavy_imports():
    code = """
import sys
from dlib_bvae import datasets, metrics
from dlib_bvae.models import MODELS
from dlib_bvae.representations.reductions import REPRESENTATIONS
assert "dsprites_rendered" in datasets.names() and "beta_vae" in metrics.names(), metrics.names()
assert MODELS.names() and REPRESENTATIONS.names() and metrics.CLASSIFIERS.names()
heavy = {"tensorflow", "keras", "sklearn", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_misspelt_data_set_is_told():
    from dlib_bvae import datasets

    with pytest.raises(UnknownName, match="did you mean dummy_data"):
        datasets.load("dummydata")


def test_an_alias_leads_to_the_entry_and_is_not_listed():
    registry = Registry("metric", "dlib_bvae.none", {"exact": "math:sqrt"}, aliases={"old": "exact"})
    assert registry.get("old") is registry.get("exact")
    assert "old" in registry
    assert registry.canonical("old") == "exact"
    assert registry.names() == ["exact"]


def test_no_two_registries_give_gin_the_same_name():
    from dlib_bvae import datasets, metrics
    from dlib_bvae.representations.reductions import REPRESENTATIONS
    from dlib_bvae.stages.train import REGISTRIES

    registries = {
        id(r): r for r in (*REGISTRIES, metrics.METRICS, metrics.CLASSIFIERS, REPRESENTATIONS, datasets.DATASETS)
    }
    names = [name for registry in registries.values() for name in registry.names()]
    assert len(names) == len(set(names))
