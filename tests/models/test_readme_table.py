"""README's table of methods has every method, with parameters that exist."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import gin
import pytest

from dlib_bvae.models.baselines.base import BASELINES
from dlib_bvae.models.objectives import OBJECTIVES

ROOT = Path(__file__).parents[2]
METHODS = [(registry, name) for registry in (OBJECTIVES, BASELINES) for name in registry.names()]
PREFIXES = ("encoder.", "decoder.", "vector_quantized_autoencoder.")


def rows() -> dict[str, list[str]]:
    """Name → the cells after it, of the section Methods."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Methods\n")[1].split("\n## ")[0]
    table = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name: cells[1:] for cells in table for name in re.findall(r"`(\w+)`", cells[0])}


@pytest.mark.parametrize(("registry", "name"), METHODS, ids=[name for _, name in METHODS])
def test_a_method_stands_in_the_table_with_its_parameters(registry, name):
    registry.get(name)
    known = inspect.signature(gin.get_configurable(name)).parameters
    named = [each for each in re.findall(r"`([\w.…]+)`", rows()[name][1]) if not each.startswith(PREFIXES)]
    assert set(named) <= set(known)


def test_the_table_has_no_other_name():
    assert set(rows()) == {name for _, name in METHODS}
    assert (ROOT / "gin" / "models").is_dir()


@pytest.mark.parametrize("name", [name for _, name in METHODS if name not in ("vae", "dip_vae", "fast_ica")])
def test_a_method_has_a_gin_file_and_an_experiment(name):
    assert (ROOT / "gin" / "models" / f"{name}.gin").is_file()
    assert list((ROOT / "gin").glob(f"{name}_*.gin"))
