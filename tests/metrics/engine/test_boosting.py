"""boosting.py: the trees of scikit-learn's GradientBoostingClassifier, from histograms; that class where they do not fit."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier

from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.engine import boosting
from dlib_bvae.metrics.engine.boosting import BoostedTrees, boosted_trees, misfit, recorded_trees

PRIVATE = "sklearn.ensemble._hist_gradient_boosting.grower"


def sample(seed, classes, images=600, levels=40):
    """Codes of `levels` values (images, 5), the first two of which tell of the labels (images,)."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(levels, size=(images, 5)) / levels
    signal = codes[:, 0] + 0.5 * codes[:, 1] ** 2 + 0.2 * rng.normal(size=images)
    return codes, np.searchsorted(np.quantile(signal, np.arange(1, classes) / classes), signal) * 3 - 1


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_codes_of_few_values_give_scikit_learn_s_trees(classes):
    codes, labels = sample(1, classes)
    fresh, _ = sample(2, classes)
    ours = [BoostedTrees(15, seed).fit(codes, labels) for seed in range(4)]
    theirs = [GradientBoostingClassifier(n_estimators=15, random_state=seed).fit(codes, labels) for seed in range(4)]
    assert np.array_equal(ours[0].classes_, theirs[0].classes_)
    for images in (codes, fresh):
        agree = [np.mean(o.predict(images) == t.predict(images)) for o in ours for t in theirs]
        # In late stages a node has several splits that are equally good, and a seed chooses: some choose alike.
        assert max(agree) > 0.995  # a fresh code may lie on a threshold, which is in single precision there
        assert min(agree) > 0.9


def test_without_equally_good_splits_the_importances_are_scikit_learn_s_to_rounding():
    codes, labels = sample(4, 3, images=4000)
    ours = BoostedTrees(10, 0).fit(codes, labels).feature_importances_
    theirs = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(codes, labels).feature_importances_
    assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_codes_without_equal_values_give_nearly_scikit_learn_s_trees(classes):
    codes, fresh = np.random.default_rng(0).normal(size=(2, 3000, 6))
    noise = np.random.default_rng(1).normal(size=3000)
    signal = codes[:, 0] + 0.6 * codes[:, 1] + 0.3 * noise
    labels = np.searchsorted(np.quantile(signal, np.arange(1, classes) / classes), signal)
    ours = BoostedTrees(25, 0).fit(codes, labels)
    theirs = GradientBoostingClassifier(n_estimators=25, random_state=0).fit(codes, labels)
    assert ours.feature_importances_ == pytest.approx(theirs.feature_importances_, abs=2e-3)
    assert np.mean(ours.predict(codes) == theirs.predict(codes)) > 0.98
    assert np.mean(ours.predict(fresh) == theirs.predict(fresh)) > 0.98


def test_the_first_stage_is_scikit_learn_s_for_any_codes():
    codes = np.random.default_rng(3).normal(size=(2000, 4))
    labels = (codes[:, 0] + np.random.default_rng(4).normal(size=2000) > 1.5) + 2 * (codes[:, 1] > 1)
    ours, theirs = BoostedTrees(1, 0).fit(codes, labels), GradientBoostingClassifier(n_estimators=1).fit(codes, labels)
    assert ours.feature_importances_ == pytest.approx(theirs.feature_importances_, abs=1e-6)


def test_copies_of_a_code_share_its_importance():
    codes, labels = sample(5, 4)
    single = BoostedTrees(40, 0).fit(codes, labels).feature_importances_
    doubled = BoostedTrees(40, 0).fit(np.hstack([codes, codes[:, :1]]), labels).feature_importances_
    assert doubled[[0, 5]].sum() == pytest.approx(single[0], abs=0.01)
    assert min(doubled[[0, 5]]) > 0.3 * single[0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1), st.permutations(range(5)), st.floats(1e-3, 1e3), st.booleans())
def test_order_and_scale_of_codes_do_not_matter(seed, order, scale, flip):
    codes, labels = sample(seed, 3, images=200)
    plain = BoostedTrees(3, 0).fit(codes, labels)
    changed = BoostedTrees(3, 0).fit(codes[:, order] * (-scale if flip else scale), labels)
    # Equally good splits are frequent among 200 images, and which is taken may move a later one.
    assert changed.feature_importances_ == pytest.approx(plain.feature_importances_[order], abs=0.05)


def test_the_seed_decides_everything():
    codes, labels = sample(6, 4)
    codes = np.hstack([codes, codes])
    first, again, other = (BoostedTrees(20, seed).fit(codes, labels) for seed in (0, 0, 1))
    assert np.array_equal(first.feature_importances_, again.feature_importances_)
    assert not np.array_equal(first.feature_importances_, other.feature_importances_)


def test_codes_that_tell_nothing_have_no_importance():
    labels = np.arange(40) % 2
    model = BoostedTrees(5, 0).fit(np.ones((40, 3)), labels)
    assert np.array_equal(model.feature_importances_, np.zeros(3))
    assert np.array_equal(np.unique(model.predict(np.zeros((7, 3)))), [0])


def test_values_beyond_those_fitted_fall_into_the_outer_leaves():
    codes = np.repeat([[0.0], [1.0], [2.0]], 10, axis=0)
    model = BoostedTrees(20, 0).fit(codes, np.repeat([5, 7, 9], 10))
    assert np.array_equal(model.predict(np.array([[-1e9], [0.4], [1.4], [1e9]])), [5, 5, 7, 9])


@pytest.fixture
def tested_anew(monkeypatch):
    """The fit of the histogram trees is tested again, in this test and after it."""
    misfit.cache_clear()
    yield monkeypatch
    misfit.cache_clear()


@pytest.mark.skipif(misfit() is not None, reason="this version of scikit-learn has other private modules")
def test_where_they_fit_histogram_trees_are_grown_and_no_parameter_says_so(capsys):
    with recorded_trees() as parameters:
        model = boosted_trees(7, 3)
    assert isinstance(model, BoostedTrees)
    assert (model.n_estimators, model.random_state) == (7, 3)
    assert parameters == {}
    assert capsys.readouterr().err == ""


def without_the_module(monkeypatch):
    monkeypatch.setitem(sys.modules, PRIVATE, None)


def with_another_signature(monkeypatch):
    class TreeGrower:
        def __init__(self, columns, gradients):
            raise AssertionError("never called with two arguments")

    monkeypatch.setattr(f"{PRIVATE}.TreeGrower", TreeGrower)


def with_other_importances(monkeypatch):
    monkeypatch.setattr(boosting, "_DEPTH", 2)


def with_other_predictions(monkeypatch):
    monkeypatch.setattr(BoostedTrees, "predict", lambda self, codes: np.repeat(self.classes_[:1], len(codes)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_the_module, "ModuleNotFoundError: "),
        (with_another_signature, "TypeError: "),
        (with_other_importances, "they have other importances"),
        (with_other_predictions, "they predict otherwise"),
    ],
)
@pytest.mark.parametrize("make", [boosted_trees, CLASSIFIERS.get("gradient_boosting_classifier")])
def test_where_they_do_not_fit_scikit_learn_s_public_class_takes_over(make, change, reason, tested_anew, capsys):
    if misfit() is not None and "they" in reason:
        pytest.skip("this version of scikit-learn has other private modules")
    misfit.cache_clear()
    capsys.readouterr()
    change(tested_anew)
    codes, labels = sample(1, 3, images=200)
    with recorded_trees() as parameters:
        models = [make(n_estimators=4, random_state=seed) for seed in (5, 6)]
    assert all(type(model) is GradientBoostingClassifier for model in models)
    expected = GradientBoostingClassifier(n_estimators=4, random_state=5).fit(codes, labels)
    assert np.array_equal(models[0].fit(codes, labels).feature_importances_, expected.feature_importances_)
    assert np.array_equal(models[0].predict(codes), expected.predict(codes))
    assert parameters == {"trees": "exact"}
    (line,) = capsys.readouterr().err.splitlines()
    assert f"do not fit ({reason}" in line
    assert line.endswith('results record trees = "exact"')
    with recorded_trees() as parameters:
        pass
    assert parameters == {}
