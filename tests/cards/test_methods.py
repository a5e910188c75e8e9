"""methods.py: every method has a gin file, a line of the table and a card with its parameters."""

from pathlib import Path

import pytest

from dlib_bvae.cards.methods import all_methods, card, configurations, row
from dlib_bvae.models import baselines, objectives

GIN = Path(__file__).parents[2] / "gin"
METHODS = [*objectives.METHODS, *baselines.METHODS]


def test_the_methods_are_those_of_the_registries():
    assert list(all_methods()) == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_a_gin_file(name):
    assert configurations(name, GIN)


def test_a_row_has_parameters_network_and_paper():
    methods = all_methods()
    papers = "Kingma & Welling 2014; Higgins et al. 2017"
    assert row("vae", methods["vae"]) == ("[`vae`](vae.md)", "VAE, β-VAE", "`beta`", papers)
    assert row("mr_vae", methods["mr_vae"])[1:3] == ("one model for every β; network `multi_rate_vae`", "none")


def test_a_card_has_configurations_and_an_experiment():
    found = configurations("dip_vae", GIN)
    assert found == {"dip_vae_i": "dip_vae_i_dsprites", "dip_vae_ii": "dip_vae_ii_dsprites"}
    text = card("dip_vae", all_methods()["dip_vae"], found, GIN, 0.914, [])
    assert "| `dip_vae.lambda_od` | `5.0` | " in text
    assert 'dip_vae.dip_type = "ii"\n' in text
    assert "dlib_bvae_train --gin_config=gin/dip_vae_ii_dsprites.gin\n" in text
    assert "| images per second | 0.914 of the β-VAE's" in text
    assert "\nNone.\n" in card("oracle", all_methods()["oracle"], {}, GIN, None, [])
