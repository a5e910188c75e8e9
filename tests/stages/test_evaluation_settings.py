"""evaluation_settings.py: what is refused, and which images of a split are scored."""

import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.errors import UserError
from dlib_bvae.stages.evaluation_settings import Settings, evaluation, split_subset


def test_its_defaults_score_all_images_once():
    expected = {"random_seed": 0, "split": "all", "repeats": 1, "sampling": "disjoint", "factor_bins": 10, "null": 0}
    assert evaluation() == Settings(**expected, screened_codes=0, costly_null=None)
    assert split_subset(datasets.load("dummy_data"), "all") is None


def test_costly_metrics_have_fewer_matchings_where_that_is_said():
    costly = [name for name in metrics.names() if metrics.is_costly(name)]
    assert costly == ["dci", "dci_random_forest", "unified_scores"]
    number = lambda name, **given: evaluation(**given).null_of(name)
    assert [number(name, null=20, costly_null=5) for name in ("mig", "dci_lasso", *costly)] == [20, 20, 5, 5, 5]
    assert [number("dci", null=20), number("dci", null=3, costly_null=5), number("dci", costly_null=5)] == [20, 3, 0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"random_seed": -1}, r"evaluation\.random_seed must be an integer >= 0; got -1"),
        ({"repeats": 0}, r"evaluation\.repeats must be an integer >= 1; got 0"),
        ({"costly_null": -1}, r"evaluation\.costly_null must be an integer >= 0; got -1"),
        ({"screened_codes": 1_001}, r"evaluation\.screened_codes must be an integer <= 1000; got 1001"),
        ({"null": -1}, r"evaluation\.null must be an integer >= 0; got -1"),
        ({"sampling": "disjunct"}, "evaluation.sampling must be one of disjoint, with_replacement; got 'disjunct'"),
        ({"split": "outside"}, r"evaluation\.split must be one of all, in, out; got 'outside'"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        evaluation(**wrong)
