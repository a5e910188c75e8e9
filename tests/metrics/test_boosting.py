"""boosting.py: the trees of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_codes import GRID, mixed
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.tree import DecisionTreeRegressor

from dlib_bvae.metrics import boosting
from dlib_bvae.metrics.boosting import BoostedTrees, _columns, _Grower


def known(classes, seed=0, images=800):
    """Codes (images, 5), three of which tell something of the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=images)
    codes = rng.normal(size=(images, 5))
    codes[:, 0] += labels
    codes[:, 1] += np.sin(labels)
    codes[:, 2] *= 1 + labels % 2
    return codes, labels


def grown(seed, images, step):
    """A tree of each on codes in steps: (theirs, their leaves, ours, our leaves, our importances)."""
    rng = np.random.default_rng(seed)
    codes = np.round(rng.normal(size=(images, 4)) / step) * step + rng.normal(size=4)
    residual = rng.normal(size=images) + codes[:, 0]
    theirs = DecisionTreeRegressor(max_depth=3, random_state=0).fit(codes, residual)
    grower = _Grower(_columns(codes), np.random.default_rng(0))
    tree, leaves = grower.grow(residual)
    return theirs, theirs.apply(codes), tree, leaves, grower.importance / images


def same_parts(first, second):
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(20, 300), st.sampled_from([1e-3, 0.3, 2.0]))
def test_a_tree_parts_the_images_as_scikit_learn_s(seed, images, step):
    theirs, their_leaves, _, leaves, importance = grown(seed, images, step)
    assert importance.sum() == pytest.approx(theirs.tree_.compute_feature_importances(normalize=False).sum())
    assert same_parts(leaves, their_leaves)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step", [1e-3, 0.3])
def test_a_tree_has_scikit_learn_s_thresholds_and_importances(seed, step):
    theirs, _, tree, _, importance = grown(seed, 2000, step)
    assert importance == pytest.approx(theirs.tree_.compute_feature_importances(normalize=False))
    fresh = np.random.default_rng(seed).normal(size=(500, 4)) * 2
    assert same_parts(tree.leaves(_columns(fresh)), theirs.apply(fresh))


def test_two_classes_are_scikit_learn_s_to_the_last_digits():
    codes, labels = known(2, seed=1, images=2000)
    mine, theirs = BoostedTrees(6).fit(codes, labels), GradientBoostingClassifier(n_estimators=6).fit(codes, labels)
    assert mine.feature_importances_ == pytest.approx(theirs.feature_importances_, abs=1e-9)
    fresh, _ = known(2, seed=2)
    assert np.array_equal(mine.predict(fresh), theirs.predict(fresh))


def test_more_classes_are_scikit_learn_s_but_for_ties():
    """Residuals of the first stage have two values only, so that many splits are equally good: as between two seeds."""
    codes, labels = known(7, images=1500)
    fresh, _ = known(7, seed=1)
    theirs = [GradientBoostingClassifier(n_estimators=5, random_state=s).fit(codes, labels) for s in range(4)]
    mine = [BoostedTrees(5, s).fit(codes, labels) for s in range(4)]
    importances = [np.mean([each.feature_importances_ for each in models], axis=0) for models in (mine, theirs)]
    assert importances[0] == pytest.approx(importances[1], abs=0.004)
    told = [[each.predict(fresh) for each in models] for models in (mine, theirs)]
    assert np.mean([a == b for a in told[0] for b in told[1]]) > 0.95
    assert np.mean([a == b for a, b in zip(told[1], told[1][1:], strict=False)]) < 1


def test_names_of_classes_come_back():
    codes, labels = known(3)
    names = np.array([7, 2, 40])[labels]
    model = BoostedTrees(40).fit(codes, names)
    assert np.array_equal(model.classes_, [2, 7, 40])
    assert np.mean(model.predict(codes) == names) > 0.75


def test_equal_codes_share_their_importance_and_constant_ones_have_none():
    codes, labels = known(3)
    importance = BoostedTrees(20).fit(codes[:, [0, 0, 3]] * [1, 1, 0], labels).feature_importances_
    assert importance[2] == 0
    assert importance[:2] == pytest.approx([0.5, 0.5], abs=0.2)
    assert BoostedTrees(3).fit(np.ones((800, 2)), labels).feature_importances_.tolist() == [0, 0]


def test_the_size_of_blocks_does_not_matter_and_the_seed_settles_ties(monkeypatch):
    codes, labels = known(3)
    whole = BoostedTrees(4, 5).fit(codes, labels).feature_importances_
    assert np.array_equal(BoostedTrees(4, 5).fit(codes, labels).feature_importances_, whole)
    monkeypatch.setattr(boosting, "_BLOCK", 1600)
    assert np.array_equal(BoostedTrees(4, 5).fit(codes, labels).feature_importances_, whole)


@pytest.mark.parametrize("images", [2, 3, 5])
def test_few_images_are_enough(images):
    labels = np.arange(images) % 3
    codes = mixed(GRID)[:images]
    assert np.array_equal(BoostedTrees(30).fit(codes, labels).predict(codes), labels)
