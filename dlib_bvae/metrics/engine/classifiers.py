"""Classifiers by name, from scikit-learn: the four of the [Re] β-VAE report (Table 2), two of disentanglement_lib."""

from __future__ import annotations

import inspect
from typing import Any

import gin


@gin.configurable(denylist=["random_state"])
def logistic_regression(random_state: int, max_iter: int = 5_000) -> Any:
    """Multinomial logistic regression (L2, C = 1) on the raw features, run until it converges."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=max_iter, random_state=random_state)


@gin.configurable(denylist=["random_state"])
def linear(random_state: int, learning_rate: float = 1e-2, max_iter: int = 500) -> Any:
    """A softmax layer trained by stochastic gradient descent (Adam) on standardised features."""
    return _network((), random_state, learning_rate, max_iter)


@gin.configurable(denylist=["random_state"])
def mlp(random_state: int, learning_rate: float = 1e-3, max_iter: int = 500) -> Any:
    """One hidden layer of 256 ReLU units, trained by Adam on standardised features; without the report's test-time dropout."""
    return _network((256,), random_state, learning_rate, max_iter)


@gin.configurable(denylist=["random_state"])
def random_forest(random_state: int, n_estimators: int = 150) -> Any:
    """A random forest of 150 trees on the raw features."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=n_estimators, n_jobs=-1, random_state=random_state)


@gin.configurable(denylist=["random_state"])
def gradient_boosting_classifier(random_state: int, n_estimators: int = 100) -> Any:
    """Gradient boosted trees of depth 3: n_estimators stages of one tree a class, on the raw features."""
    from dlib_bvae.metrics.engine.boosting import boosted_trees

    return boosted_trees(n_estimators, random_state)


@gin.configurable(denylist=["random_state"])
def logistic_regression_cv(random_state: int, max_iter: int = 100) -> Any:
    """Logistic regression whose C is one of 10 between 1e-4 and 1e4: the one of best accuracy in 5-fold cross-validation."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import KFold

    # scikit-learn 1.8 began to change these defaults; before it does not know them, or warns of l1_ratios.
    changed = "use_legacy_attributes" in inspect.signature(LogisticRegressionCV).parameters
    now = {"l1_ratios": (0.0,), "use_legacy_attributes": False} if changed else {}
    folds = KFold(n_splits=5)
    return LogisticRegressionCV(
        Cs=10, cv=folds, scoring="accuracy", max_iter=max_iter, random_state=random_state, **now
    )


def _network(hidden: tuple[int, ...], random_state: int, learning_rate: float, max_iter: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier(
        hidden,
        learning_rate_init=learning_rate,
        max_iter=max_iter,
        tol=1e-4,
        n_iter_no_change=10,
        random_state=random_state,
    )
    # Codes of dead latents differ by 1e-4 and less; without a common scale gradient descent would not see them in time.
    return make_pipeline(StandardScaler(), network)
