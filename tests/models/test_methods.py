"""README's table of methods is the registries'; every method has a gin file."""

from pathlib import Path

import pytest
from support.methods import method_files

from dlib_bvae.models import baselines, objectives
from dlib_bvae.models.methods import table, with_table

README = Path(__file__).parents[2] / "README.md"
METHODS = [*objectives.METHODS, *baselines.METHODS]


def test_readme_has_the_present_table():
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run: python -m dlib_bvae.models.methods README.md"


def test_the_table_has_every_method_with_its_parameters_and_paper():
    lines = table().splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == METHODS
    assert {line.count("|") for line in lines} == {5}
    assert "| `vae` | VAE, β-VAE | `beta` | Kingma & Welling 2014; Higgins et al. 2017 |" in lines
    assert lines[-1].endswith("| none | |")
    assert "| `mr_vae` | one model for every β; network `multi_rate_vae` | none | Bae et al. 2023 |" in lines


def test_a_table_is_replaced_and_the_text_around_it_stays():
    head = table().splitlines(keepends=True)[:2]
    text = "".join(["before\n\n", *head, "| `old` | | | |\n", "\nafter | it\n"])
    assert with_table(text) == f"before\n\n{table()}\nafter | it\n"
    assert with_table("".join(["\n", *head, "| `old` | | | |\n"])) == f"\n{table()}"


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_a_gin_file(name):
    assert method_files()[name]
