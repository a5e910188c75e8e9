"""evaluation_settings.py: what is refused, and which images of a split are scored."""

import pytest

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.stages.evaluation_settings import Settings, evaluation, split_subset


def test_its_defaults_score_all_images_once():
    expected = {"random_seed": 0, "split": "all", "repeats": 1, "sampling": "disjoint", "factor_bins": 10, "null": 0}
    assert evaluation() == Settings(**expected, screened_codes=0)
    assert split_subset(datasets.load("dummy_data"), "all") is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"random_seed": -1}, r"evaluation\.random_seed must be an integer >= 0; got -1"),
        ({"repeats": 0}, r"evaluation\.repeats must be an integer >= 1; got 0"),
        ({"screened_codes": 1_001}, r"evaluation\.screened_codes must be an integer <= 1000; got 1001"),
        ({"null": -1}, r"evaluation\.null must be an integer >= 0; got -1"),
        ({"sampling": "disjunct"}, "evaluation.sampling must be one of disjoint, with_replacement; got 'disjunct'"),
        ({"split": "outside"}, r"evaluation\.split must be one of all, in, out; got 'outside'"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        evaluation(**wrong)
