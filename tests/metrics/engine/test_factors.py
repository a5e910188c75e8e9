"""factors.py: continuous factors are binned where a metric counts, numbers where it regresses; missing values do not count."""

import numpy as np
import pytest

from dlib_bvae import metrics
from dlib_bvae.datasets.external.labels import of_arrays
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.factors import binned
from dlib_bvae.metrics.engine.sampling import Sampler

RNG = np.random.default_rng(0)
NUMBERS = RNG.random((2_000, 2))
CONTINUOUS = ["continuous", "continuous"]
SMALL = {"num_train": 1_000, "num_test": 500}


def score(name, factors=NUMBERS, codes=NUMBERS, kinds=CONTINUOUS, **parameters):
    return metrics.score(name, factors=factors, codes=codes, factor_kinds=kinds, **parameters)


@pytest.mark.parametrize(("name", "key"), [("mig", "discrete_mig"), ("dcimig", "dcimig"), ("snc", "snc")])
def test_true_continuous_factors_are_found_and_noise_is_not(name, key):
    assert score(name)[key] > 0.88
    assert score(name, codes=RNG.random((2_000, 2)))[key] < 0.05


def test_trees_of_continuous_factors_end_and_read_them():
    found = score("dci", n_estimators=2, num_train=600, num_test=400)
    assert min(found["disentanglement"], found["informativeness_test"]) > 0.95
    assert found["factor_bins"] == {"factor_0": 10, "factor_1": 10}


def test_bins_hold_equally_many_images_and_results_say_how_many_there_are():
    data = of_arrays(np.column_stack([NUMBERS[:, 0] ** 3, np.arange(2_000) % 4]), None, ["continuous", None])
    with binned(7) as record:
        sampler = Sampler("m", data, NUMBERS, 0)
        factors = sampler.at(np.arange(2_000)).factors
    assert record == {"factor_bins": {"factor_0": 7}}
    assert sampler.sizes == [7, 4]
    assert np.ptp(np.bincount(factors[:, 0])) <= 1
    assert (np.diff(factors[np.argsort(NUMBERS[:, 0]), 0]) >= 0).all()
    with pytest.raises(UserError, match="factor_bins must be an integer >= 2; got 1"):
        score("mig", factor_bins=1)


def test_factors_of_few_values_and_metrics_without_factors_are_not_binned():
    few = np.column_stack([np.arange(2_000) % 9, np.arange(2_000) % 8])
    assert score("mig", few, few + 0.0) == {**score("mig", few, few + 0.0, kinds=None)}
    assert "factor_bins" not in score("unsupervised")
    angles = np.column_stack([np.arange(2_000) % 100, np.arange(2_000) % 360])
    assert score("mig", angles, kinds=["cyclic", "cyclic"])["factor_bins"] == {"factor_1": 10}


@pytest.mark.parametrize("name", ["sap", "dci_lasso"])
def test_what_regresses_takes_numbers(name):
    # Ranks of x would be explained by x³ far worse than x itself.
    skewed = NUMBERS**6
    found = score(name, skewed, skewed, **SMALL)
    assert found["SAP_score" if name == "sap" else "informativeness_test"] > 0.98


@pytest.mark.parametrize(("name", "given"), [("sap", {"continuous_factors": True}), ("dci_lasso", {})])
@pytest.mark.parametrize("kind", ["categorical", "cyclic"])
def test_what_is_no_number_is_refused_before_codes_are_read(name, given, kind):
    unread = np.full((90, 2), np.nan)
    factors = np.column_stack([np.arange(90) % 3, np.arange(90) % 2])
    with pytest.raises(NotApplicable, match=f"{name} takes factors for numbers, and 'factor_0' is {kind}"):
        score(name, factors, unread, [kind, "categorical"], **given)


def holed(share, *arrays):
    """The arrays with the same share of entries missing."""
    gone = np.random.default_rng(1).random(arrays[0].shape) < share
    return [np.where(gone, np.nan, array) for array in arrays]


METRICS = {
    "mig": ("discrete_mig", {}),
    "jemmig": ("jemmig", {}),
    "med": ("disentanglement", {}),
    "mig_sup": ("mig_sup", {}),
    "dcimig": ("dcimig", {}),
    "irs": ("IRS", {}),
    "irs_dlib": ("IRS", {}),
    "snc": ("snc", {}),
    "sap": ("SAP_score", {}),
    "sap_dlib": ("SAP_score", {"continuous_factors": True}),
    "infomec": ("infoe_test", {}),
    "modularity_explicitness": ("explicitness_score_test", {}),
    "dci": ("informativeness_test", {"n_estimators": 5}),
    "dci_lasso": ("informativeness_test", {}),
    "dci_es": ("best_accuracy", {"widths": [16, 64]}),
    "downstream_task": ("500:mean_test_accuracy", {"num_train": [500]}),
    "reduced_downstream_task": ("500:mean_test_accuracy_other_factors", {"num_train": [500]}),
    "unified_scores": ("importance_gbt_matrix.dci_disentanglement", {"n_estimators": 2}),
}


@pytest.mark.parametrize("name", METRICS)
def test_an_image_counts_for_the_factors_that_it_has(name):
    key, parameters = METRICS[name]
    factors = np.random.default_rng(2).integers(3, size=(1_200, 2)).astype(float)
    parameters = {**({"num_train": 800} if "num_train" not in parameters else {}), **parameters}
    whole = metrics.score(name, factors=factors, codes=factors, **parameters)[key]
    (some,) = holed(0.3, factors)
    found = metrics.score(name, factors=some, codes=factors, **parameters)
    assert found[key] == pytest.approx(whole, abs=0.06)


def test_a_factor_that_no_drawn_image_has_is_named():
    factors = np.array([[0.0, 1], [1, 0]] * 500)
    factors[2:, 1] = np.nan
    with pytest.raises(UserError, match="(none of the 20 images that mig draws has a value|one value) of 'factor_1'"):
        metrics.score("mig", factors=factors, codes=factors[:, :1], num_train=20)


def test_metrics_that_choose_factors_refuse_labels_in_any_combination():
    for name in ("beta_vae", "factor_vae_score", "fairness", "strong_downstream_task"):
        with pytest.raises(NotApplicable, match=f"{name} compares images with chosen factors"):
            score(name)
