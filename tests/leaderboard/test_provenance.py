"""provenance.py: its table against what the objectives themselves say they want, its origins against the registry."""

import pytest

from dlib_bvae.datasets import DATASETS, DERIVED
from dlib_bvae.leaderboard.provenance import EXTERNAL, NOT_STATED, SUPERVISION, method_of, origin_of, supervision_of

# What is rendered here, by the registry's addresses.
RENDERED = {"dummy_data", "dsprites_rendered", "mpi3d_toy_rendered", "shapes3d_rendered"} | {
    f"{variant}_rendered" for variant in ("color_dsprites", "dsprites_noshape", "noisy_dsprites", "scream_dsprites")
}


def test_the_supervision_of_every_objective_is_what_it_wants():
    from dlib_bvae.models.objectives import OBJECTIVES

    wanted = {}
    for name in OBJECTIVES.names():
        wants = OBJECTIVES.get(name)().wants
        wanted[name] = "pairs" if wants.partners else "labels" if wants.labelled else "none"
    assert {name: SUPERVISION[name] for name in wanted} == wanted


def test_every_method_of_the_package_is_in_the_table():
    from dlib_bvae.models.baselines.base import BASELINES
    from dlib_bvae.models.objectives import OBJECTIVES

    assert SUPERVISION.keys() == {*OBJECTIVES.names(), *BASELINES.names()}
    assert supervision_of("of_a_plugin") == supervision_of(EXTERNAL) == NOT_STATED


@pytest.mark.parametrize(
    ("reference", "method"),
    [
        ("@vae()", "vae"),
        ("@train/factor_vae()", "factor_vae"),
        ("@my_module.mine()", "mine"),
        ("vae", EXTERNAL),
        (None, EXTERNAL),
    ],
)
def test_the_method_is_the_objective_s_name(reference, method):
    assert method_of({"model.model": reference}) == method


def test_every_data_set_is_rendered_or_official():
    names = set(DATASETS.names()) - DERIVED.keys()
    assert {name for name in names if origin_of(name) == "rendered"} == RENDERED
    assert {name for name in names if origin_of(name) == "official"} == names - RENDERED


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
def test_a_derived_set_has_the_origin_of_the_one_below(name, origin):
    assert origin_of(name) == origin
