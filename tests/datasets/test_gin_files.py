"""Every gin file of a data set names one that is there, and presets that are."""

from pathlib import Path

import gin
import pytest

from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.wrappers.presets import CORRELATIONS, HELD_OUT

FILES = sorted((Path(__file__).parents[2] / "gin" / "datasets").glob("*.gin"))


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
