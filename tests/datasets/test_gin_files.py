"""Every gin file of a data set names one that is there, and presets that are."""

from pathlib import Path

import gin
import pytest

from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.derived.training_distribution import CORRELATIONS, HELD_OUT

FILES = sorted((Path(__file__).parents[2] / "gin" / "datasets").glob("*.gin"))


def test_there_are_files():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_can_be_read(path):
    with configuration([str(path)], [], [DATASETS]):
        name = gin.query_parameter("dataset.name")
        assert name in DATASETS
        for parameter, known in (("correlated.preset", CORRELATIONS), ("held_out.preset", HELD_OUT)):
            if name == parameter.split(".")[0]:
                preset = gin.query_parameter(parameter)
                assert preset in known
                assert gin.query_parameter(f"{name}.data").startswith(preset.split("_")[0])


@pytest.mark.parametrize("name", ["dsprites_full", "dsprites_rendered", "shapes3d", "shapes3d_rendered"])
def test_presets_name_the_factors_of_the_data_set_and_their_values(name):
    sizes = dict(zip(DATASETS.get(name).factor_names, DATASETS.get(name).factor_sizes, strict=True))
    kind = name.split("_")[0]
    for preset, (pairs, _) in CORRELATIONS.items():
        if preset.startswith(kind):
            assert {factor for pair in pairs for factor in pair} <= set(sizes)
    for preset, combinations in HELD_OUT.items():
        if preset.startswith(kind):
            assert all(max(values) < sizes[factor] for entry in combinations for factor, values in entry.items())
