"""probes.py: every classifier learns what can be learnt; one a factor is fitted."""

import sys
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from support.known_codes import GRID, ONE_HOT
from threadpoolctl import threadpool_info, threadpool_limits

from dlib_bvae.errors import UnknownName
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine.probes import (
    Constant,
    accuracies,
    fit_all,
    fixed_order,
    in_threads,
    one_thread,
    standardised,
)
from dlib_bvae.metrics.engine.sampling import Sample, Sampler

NAMES = (
    "gradient_boosting_classifier",
    "linear",
    "logistic_regression",
    "logistic_regression_cv",
    "mlp",
    "random_forest",
)


def clusters(seed, scale=1.0):
    """Three far clusters in two of four dimensions: features (300, 4) and labels 0, 2, 5."""
    rng = np.random.default_rng(seed)
    which = rng.integers(3, size=300)
    means = np.array([[0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 0, 0]])
    return scale * (means[which] + rng.normal(size=(300, 4))), np.array([0, 2, 5])[which]


def accuracy(name, scale=1.0, seed=0):
    model = CLASSIFIERS.get(name)(random_state=seed).fit(*clusters(1, scale))
    features, labels = clusters(2, scale)
    return np.mean(model.predict(features) == labels)


def test_the_classifiers_have_names():
    assert list(NAMES) == [name for name in CLASSIFIERS.names() if name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_far_clusters_are_told_apart(name):
    assert accuracy(name) > 0.98


@pytest.mark.parametrize("name", ["gradient_boosting_classifier", "linear", "mlp", "random_forest"])
def test_small_features_are_told_apart_too(name):
    assert accuracy(name, scale=1e-4) > 0.98


@pytest.mark.parametrize("name", ["gradient_boosting_classifier", "mlp", "random_forest"])
def test_what_no_line_separates_is_learnt_by_those_that_can(name):
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (1200, 2))
    labels = (features[:, 0] > 0) ^ (features[:, 1] > 0)
    model = CLASSIFIERS.get(name)(random_state=0).fit(features[:800], labels[:800])
    assert np.mean(model.predict(features[800:]) == labels[800:]) > 0.9
    straight = CLASSIFIERS.get("logistic_regression")(random_state=0).fit(features[:800], labels[:800])
    assert np.mean(straight.predict(features[800:]) == labels[800:]) < 0.65


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_learns_the_same(name):
    features = np.random.default_rng(0).normal(size=(150, 3))
    labels = np.random.default_rng(1).integers(3, size=150)
    first, second = (CLASSIFIERS.get(name)(random_state=5).fit(features, labels).predict(features) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_unknown_classifier_lists_the_near_ones():
    with pytest.raises(UnknownName, match="no classifier is called 'random_forrest'; did you mean random_forest"):
        CLASSIFIERS.get("random_forrest")


@pytest.mark.filterwarnings("error")
def test_cross_validation_takes_the_penalty_that_does_best_on_the_folds():
    """Written out: ten C between 1e-4 and 1e4, five folds in order, the best mean accuracy, fitted again to all."""
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=200)
    features = rng.normal(size=(200, 6))
    features[:, :2] += 1.2 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    model = CLASSIFIERS.get("logistic_regression_cv")(random_state=0).fit(features, labels)
    means, penalties = [], np.logspace(-4, 4, 10)
    folds = np.array_split(np.arange(200), 5)
    for penalty in penalties:
        each_fold = []
        for fold in folds:
            others = np.setdiff1d(np.arange(200), fold)
            each = LogisticRegression(C=penalty, max_iter=1000).fit(features[others], labels[others])
            each_fold.append(each.score(features[fold], labels[fold]))
        means.append(np.mean(each_fold))
    best = int(np.argmax(means))
    assert means[best] > sorted(means)[-2] or means.count(max(means)) > 1
    assert np.unique(model.C_) == pytest.approx(penalties[best])
    refitted = LogisticRegression(C=penalties[best], max_iter=1000).fit(features, labels)
    assert np.array_equal(model.predict(features), refitted.predict(features))


def test_constant_codes_are_standardised_to_0():
    sample = Sample(np.array([[1.0, 5], [3, 5]]), np.zeros((2, 1), int))
    train, other = standardised(sample, Sample(np.array([[2.0, 6]]), np.zeros((1, 1), int)))
    assert train.codes.tolist() == [[-1, 0], [1, 0]]
    assert other.codes.tolist() == [[0, 1]]


def test_each_factor_has_its_classifier_in_order():
    train = Sampler("m", GRID, ONE_HOT, 0).draw("num", 200)
    models = fit_all(lambda seed: LogisticRegression(random_state=seed), train, 0)
    assert [len(model.classes_) for model in models] == [3, 4, 6, 5]
    same = Sample(train.codes, np.full((200, 1), 2))
    assert isinstance(fit_all(lambda seed: LogisticRegression(), same, 0)[0], Constant)


def test_warnings_are_passed_on_once():
    train = Sampler("m", GRID, GRID.rotated(), 0).draw("num", 200)
    with pytest.warns(ConvergenceWarning) as caught:
        fit_all(lambda seed: LogisticRegression(max_iter=1), train, 0)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_all(lambda seed: LogisticRegression(max_iter=1000), train, 0)


SETTINGS = {
    "linear": {
        "hidden_layer_sizes": (),
        "learning_rate_init": 1e-2,
        "max_iter": 500,
        "tol": 1e-4,
        "n_iter_no_change": 10,
    },
    "logistic_regression": {"C": 1.0, "max_iter": 5000},
    "logistic_regression_cv": {"Cs": 10, "max_iter": 100, "scoring": "accuracy"},
    "mlp": {
        "hidden_layer_sizes": (256,),
        "learning_rate_init": 1e-3,
        "max_iter": 500,
        "tol": 1e-4,
        "n_iter_no_change": 10,
    },
    "random_forest": {"n_estimators": 150},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_the_report_s_or_the_reference_s(name):
    model = CLASSIFIERS.get(name)(random_state=7)
    model = getattr(model, "steps", [("", model)])[-1][1]
    found = model.get_params()
    assert {key: found[key] for key in SETTINGS[name]} == SETTINGS[name]
    assert found["random_state"] == 7
    assert CLASSIFIERS.get("gradient_boosting_classifier")(random_state=7).n_estimators == 100


def test_the_accuracies_are_those_of_each_factor_s_classifier():
    train = Sampler("m", GRID, ONE_HOT, 0).draw("num", 200)
    models = fit_all(lambda seed: LogisticRegression(), train, 0)
    shuffled = train._replace(factors=np.where(np.arange(200)[:, None] < 50, 99, train.factors))
    assert accuracies(models, train).tolist() == [1, 1, 1, 1]
    assert accuracies(models, shuffled).tolist() == [0.75] * 4


def test_every_factor_s_classifier_has_its_own_seed():
    seeds = []
    fit_all(lambda seed: seeds.append(seed) or LogisticRegression(), Sampler("m", GRID, ONE_HOT, 0).draw("num", 200), 3)
    assert sorted(seeds) == sorted(np.random.default_rng(3).integers(2**31 - 1, size=4).tolist())


def test_a_constant_answers_with_the_only_label_it_saw():
    model = Constant().fit(np.zeros((5, 3)), np.full(5, 4))
    assert model.predict(np.zeros((2, 3))).tolist() == [4, 4]
    assert model.classes_.tolist() == [4]
    assert model.feature_importances_.tolist() == [0, 0, 0]


def test_columns_in_any_order_come_out_in_one():
    columns = np.array([[1, 1, 0, 1], [2, -1, 5, 2], [0, 0, 0, -3]])
    assert fixed_order(columns).tolist() == [2, 1, 3, 0]
    for places in ([3, 2, 1, 0], [1, 3, 0, 2]):
        moved = columns[:, places]
        assert moved[:, fixed_order(moved)].tolist() == [[0, 1, 1, 1], [5, -1, 2, 2], [0, 0, -3, 0]]


def test_trees_by_value_do_not_depend_on_the_order_of_equally_good_codes():
    rng = np.random.default_rng(0)
    factors = rng.integers(3, size=(200, 2))
    train = Sample(
        np.column_stack([factors[:, 0], -factors[:, 0], rng.normal(size=200).round(1)]).astype(float), factors
    )
    turned = Sample(train.codes[:, ::-1], train.factors[:, ::-1])
    make = lambda seed: DecisionTreeClassifier(random_state=seed)
    plain, moved = fit_all(make, train, 0, by_value=True), fit_all(make, turned, 0, by_value=True)
    for one, other in zip(plain, moved[::-1], strict=True):
        assert np.array_equal(one.feature_importances_, other.feature_importances_[::-1])
        assert np.array_equal(one.predict(train.codes), other.predict(turned.codes))


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_threads_hand_on_all_results_in_order_or_the_first_error(monkeypatch, cores, error):
    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    assert in_threads(lambda item: item**2, range(7)) == [0, 1, 4, 9, 16, 25, 36]
    assert in_threads(abs, []) == []

    def fail(item):
        if item >= 3:
            raise error(item)

    with pytest.raises(error):
        in_threads(fail, range(7))


def test_libraries_use_one_thread_in_the_block_also_those_that_came_since(monkeypatch):
    numbers = lambda: {each["num_threads"] for each in threadpool_info()}
    with threadpool_limits(2):
        with one_thread():
            assert numbers() == {1}
        assert 2 in numbers()
        monkeypatch.setitem(sys.modules, "another", sys)
        with one_thread():
            assert numbers() == {1}
