"""svm.py: the optimum of scikit-learn's LinearSVC."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from dlib_bvae.metrics.engine.svm import OneCodeSVM


def reference(codes, labels):
    model = LinearSVC(C=0.01, class_weight="balanced", dual=False, tol=1e-12, max_iter=100_000, random_state=0)
    return model.fit(codes[:, None], labels)


@pytest.mark.parametrize("scale", [1e-3, 1, 30])
@pytest.mark.parametrize("classes", [2, 3, 12])
def test_weights_and_predictions_are_liblinear_s(classes, scale):
    rng = np.random.default_rng(classes)
    labels = rng.integers(classes, size=(2, 600)).min(axis=0) * 2 - 1  # few of the last, and not 0, 1, 2, …
    codes = scale * (labels + rng.normal(size=600) + 0.7)
    mine, theirs = OneCodeSVM(0.01).fit(codes, labels), reference(codes, labels)
    rows = mine.weights[:, -len(theirs.coef_) :]
    assert rows[0] == pytest.approx(theirs.coef_[:, 0], rel=1e-4, abs=1e-5)
    assert rows[1] == pytest.approx(theirs.intercept_, rel=1e-4, abs=1e-5)
    assert np.mean(mine.predict(codes) == theirs.predict(codes[:, None])) > 0.998


@pytest.mark.parametrize("codes", [np.zeros(90), np.full(90, -4.0), np.arange(90) % 3 * 1000.0 + 1e4])
def test_odd_codes_are_fitted_too(codes):
    labels = np.minimum(np.arange(90) % 4, 2)
    assert np.array_equal(
        OneCodeSVM(0.01).fit(codes, labels).predict(codes), reference(codes, labels).predict(codes[:, None])
    )


def test_no_other_point_is_better():
    """Against the objective as it is written, at random points around the minimum."""
    rng = np.random.default_rng(0)
    labels, codes = rng.integers(3, size=50), rng.normal(size=50)
    weights = OneCodeSVM(0.5).fit(codes, labels).weights

    def objective(w, b, own):
        sign = np.where(labels == own, 1, -1)
        cost = np.where(labels == own, 0.5 * 50 / (3 * np.sum(labels == own)), 0.5)
        return 0.5 * (w * w + b * b) + np.sum(cost * np.maximum(0, 1 - sign * (w * codes + b)) ** 2)

    for own, (w, b) in enumerate(weights.T):
        least = objective(w, b, own)
        assert all(objective(w + d, b + e, own) > least for d, e in rng.normal(scale=1e-3, size=(100, 2)))
