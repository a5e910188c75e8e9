"""former_names.py: today's names in place of former ones, and in nothing else."""

import pytest

from dlib_bvae.artifacts.identity import config_hash
from dlib_bvae.artifacts.record import config_dict
from dlib_bvae.former_names import current_key


@pytest.mark.parametrize(
    ("former", "today"),
    [
        ("fid.seed", "frechet_curve.seed"),
        ("a/b/fid.seed", "a/b/frechet_curve.seed"),
        ("validation.every", "validation.every_steps"),
        ("validation.seed", "validation.seed"),
        ("fid", "fid"),
        ("vae.fid", "vae.fid"),
    ],
)
def test_the_name_of_a_parameter(former, today):
    assert current_key(former) == today
    assert current_key(today) == today


def test_a_configuration_keeps_its_name():
    former = {"fid.seed": 1, "fid.every_steps": 2, "validation.every": 3, "vae.beta": 4.0}
    today = {current_key(key): value for key, value in former.items()}
    assert config_hash(today) == config_hash(former)
    assert config_dict("fid.every_steps = 2\nvalidation.every = 3\n") == {
        "frechet_curve.every_steps": 2,
        "validation.every_steps": 3,
    }
