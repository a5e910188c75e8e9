"""registry.py and errors.py: names, lazily imported entries, plug-ins."""

import collections
import random
import subprocess
import sys
from importlib import metadata

import pytest

from dlib_bvae import errors
from dlib_bvae.config import configuration
from dlib_bvae.errors import UnknownName, UserError, unknown
from dlib_bvae.registry import FIRST, Registry

GROUPS = ("dlib_bvae.datasets", "dlib_bvae.metrics", "dlib_bvae.objectives")
OWN = {"ordered": "collections:OrderedDict", "counter": "collections:Counter"}


@pytest.fixture
def plugged(monkeypatch):
    """plugged((name, value), …) → a registry with these plug-ins, as if their packages were installed."""

    def build(*points, own=OWN):
        def entry_points(*, group):
            return [metadata.EntryPoint(name, value, group) for name, value in points if group == "dlib_bvae.things"]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        monkeypatch.setattr(errors, "_warned", set())
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
    assert plugged(("dice", "random:choice")).get("dice") is random.choice


@pytest.mark.parametrize("value", ["no_such_package:thing", "random:no_such_function"])
def test_a_plug_in_that_cannot_be_imported_is_named(plugged, value):
    with pytest.raises(UserError, match=rf"the plug-in '{value}' \(thing 'broken'\) cannot be imported: .*; repair or"):
        plugged(("broken", value)).get("broken")


def test_a_plug_in_cannot_take_a_name_of_the_package(plugged, capsys):
    registry = plugged(("counter", "random:choice"))
    assert registry.names() == ["counter", "ordered"]
    assert registry.get("counter") is collections.Counter
    expected = "left out: the plug-in 'random:choice' gives a thing the name 'counter', which is taken; rename it"
    assert capsys.readouterr().err.startswith(expected)


def test_of_two_plug_ins_of_one_name_the_second_is_left_out(plugged, capsys):
    registry = plugged(("dice", "random:choice"), ("dice", "random:shuffle"))
    assert registry.get("dice") is random.choice
    assert "'random:shuffle' gives a thing the name 'dice', which is taken" in capsys.readouterr().err


def test_one_package_found_twice_is_one_plug_in(plugged):
    assert plugged(("dice", "random:choice"), ("dice", "random:choice")).names() == ["counter", "dice", "ordered"]


def test_a_broken_plug_in_is_left_out_with_one_line_and_stops_nothing(plugged, capsys):
    registry = plugged(("broken", "no_such_package:thing"), ("dice", "random:choice"))
    for _ in range(2):
        assert registry.import_all() == ["counter", "dice", "ordered"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("left out: the plug-in 'no_such_package:thing' (thing 'broken') cannot be imported: ")


@pytest.mark.parametrize("group", GROUPS)
def test_no_group_s_broken_plug_in_stops_a_command(monkeypatch, capsys, group):
    monkeypatch.setattr(errors, "_warned", set())
    real = metadata.entry_points

    def entry_points(**given):
        broken = [metadata.EntryPoint("broken", "no_such_package:thing", group)]
        return broken if given.get("group") == group else [] if "group" in given else real(**given)

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    registry = Registry("thing", group, {"counter": "collections:Counter"})
    with configuration([], [], [registry]):
        pass
    assert "'no_such_package:thing' (thing 'broken') cannot be imported" in capsys.readouterr().err


def test_the_rooms_list_their_names_without_heavy_imports():
    code = """
import sys
from dlib_bvae import datasets, metrics
from dlib_bvae.models import MODELS
from dlib_bvae.representations.codes import REPRESENTATIONS
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


def test_names_match_without_regard_to_case():
    registry = Registry("metric", "dlib_bvae.none", {"Exact": "math:sqrt"}, aliases={"old": "Exact"})
    assert registry.get("EXACT") is registry.get("exact") is registry.get("Exact")
    assert registry.canonical("exact") == "Exact"
    assert "exact" in registry
    assert registry.names() == ["Exact"]


def test_an_alias_leads_to_the_entry_and_is_not_listed():
    registry = Registry("metric", "dlib_bvae.none", {"exact": "math:sqrt"}, aliases={"old": "exact"})
    assert registry.get("old") is registry.get("exact")
    assert "old" in registry
    assert registry.canonical("old") == "exact"
    assert registry.names() == ["exact"]


def test_no_two_registries_give_gin_the_same_name():
    from dlib_bvae import datasets, metrics
    from dlib_bvae.representations.codes import REPRESENTATIONS
    from dlib_bvae.stages.train import REGISTRIES

    registries = {
        id(r): r for r in (*REGISTRIES, metrics.METRICS, metrics.CLASSIFIERS, REPRESENTATIONS, datasets.DATASETS)
    }
    names = [name for registry in registries.values() for name in registry.names()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("said", [{}, {1: "2026-01-02: first"}, {2: "2026-01-02: other bins", 3: "2026-02-03: more"}])
def test_versions_are_those_that_the_module_says_from_one(plugged, monkeypatch, said):
    monkeypatch.setattr(collections, "VERSIONS", {"counter": said}, raising=False)
    assert plugged().versions("counter") == {1: FIRST, **said}
    assert plugged().version("counter") == max([1, *said])
    assert plugged(("more", "collections:deque")).versions("more") == {1: FIRST}


@pytest.mark.parametrize(
    "said", [{3: "2026-01-02: skips one"}, {2: "no date"}, {2: "2026-01-02: "}, {0: "2026-01-02: x"}]
)
def test_versions_without_a_date_or_with_one_left_out_are_refused(plugged, monkeypatch, said):
    monkeypatch.setattr(collections, "VERSIONS", {"counter": said}, raising=False)
    with pytest.raises(
        UserError, match=r"^VERSIONS of the thing counter must be \{2: .* a dated line for each version"
    ):
        plugged().versions("counter")
