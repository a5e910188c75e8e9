"""provenance.py: origins of images as recorded, and as the names of earlier results say them; versions of what rows used."""

import pytest

from dlib_bvae.datasets import DATASETS, DERIVED
from dlib_bvae.leaderboard.provenance import origin_of, versions

# What is rendered here, by the registry's addresses.
RENDERED = {"dummy_data", "dsprites_rendered", "mpi3d_toy_rendered", "shapes3d_rendered"} | {
    f"{variant}_rendered" for variant in ("color_dsprites", "dsprites_noshape", "noisy_dsprites", "scream_dsprites")
}

# No checksum of their files is published.
UNCHECKED = {"chairs", "mpi3d_real_complex"}


def test_results_of_earlier_versions_go_by_the_names_of_that_time():
    later = {
        "celeba_attributes",
        "cifar10_jpeg",
        "dsprites_continuous",
        "shapes3d_continuous",
        "xysquares",
    }  # than the first recorded origin
    names = set(DATASETS.names()) - DERIVED.keys() - later
    assert {name for name in names if origin_of(name, [None]) == "rendered"} == RENDERED
    assert {name for name in names if origin_of(name, [None]) == "external"} == UNCHECKED
    assert {name for name in names if origin_of(name, [None]) == "official"} == names - RENDERED - UNCHECKED


def test_the_name_of_a_plug_in_says_nothing(monkeypatch):
    monkeypatch.setattr(DATASETS, "_plugins", {"faces": None, "faces_rendered": None})
    assert "faces" in DATASETS.names()
    assert origin_of("faces", [None]) == origin_of("faces_rendered", [None]) == "external"


@pytest.mark.parametrize(
    ("recorded", "origin"),
    [
        (["official"], "official"),
        (["rendered", "rendered"], "rendered"),
        (["external"], "external"),
        (["official", None], "official"),  # shapes3d by its name
        (["external", None], "external"),
        (["official", "rendered"], "rendered"),
        (["official", "of my own"], "external"),
        (["re-encoded", "rendered"], "re-encoded"),
        (["re-encoded", "external"], "external"),
        ([], "external"),
    ],
)
def test_what_is_recorded_goes_before_the_name(recorded, origin):
    assert origin_of("shapes3d", recorded) == origin


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("noisy(dsprites_rendered)", "rendered"),
        ("subset(noisy(shapes3d))", "official"),
        ("probe(mpi3d_toy, 1000 images, seed 0)", "official"),
        ("probe(subset(dummy_data), 10 images, seed 1)", "rendered"),
        ("from_file(dsprites_rendered)", "external"),
        ("image_folder(shapes3d)", "external"),
        ("subset(from_file(a(b).npz))", "external"),
        ("somebody's", "external"),
    ],
)
def test_an_earlier_derived_set_has_the_origin_of_the_one_below(name, origin):
    assert origin_of(name, [None]) == origin


def test_versions_are_those_of_all_rows_once():
    data = {"dataset": "dsprites", "data_version": 1, "fingerprint": "f"}
    rows = [{**data, "metric": metric, "metric_version": version} for metric, version in (("mig", 1), ("dci_lasso", 2))]
    rows += [{**rows[1], "metric_version": 1}, {**rows[0], "metric": "gone", "data_version": 2}, {**rows[0]}]
    found = versions(rows)
    assert found.keys() == {"package_version", "data_sets", "metrics"}
    assert [tuple(each.values()) for each in found["data_sets"]] == [("dsprites", 1, "f"), ("dsprites", 2, "f")]
    assert [(each["metric"], each["version"]) for each in found["metrics"]] == [
        *(("dci_lasso", 1), ("dci_lasso", 2)),
        *(("gone", 1), ("mig", 1)),
    ]
    first, second, gone, _ = (each["changed"] for each in found["metrics"])
    assert (first, second[:12], gone) == ("as first released", "2026-11-30: ", None)
