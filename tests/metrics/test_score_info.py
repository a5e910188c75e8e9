"""score_info.py: what a file says of its metrics is found, and read as it says."""

import pytest

from dlib_bvae import metrics
from dlib_bvae.metrics import METRICS
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import COUNT, UNIT, Matrix, Sampling, Score, info_of, said_by


def test_a_key_is_found_by_name_or_by_pattern_the_first_that_fits():
    scores = {"a": UNIT, "*_std": COUNT, "*": Score(None, None, False)}
    assert info_of(scores, "a") == UNIT
    assert info_of(scores, "b_std") == COUNT
    assert info_of(scores, "b") == (None, None, False, None, "permutation")
    assert info_of({"a*": UNIT}, "b") is None


def test_a_matrix_goes_from_zero_as_far_as_it_goes_unless_it_says_otherwise():
    assert Matrix("code", "factor", "nats")[3:5] == (0.0, None)


def test_small_parameters_are_the_defaults_but_for_those_that_are_larger():
    defaults = {"num": 100, "few": 3, "sizes": (5, 60, 65), "large": (90, 95), "trees": 50, "other": 999}
    sampling = Sampling(images=("num", "few", "sizes", "large", "absent"), fits=("trees", "missing"))
    assert sampling.small(defaults, 70, 4) == {"num": 70, "few": 3, "sizes": [5, 60], "large": [70], "trees": 4}
    assert sampling.small({}, 70, 4) == Sampling().small(defaults, 70, 4) == {}


def test_small_parameters_of_a_metric_are_those_that_its_file_names():
    assert metrics.small_parameters("mig", images=50, fits=2) == {"num_train": 50}
    expected = {"num_train": 50, "num_test": 50, "n_estimators": 2}
    assert metrics.small_parameters("dci", images=50, fits=2) == expected
    assert metrics.small_parameters("dci_lasso", images=50, fits=2) == {"num_train": 50, "num_test": 50}
    assert metrics.small_parameters("downstream_task", images=50, fits=2) == {"num_train": [10], "num_test": 50}


def test_what_a_file_does_not_say_is_the_default(monkeypatch):
    from dlib_bvae.metrics import mig

    for name in ("SCORES", "MATRICES", "SAMPLING"):
        monkeypatch.delattr(mig, name)
    assert (metrics.scores_of("mig"), metrics.matrices("mig"), metrics.small_parameters("mig", 5, 5)) == ({}, {}, {})
    assert said_by(METRICS, "mig", "SAMPLING", "none") == "none"
    assert said_by(RUN_SET_METRICS, "udr", "SCORES", {})["udr"].low == 0


@pytest.mark.parametrize("name", metrics.METRICS.names())
def test_parameters_that_are_said_to_be_numbers_of_images_exist(name):
    sampling = said_by(METRICS, name, "SAMPLING", Sampling())
    page = METRICS.get(name).__module__
    siblings = [each for each in METRICS.names() if METRICS.get(each).__module__ == page]
    known = {key for each in siblings for key in metrics.small_parameters(each, 5, 5)}
    assert known == {*sampling.images, *sampling.fits}


def test_every_metric_has_a_version_and_an_identity_is_what_it_was_before_versions_had_their_name():
    names = [*METRICS.names(), *RUN_SET_METRICS.names()]
    assert {name: found for name in names if (found := metrics.version(name)) > 1} == dict.fromkeys(
        ("dci_es", "dci_lasso", "image_quality", "infomec", "jemmig", "med", "snc", "strong_downstream_task"), 2
    )
    assert metrics.identified("mig") == {"metric": "mig"}
    assert metrics.identified("dci_lasso") == {"metric": "dci_lasso", "definition": 2}
